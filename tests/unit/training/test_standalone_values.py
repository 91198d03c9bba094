"""Stand-alone trainings with swept values: which are made, what their results depend on, and a killed program."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from checkouts import ROOT
from tiny import SPACES, small_splits

from supernet import spaces
from supernet.config.jobs import StandaloneJob, standalone_values_job
from supernet.config.study import load_study
from supernet.errors import UserError
from supernet.rng import stream
from supernet.training.build import build_standalone, standalone_trainer
from supernet.training.evaluator import Evaluator
from supernet.training.fingerprint import Fingerprint
from supernet.training.session import Session
from supernet.training.standalone_values import (
    Value,
    ValueLog,
    ValueResult,
    ValueTraining,
    ValueTrainings,
    train_value,
    value_trainings,
    values_of,
)

SPACE = SPACES["nasbench201"]
SPLITS = small_splits()
ARCH = SPACE.sample(np.random.default_rng(0))
SMOKE = ROOT / "tests" / "studies" / "smoke.yaml"


def job_of(**others: Any) -> StandaloneJob:
    recipe = {
        "space": "nasbench201",
        "truth": {"channels": 4, "layers": 1, "epochs": 2, "batch_size": 8, "train_portion": 0.54},
        "study_seed": 0,
        "data": {"name": "digits", "crop_padding": 2},
        "protocol": {},
        "evaluation": {"batch_size": 10},
    }
    standalone = {"architectures": 3, "ceiling": 4, "epochs": 2, "seeds": 2}
    content = {"recipe": recipe, "batch_norm": "affine", "standalone": standalone, "split": "scoring", **others}
    return StandaloneJob.model_validate_json(json.dumps(content))


def result_of(job: StandaloneJob, value: Value, seed: int = 0) -> ValueResult:
    evaluator = Evaluator(SPLITS, job.recipe.evaluation, job.recipe.protocol.channels_last)
    training = ValueTraining(SPACE.arch_id(ARCH), SPACE.format(ARCH), value, seed)
    return train_value(job, training, SPACE, SPLITS, evaluator)


def test_the_first_architectures_of_the_draw_are_trained_with_each_value(tmp_path: Path) -> None:
    ids = list("fbcade")
    pool = pd.DataFrame({"arch_id": ids, "encoding": ids, "drawn": [5, 3, 0, 4, 2, 1]}).sort_values("arch_id")
    pool.to_parquet(tmp_path / "pool.parquet")
    job = job_of(learning_rates=[0.1], batch_norms=["none", "tracking"])
    found = value_trainings(job, tmp_path / "pool.parquet")
    assert [(one.arch_id, one.seed) for one in found if one.value.factor == "baseline"] == [
        (arch_id, seed) for arch_id in "cedb" for seed in range(2)
    ]
    for factor, text in (("learning_rate", "0.1"), ("batch_norm", "none"), ("batch_norm", "tracking")):
        own = [(one.arch_id, one.seed) for one in found if one.value[:2] == (factor, text)]
        assert own == [(arch_id, seed) for arch_id in "ced" for seed in range(2)]
    assert len({one.key for one in found}) == len(found) == 8 + 3 * 6
    few = job_of(standalone={"architectures": 3, "ceiling": 7, "epochs": 2})
    with pytest.raises(UserError, match=r"found 6 architectures; expected at least 7"):
        value_trainings(few, tmp_path / "pool.parquet")


def test_a_value_changes_one_factor_of_the_baseline() -> None:
    job = job_of(learning_rates=[0.025, 0.5], batch_norms=["none"])
    assert values_of(job) == [
        Value("baseline", "", 0.1, "affine"),
        Value("learning_rate", "0.025", 0.025, "affine"),
        Value("learning_rate", "0.5", 0.5, "affine"),
        Value("batch_norm", "none", 0.1, "none"),
    ]


def test_a_result_does_not_depend_on_the_other_values() -> None:
    value = Value("learning_rate", "0.025", 0.025, "affine")
    alone = result_of(job_of(learning_rates=[0.025]), value)
    assert alone.accuracy is not None and alone == result_of(
        job_of(learning_rates=[0.5, 0.025], batch_norms=["none"]), value
    )
    others = [Value("baseline", "", 0.1, "affine"), Value("batch_norm", "none", 0.025, "none")]
    assert len({alone, result_of(job_of(), value, seed=1), *(result_of(job_of(), one) for one in others)}) > 2


@pytest.mark.parametrize(
    ("batch_norm", "statistics"), [("affine+tracking", "tracked"), ("affine", "batch"), ("none", "batch")]
)
def test_accuracies_are_those_with_tracked_statistics_where_there_are_any(batch_norm: Any, statistics: str) -> None:
    job = job_of()
    found = result_of(job, Value("batch_norm", batch_norm, 0.1, batch_norm))
    own = int(stream(0, "standalone").integers(2**32))
    network = build_standalone(job.recipe, SPACE, ARCH, own, SPLITS, batch_norm)
    tracked = [module.running_mean is not None for module in network.modules() if hasattr(module, "running_mean")]
    assert tracked and all(tracked) == ("tracking" in batch_norm)
    standalone_trainer(job.recipe, network, ARCH, own, SPLITS).run()
    network.eval()
    for module in network.modules():
        module.statistics = statistics
    correct = {"scoring": 0, "test": 0}
    with torch.no_grad():
        for split, images in (("scoring", SPLITS.scoring), ("test", SPLITS.test)):
            for start in range(0, len(images), 10):
                pixels, labels = images.pixels[start : start + 10], images.labels[start : start + 10]
                correct[split] += int((network(SPLITS.normalise(pixels), ARCH).argmax(1) == labels).sum())
    assert found.accuracy == correct["scoring"] / len(SPLITS.scoring)
    assert found.test_accuracy == correct["test"] / len(SPLITS.test)


def test_a_diverged_training_has_a_step_and_no_accuracy() -> None:
    found = result_of(job_of(), Value("learning_rate", "1e+30", 1e30, "affine"))
    assert found.accuracy is found.test_accuracy is None
    assert found.diverged_at is not None and 0 < found.diverged_at < 8


def test_the_log_distinguishes_values_and_checks_results(tmp_path: Path) -> None:
    job, path = job_of(learning_rates=[0.5]), tmp_path / "trainings.jsonl"
    trainings = [ValueTraining("a", SPACE.format(ARCH), value, 0) for value in values_of(job)]
    right = ValueResult(2 / len(SPLITS.scoring), 3 / len(SPLITS.test), None)
    log = ValueLog(path, Fingerprint("job"))
    log.append(trainings[0].key, right, 1.5)
    log.append(trainings[1].key, ValueResult(None, None, 3), 1.0)
    again = ValueLog(path, Fingerprint("job"))
    assert again.result_of(trainings[0].key) == right and again.earlier == 2.5
    assert again.result_of(trainings[1].key) == ValueResult(None, None, 3)
    assert again.result_of(("a", "learning_rate", "0.5", 1)) is None
    now = _session()
    ValueTrainings(now, job, SPACE, trainings, again)
    wrong = [
        (replace(right, accuracy=0.123), r"an accuracy of 0\.123 is not a share"),
        (replace(right, accuracy=None), "neither or both"),
        (replace(right, diverged_at=3), "neither or both"),
        (ValueResult(None, None, 8), "diverged at step 8, which its training does not have"),
    ]
    for number, (result, message) in enumerate(wrong):
        other = ValueLog(tmp_path / f"{number}.jsonl", Fingerprint("job"))
        other.append(trainings[1].key, result, 1.0)
        with pytest.raises(UserError, match=rf"a, learning_rate=0\.5, seed 0: .*{message}"):
            ValueTrainings(now, job, SPACE, trainings, other)


def _session() -> Session:
    class Tiny(Session):
        def splits(self, config: Any, study_seed: int) -> Any:
            return SPLITS

    return Tiny(options=None, device="cpu", started=0.0)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data, a pool and the job of a study with swept values, of which one diverges."""
    folder = tmp_path_factory.mktemp("standalone")
    script = [sys.executable, str(ROOT / "scripts" / "data.py"), "--name", "digits"]
    subprocess.run([*script, "--output", str(folder / "digits.safetensors")], check=True, capture_output=True)
    job = standalone_values_job(load_study(SMOKE), "nasbench201")
    (folder / "job.json").write_text(job.model_dump_json())
    space = spaces.load("nasbench201")
    texts = [space.format(arch) for arch in space.sample(np.random.default_rng(0), count=5)]
    pool = pd.DataFrame({"arch_id": texts, "encoding": texts, "drawn": [3, 1, 0, 4, 2]})
    pool.to_parquet(folder / "pool.parquet")
    return folder


def test_killed_and_resumed_has_the_same_bytes(folder: Path) -> None:
    def command(out: Path) -> list[str]:
        return [
            sys.executable, str(ROOT / "scripts" / "standalone.py"), "--config", f"@{folder / 'job.json'}",
            "--data", str(folder / "digits.safetensors"), "--pool", str(folder / "pool.parquet"), "--task", "test",
            "--output", str(out / "found.parquet"), "--state", str(out / "state"), "--timing", str(out / "timing.json"),
            "--device", "cpu",
        ]  # fmt: skip

    whole, killed = folder / "whole", folder / "killed"
    subprocess.run(command(whole), check=True, capture_output=True)
    process = subprocess.Popen(command(killed), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    state, deadline = killed / "state" / "trainings.jsonl", time.monotonic() + 300
    while process.poll() is None and not state.exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    assert process.poll() is None, "the program ended before it could be killed"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "found.parquet").exists()
    again = subprocess.run(command(killed), check=True, capture_output=True, text=True)
    first = next(line for line in (again.stdout + again.stderr).splitlines() if "stand-alone trainings" in line)
    assert "stand-alone trainings 0/" not in first
    assert (killed / "found.parquet").read_bytes() == (whole / "found.parquet").read_bytes()
    assert not list((killed / "state").iterdir())
    assert json.loads((killed / "timing.json").read_text())["earlier_seconds"] > 0
    table = pd.read_parquet(whole / "found.parquet")
    pool = pd.read_parquet(folder / "pool.parquet").sort_values("drawn")
    assert table.loc[table["factor"] == "baseline", "arch_id"].tolist() == pool["arch_id"].head(4).tolist()
    lost = table[table["value"] == "1e+30"]
    assert len(lost) == 3 and lost["accuracy"].isna().all() and lost["diverged_at"].notna().all()
    assert table.loc[table["value"] != "1e+30", ["accuracy", "test_accuracy"]].notna().all(axis=None)
