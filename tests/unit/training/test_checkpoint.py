"""Checkpoints: which damage is found, what is continued, and what records say about it."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from trainings import KilledError, Watcher, run_of, trainer_of

from supernet.errors import UserError
from supernet.io.atomic import write_text
from supernet.io.sealed import UNSEALED, seal
from supernet.provenance import recorder
from supernet.provenance.closure import ROOT, analyse
from supernet.provenance.record import read_record
from supernet.provenance.recorder import Recorder, recording
from supernet.training.checkpoint import Checkpoint
from supernet.training.fingerprint import Fingerprint

MODULE = "supernet/training/schedule.py"


def fingerprint(**changes: Any) -> Fingerprint:
    source = analyse((ROOT / MODULE).read_bytes(), MODULE)
    parts = {
        "environment": {"device": "cpu", "torch": "2"},
        "inputs": {"images": "1" * 64, "pool": "2" * 64},
        "code": {MODULE: (source.sha256, source.code)},
    }
    return Fingerprint("config", **{**parts, **changes})


def saved(path: Path, by: Fingerprint | None = None) -> Checkpoint:
    """Save a small state: the checkpoint of the process that does so."""
    checkpoint = Checkpoint(path, by or fingerprint(), seconds=0)
    checkpoint.save({"a": torch.arange(6.0), "b": torch.ones(2, 3)}, {"done": 5})
    return checkpoint


def rewrite(path: Path, change: Callable[[dict[str, Tensor], dict[str, Any]], None]) -> None:
    """Change tensors and state of a checkpoint, with a right checksum."""
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        state = json.loads(file.metadata()["state"])
    change(tensors, state)
    save_file(tensors, path, {"state": json.dumps(state), **UNSEALED})
    seal(path)


def test_every_flipped_bit_and_every_truncation_is_found(tmp_path: Path) -> None:
    path = tmp_path / "training.safetensors"
    checkpoint = saved(path)
    content, rng = path.read_bytes(), np.random.default_rng(0)
    damaged = [content[:length] for length in rng.integers(len(content), size=40)] + [content + b"\0"]
    for place in rng.permutation(len(content))[:600].tolist():
        damaged.append(content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :])
    for one in damaged:
        path.write_bytes(one)
        with pytest.raises(UserError, match=r"training\.safetensors: truncated or damaged checkpoint .*; delete"):
            checkpoint.load()
    path.write_bytes(content)
    assert checkpoint.load() is not None


def test_a_file_that_has_grown_is_found_before_it_is_hashed(tmp_path: Path) -> None:
    path = tmp_path / "training.safetensors"
    checkpoint = saved(path)
    size = path.stat().st_size
    os.truncate(path, 1 << 40)  # a sparse terabyte, which no hash would end on
    with pytest.raises(UserError, match=rf"it has {1 << 40} bytes, and its head says {size}\); delete"):
        checkpoint.load()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"inputs": {"images": "1" * 64, "pool": "3" * 64}}, "other pool"),
        ({"inputs": {"pool": "2" * 64}}, "other images"),
        ({"environment": {"device": "cpu", "torch": "3"}}, r"other torch \(2, now 3\)"),
        ({"code": {MODULE: ("0", "0"), "supernet/gone.py": ("0", "0")}}, f"other code of {MODULE}, other .*gone.py"),
    ],
)
def test_a_state_of_another_training_is_put_aside_with_a_message(
    tmp_path: Path, changes: dict[str, Any], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "training.safetensors"
    # The state is the other one for code, because only its modules are compared.
    first, second = (
        (fingerprint(**changes), fingerprint())
        if "code" in changes
        else (
            fingerprint(),
            fingerprint(**changes),
        )
    )
    saved(path, first)
    content = path.read_bytes()
    checkpoint = Checkpoint(path, second, seconds=0)
    assert checkpoint.done == 0 and checkpoint.load() is None
    assert "starting from the first step" in caplog.text and "training.other.safetensors" in caplog.text
    assert re.search(said, caplog.text)
    aside = tmp_path / "training.other.safetensors"
    assert not path.exists() and aside.read_bytes() == content
    # The first training can go on, if it gets its file back.
    aside.rename(path)
    assert Checkpoint(path, first, seconds=0).load() is not None
    saved(path, first)
    assert checkpoint.load() is None
    checkpoint.discard()
    assert list(tmp_path.iterdir()) == []


def test_comments_may_differ(tmp_path: Path) -> None:
    """Hashes of syntax trees are the same; that of the text is not."""
    (_, code), path = fingerprint().code[MODULE], tmp_path / "training.safetensors"
    saved(path, fingerprint(code={MODULE: ("of another text", code)}))
    assert Checkpoint(path, fingerprint(), seconds=0).done == 5


def test_states_without_a_checksum_are_those_of_an_older_version(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "training.safetensors"
    state = {"fingerprint": "torch 2", "note": {"done": 5}, "seconds": 1.0}
    save_file({"a": torch.ones(1)}, path, {"state": json.dumps(state)})
    assert saved(tmp_path / "new").done == 5
    assert Checkpoint(path, fingerprint(), seconds=0).load() is None
    assert "written by another version of the project" in caplog.text


def test_records_say_where_their_job_was_resumed_and_their_digest_does_not(tmp_path: Path) -> None:
    path = tmp_path / "training.safetensors"

    def finish(name: str) -> dict[str, Any]:
        with recording(Recorder(ROOT / "scripts" / "train.py")):
            checkpoint = Checkpoint(path, fingerprint(), seconds=0)
            if checkpoint.load() is not None:
                checkpoint.save({"a": torch.ones(1)}, {"done": 7})
            write_text(tmp_path / name, "weights")
        return read_record(tmp_path / name)

    whole = finish("one")
    saved(path)
    once, twice = finish("one"), finish("one")
    assert "resumed" not in whole["circumstances"]
    assert [(one["state"], one["done"]) for one in once["circumstances"]["resumed"]] == [("training.safetensors", 5)]
    assert [one["done"] for one in twice["circumstances"]["resumed"]] == [5, 7]
    assert whole["digest"] == once["digest"] == twice["digest"]


def test_the_fingerprint_of_a_process_has_code_inputs_and_environment(tmp_path: Path) -> None:
    (tmp_path / "pool").write_text("pool")
    own = Fingerprint.of_process("config", "cpu, 1 threads", {"pool": tmp_path / "pool"})
    assert MODULE in own.code and "supernet/spaces/darts/__init__.py" in own.code
    assert not set(own.code) & recorder.UNRECORDED
    assert own.environment["torch"] == torch.__version__ and len(own.environment["lock file"]) == 64
    (tmp_path / "pool").write_text("other")
    other = Fingerprint.of_process("config", "cpu, 1 threads", {"pool": tmp_path / "pool"})
    assert other.difference(json.loads(json.dumps(own.note()))) == "of another training: other pool"
    assert own.difference(own.note()) == ""
    for nothing in (None, "text", {}, {**own.note(), "code": None}):
        assert own.difference(nothing) == "written by another version of the project"


def interrupted(path: Path) -> None:
    """Leave the state after step 4 of 6."""
    with pytest.raises(KilledError):
        trainer_of(run_of()).run(Checkpoint(path, Fingerprint("this run"), seconds=0), Watcher(kill_at=5))  # type: ignore[arg-type]


NOTES: dict[str, tuple[str, Any]] = {
    "all steps done": ("done", 6),
    "fewer steps done": ("done", 3),
    "more steps than there are": ("done", 400),
    "no step done": ("done", 0),
    "steps that are text": ("done", "4"),
    "an epoch less": ("curve", []),
    "passes of another training": ("passes", 5),
    "passes of another epoch": ("epoch_passes", 0),
}


@pytest.mark.parametrize("name", NOTES)
def test_steps_that_do_not_agree_with_the_state_are_found(tmp_path: Path, name: str) -> None:
    path = tmp_path / "training.safetensors"
    interrupted(path)
    key, value = NOTES[name]
    rewrite(path, lambda tensors, state: state["note"].update({key: value}))
    with pytest.raises(UserError, match=r"training\.safetensors: truncated or damaged checkpoint"):
        trainer_of(run_of()).run(Checkpoint(path, Fingerprint("this run"), seconds=0))


ROWS = {"accuracy": 17.0, "loss": -1.0, "step": 2, "epoch": 2, "learning_rate": 0.04, "more": 1}
TENSORS: dict[str, Callable[[dict[str, Tensor]], Any]] = {
    "a lost tensor": lambda tensors: tensors.pop("network.stem.conv.weight"),
    "a tensor more": lambda tensors: tensors.update(more=torch.ones(1)),
    "another type": lambda tensors: tensors.update(loss_sum=tensors["loss_sum"].float()),
    "another shape": lambda tensors: tensors.update(correct_sum=torch.ones(2, dtype=torch.float64)),
    "more right than images": lambda tensors: tensors["correct_sum"].fill_(2.0),
    "a loss below zero": lambda tensors: tensors["loss_sum"].fill_(-1.0),
    "a loss that is not a number": lambda tensors: tensors["loss_sum"].fill_(torch.nan),
    "diverged long ago": lambda tensors: tensors["first_bad"].fill_(1),
}


@pytest.mark.parametrize("name", [*ROWS, *TENSORS])
def test_values_that_no_training_has_are_found(tmp_path: Path, name: str) -> None:
    path = tmp_path / "training.safetensors"
    interrupted(path)

    def change(tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        if name in ROWS:
            state["note"]["curve"][0][name] = ROWS[name]
        else:
            TENSORS[name](tensors)

    rewrite(path, change)
    with pytest.raises(UserError, match=r"training\.safetensors: truncated or damaged checkpoint"):
        trainer_of(run_of()).run(Checkpoint(path, Fingerprint("this run"), seconds=0))


def test_a_state_that_is_written_again_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "training.safetensors"
    interrupted(path)
    rewrite(path, lambda tensors, state: None)
    trainer = trainer_of(run_of())
    assert trainer.run(Checkpoint(path, Fingerprint("this run"), seconds=0)).steps == 6
