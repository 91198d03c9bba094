"""The identity of trainings: what changes the digest that names their folder in the store, and what does not."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, create_model
from tiny import SPACES, small_splits

from supernet.config.base import Model
from supernet.config.identity import Identity, completed, standalone_identity
from supernet.config.jobs import TruthJob
from supernet.config.study import Data, Evaluation, Protocol, Truth
from supernet.training.evaluator import Evaluator
from supernet.training.standalone import train_standalone

JOB: dict[str, Any] = {
    "space": "nasbench101",
    "truth": {"channels": 4, "layers": 3, "epochs": 2, "batch_size": 8, "train_portion": 0.54},
    "study_seed": 0,
    "data": {"name": "digits"},
    "protocol": {},
    "evaluation": {},
}
OTHER = {
    "truth": {
        "channels": 8, "layers": 6, "epochs": 3, "batch_size": 16, "train_portion": 0.5, "learning_rate": 0.2,
        "weight_decay": 0.0,
    },
    "data": {
        "name": "cifar10", "test_portion": 0.5, "scoring_portion": 0.25, "crop_padding": 1, "flip": False,
        "resolution": 4,
    },
    "protocol": {
        "momentum": 0.5, "final_learning_rate": 0.5, "clip": 1.0, "bn_momentum": "authors_code",
        "nasbench101_widths": "doubled", "channels_last": False, "precision": "bfloat16",
    },
    "evaluation": {"batch_size": 10},
}  # fmt: skip
"""Another value of each key on which a stand-alone training depends."""
IRRELEVANT = {
    "protocol": {
        "random_paths": 2, "fairnas_gradient": "mean", "fairnas_budget": "equal_steps", "few_shot_shared": 0.25,
        "epoch_images": "all", "untouched": "decay",
        "outer_norms": "affine+tracking", "darts_drop_path": "edge", "darts_concat": "all",
        "landmarks": 5, "landmark_pairs": 2, "landmark_weight": 1.0, "landmark_start": 0.5,
    },
    "evaluation": {"recalibration_batches": 1, "dropout_at_evaluation": True, "shuffle_at_evaluation": True},
}  # fmt: skip
"""Another value of each other key of these sections."""


def job(*changes: tuple[str, str, Any], **more: Any) -> TruthJob:
    values = {**JOB, **more}
    for section, key, value in changes:
        values[section] = {**values[section], key: value}
    return TruthJob.model_validate(values)


def pairs(table: dict[str, dict[str, Any]]) -> list[tuple[str, str, Any]]:
    return [(section, key, value) for section, keys in table.items() for key, value in keys.items()]


def test_every_key_is_in_one_of_the_tables_of_this_file() -> None:
    for section, model in (("truth", Truth), ("data", Data), ("protocol", Protocol), ("evaluation", Evaluation)):
        assert {*OTHER[section], *IRRELEVANT.get(section, {})} == set(model.model_fields), section


@pytest.mark.parametrize(("section", "key", "value"), pairs(OTHER))
def test_every_key_that_matters_changes_the_digest(section: str, key: str, value: Any) -> None:
    changed, plain = standalone_identity(job((section, key, value))), standalone_identity(job())
    assert changed.digest != plain.digest
    assert f"{section}.{key}" in changed.changed(plain.values)


@pytest.mark.parametrize("change", [{"space": "darts"}, {"study_seed": 1}])
def test_space_and_study_seed_change_the_digest(change: dict[str, Any]) -> None:
    assert standalone_identity(job(**change)).digest != standalone_identity(job()).digest


@pytest.mark.parametrize(("section", "key", "value"), pairs(IRRELEVANT))
def test_no_other_key_does(section: str, key: str, value: Any) -> None:
    changed = standalone_identity(job((section, key, value)))
    assert changed == standalone_identity(job())


def test_widths_of_nasbench101_matter_there_alone() -> None:
    change = ("protocol", "nasbench101_widths", "doubled")
    assert standalone_identity(job(change, space="darts")) == standalone_identity(job(space="darts"))


@settings(max_examples=60, deadline=None)
@given(st.sets(st.sampled_from(pairs(OTHER)), max_size=5).map(list), st.data())
def test_defaults_that_are_written_change_nothing(changes: list[tuple[str, str, Any]], data: st.DataObject) -> None:
    changes = [one for one in changes if one[1] not in ("name", "test_portion")]
    written = job(*changes)
    models = {"truth": Truth, "data": Data, "protocol": Protocol, "evaluation": Evaluation}
    own = {(section, key) for section, key, _ in changes} | {("truth", key) for key in JOB["truth"]}
    defaults = [
        (section, key, field.default)
        for section, model in models.items()
        for key, field in model.model_fields.items()
        if not field.is_required() and (section, key) not in own and field.default is not None
    ]
    more = data.draw(st.lists(st.sampled_from(defaults), unique_by=lambda one: one[:2]))
    found = standalone_identity(job(*changes, *more))
    assert found.digest == standalone_identity(written).digest and found.changed(found.values) == []
    assert standalone_identity(TruthJob.model_validate_json(written.model_dump_json())) == standalone_identity(written)


def model(**fields: Any) -> type[Model]:
    return create_model("Section", __base__=Model, **fields)


def test_a_new_key_at_its_default_changes_no_digest_and_a_new_default_is_a_change() -> None:
    old = Identity.of({"space": "darts", "recipe": model(rate=(float, 0.1))()})
    grown = model(rate=(float, 0.1), warmup=(int, Field(default=0)))
    new = Identity.of({"space": "darts", "recipe": grown()})
    assert old.chosen == new.chosen == {"space": "darts"} and old.digest == new.digest
    assert new.changed(old.values) == []
    used = Identity.of({"space": "darts", "recipe": grown(warmup=5)})
    assert used.digest != old.digest
    moved = Identity.of({"space": "darts", "recipe": model(rate=(float, 0.2))()})
    assert moved.digest == old.digest, "which is why recorded values are compared"
    assert moved.changed(old.values) == ["recipe.rate"]
    gone = Identity.of({"space": "darts", "recipe": model()()})
    assert gone.changed(old.values) == ["recipe.rate"]
    assert [gone.changed(other) for other in (None, 3, {"recipe": []})] == [["all"], ["all"], ["recipe"]]


def test_recorded_values_are_completed_at_every_depth() -> None:
    assert completed({"a": {"b": 1}}, {"a": {"b": 2, "c": 3}, "d": 4}) == {"a": {"b": 1, "c": 3}, "d": 4}


class Spy:
    """A section that notes which of its keys are read."""

    def __init__(self, section: Model, read: set[str]) -> None:
        self._section, self._read = section, read

    def __getattr__(self, name: str) -> Any:
        self._read.add(name)
        return getattr(self._section, name)


@pytest.mark.parametrize("name", SPACES)
def test_a_training_reads_no_key_that_its_identity_lacks(name: str) -> None:
    layers = None if name == "macro" else 3
    whole, read = job(("truth", "layers", layers), space=name), set[str]()
    spied: Any = SimpleNamespace(
        **{key: getattr(whole, key) for key in TruthJob.model_fields} | {"protocol": Spy(whole.protocol, read)}
    )
    space, splits = SPACES[name], small_splits()
    arch = space.sample(np.random.default_rng(0))
    evaluator = Evaluator(splits, whole.evaluation, spied.protocol.channels_last)
    train_standalone(spied, space, arch, 0, splits, evaluator)
    known = set(standalone_identity(whole).values["protocol"])
    assert read - {"nasbench101_widths"} <= known and {"momentum", "clip", "precision"} <= read
