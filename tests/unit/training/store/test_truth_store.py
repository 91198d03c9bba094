"""The store of stand-alone trainings: what one study has trained, no other one trains; real programs and trainings."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from checkouts import ROOT
from safetensors.torch import save_file
from tiny import SPACES, raw_images

from scripts import truth
from supernet.config.identity import standalone_identity
from supernet.config.jobs import TruthJob
from supernet.errors import UserError
from supernet.io.atomic import read_json
from supernet.pools.draw import draw_pool
from supernet.provenance.record import digest, read_record, record_path
from supernet.provenance.recorder import Recorder, recording
from supernet.runtime.stopping import Stopped

SPACE = SPACES["nasbench201"]
IMAGES, STORE = Path("resources/data/digits.safetensors"), Path("results/store")
JOB = {
    "space": "nasbench201",
    "truth": {"channels": 4, "layers": 1, "epochs": 1, "batch_size": 8, "train_portion": 0.54},
    "study_seed": 0,
    "data": {"name": "digits", "crop_padding": 2},
    "protocol": {},
    "evaluation": {"batch_size": 10},
}
WITHOUT_TORCH = """
import sys
from pathlib import Path
from scripts import truth
from supernet.provenance.recorder import Recorder, recording
with recording(Recorder(Path(truth.__file__))):
    truth.main(sys.argv[1:])
sys.exit("torch" in sys.modules)
"""


@dataclass(frozen=True)
class Study:
    """One shard of a study in the current folder."""

    name: str = "one"
    size: int = 4
    repeated: int = 1
    shard: int = 0
    shards: int = 1
    job: Any = None
    more: tuple[str, ...] = ()

    @property
    def output(self) -> Path:
        return Path(f"results/{self.name}/truth/nasbench201/shard{self.shard}.parquet")

    @property
    def timing(self) -> dict[str, Any]:
        found: dict[str, Any] = read_json(self.output.with_suffix(".timing.json"))
        return found

    @property
    def counts(self) -> tuple[int, int]:
        """How many trainings this job has made and taken over."""
        return self.timing["trainings"], self.timing["taken_over"]

    @property
    def arguments(self) -> list[str]:
        pool = Path(f"results/{self.name}/drawn/nasbench201.parquet")
        pool.parent.mkdir(parents=True, exist_ok=True)
        draw_pool(SPACE, self.size, np.random.default_rng(0)).to_parquet(pool)
        values = {
            "config": json.dumps(self.job or JOB), "data": IMAGES, "pool": pool, "store": STORE, "seeds": 2,
            "repeated": self.repeated, "shard": self.shard, "shards": self.shards, "output": self.output,
            "timing": self.output.with_suffix(".timing.json"), "device": "cpu",
            "state": f"state/{self.name}/{self.shard}", "log": f"{self.name}{self.shard}.log",
        }  # fmt: skip
        return [str(part) for name, value in values.items() for part in (f"--{name}", value)] + list(self.more)

    def run(self) -> pd.DataFrame:
        """Run the program in this process, with records."""
        with recording(Recorder(ROOT / "scripts" / "truth.py")):
            truth.main(self.arguments)
        return pd.read_parquet(self.output)

    def start(self, code: str = "") -> Any:
        """Start the program in a process, or code that runs it."""
        program = [sys.executable, *(("-c", code) if code else (ROOT / "scripts" / "truth.py",))]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen([*program, *self.arguments], env=environment, stderr=subprocess.PIPE, text=True)

    def log(self) -> str:
        return Path(f"{self.name}{self.shard}.log").read_text()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with images, in which programs run."""
    monkeypatch.chdir(tmp_path)
    IMAGES.parent.mkdir(parents=True)
    save_images(80)


def save_images(count: int) -> None:
    images = raw_images(count)
    save_file({"images": images.pixels, "labels": images.labels}, IMAGES, {"official_test": "0"})


def parts() -> list[Path]:
    return sorted(STORE.glob("truth/nasbench201/*/*.parquet"))


def inputs(path: Path) -> dict[str, Any]:
    return {one["file"]: one for one in read_record(path)["made"]["inputs"]}


def test_a_second_study_trains_nothing_and_imports_no_torch() -> None:
    first = Study().run()
    assert Study().counts == (5, 0) and len(parts()) == 5
    for shard in (0, 1):
        other = Study("two", shard=shard, shards=2)
        process = other.start(WITHOUT_TORCH)
        assert process.communicate()[1] == "" and process.returncode == 0, other.log()
        assert other.counts == (0, (3, 2)[shard])
        pd.testing.assert_frame_equal(pd.read_parquet(other.output), first[shard::2].reset_index(drop=True))
        assert "0 trainings, " in other.log()
    assert len(parts()) == 5
    assert not Path("state").exists() or not list(Path("state").rglob("*.jsonl"))


def test_the_record_of_a_shard_names_its_parts_and_is_the_same_if_they_are_taken_over() -> None:
    process = Study().start()
    assert process.communicate()[1] == "" and process.returncode == 0
    record, content = read_record(Study().output), Study().output.read_bytes()
    found = inputs(Study().output)
    assert {name for name in found if "/store/" in name} == {path.as_posix() for path in parts()}
    for path in parts():
        assert found[path.as_posix()]["record"] == read_record(path)["digest"]
    shutil.rmtree("results/one")
    process = Study().start()
    assert process.communicate()[1] == "" and process.returncode == 0
    assert Study().counts == (0, 5)
    again = read_record(Study().output)
    assert Study().output.read_bytes() == content
    assert again["made"] == record["made"]


def test_a_part_depends_on_its_training_alone() -> None:
    Study().run()
    expected = standalone_identity(TruthJob.model_validate_json(json.dumps(JOB)))
    (folder,) = {path.parent for path in parts()}
    assert folder == STORE / "truth" / "nasbench201" / expected.digest
    for path in parts():
        made = read_record(path)["made"]
        assert made["config"] == expected.values and len(pd.read_parquet(path)) == 1
        assert list(inputs(path)) == [IMAGES.as_posix()] and made["program"] == "scripts/truth.py"
        assert {"supernet/training/trainer.py", "supernet/spaces/nasbench201/network.py"} <= set(made["modules"])
        assert "torch" in made["packages"]
    about = read_json(folder / "recipe.json")
    assert digest(about["differs_from_defaults"])[:16] == folder.name and about["recipe"] == expected.values
    assert not (folder / ".locks").exists() or list((folder / ".locks").iterdir()) == []


def test_a_larger_pool_trains_the_difference() -> None:
    small = Study(size=6, repeated=3).run()
    large = Study("two", size=9, repeated=3).run()
    assert Study("two").counts == (3, 9)
    merged = small.merge(large, how="left")
    pd.testing.assert_frame_equal(merged, small)


@pytest.mark.parametrize(
    "change",
    [("truth", "epochs", 2), ("data", "flip", False), ("protocol", "clip", 1.0), ("evaluation", "batch_size", 5)],
)
def test_another_recipe_trains_everything(change: tuple[str, str, Any]) -> None:
    section, key, value = change
    Study(size=2, repeated=0).run()
    Study("two", size=2, repeated=0, job={**JOB, section: {**JOB[section], key: value}}).run()  # type: ignore[dict-item]
    assert Study("two").counts == (2, 0)


def test_what_a_training_does_not_depend_on_may_differ() -> None:
    Study(size=2, repeated=0).run()
    job = {**JOB, "protocol": {"landmarks": 7}, "evaluation": {"recalibration_batches": 2, "batch_size": 10}}
    Study("two", size=2, repeated=0, job=job).run()
    assert Study("two").counts == (0, 2)


def other_images() -> None:
    save_images(90)


def forged() -> None:
    table = pd.read_parquet(parts()[0])
    table.assign(accuracy=1.0).to_parquet(parts()[0], index=False)


def other_default() -> None:
    """The part was made when a key had another default, so that its folder has the same name."""
    record = json.loads(record_path(parts()[0]).read_text())
    record["made"]["config"]["truth"]["learning_rate"] = 0.2
    record["digest"] = digest(record["made"])
    record.pop("seal")
    record_path(parts()[0]).write_text(json.dumps({**record, "seal": digest(record)}))


@pytest.mark.parametrize(
    ("change", "again", "said"),
    [
        (other_images, 2, "was not made from the images"),
        (forged, 1, "its content differs from its record"),
        (other_default, 1, "was made with another recipe, which differs in truth.learning_rate"),
        (lambda: record_path(parts()[0]).unlink(), 1, "record missing"),
        (lambda: parts()[0].unlink(), 1, ""),
    ],
)
def test_parts_that_do_not_fit_are_trained_again(change: Callable[[], None], again: int, said: str) -> None:
    before = Study(size=2, repeated=0).run()
    change()
    after = Study("two", size=2, repeated=0).run()
    assert Study("two").counts == (again, 2 - again) and said in Study("two").log()
    if again == 1:
        pd.testing.assert_frame_equal(after, before)


def test_other_kernels_train_again(monkeypatch: pytest.MonkeyPatch) -> None:
    Study(size=2, repeated=0).run()
    monkeypatch.setenv("SUPERNET_REFERENCE_KERNELS", "1")
    Study("two", size=2, repeated=0).run()
    assert Study("two").counts == (2, 0)
    assert "was made without SUPERNET_REFERENCE_KERNELS=1" in Study("two").log()


def test_what_is_trained_before_a_time_limit_is_in_the_store() -> None:
    over = iter([False, False, True])
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped, match="stopped after 2 of 5 trainings"):
        patch.setattr("supernet.runtime.stopping.Deadline.over", lambda self, needed=0.0: next(over))
        Study().run()
    assert len(parts()) == 2
    Study("two").run()
    assert Study("two").counts == (3, 2)
    Study().run()
    assert Study().counts == (2, 3), "those of the process that was stopped count as trainings of its job"
    assert Study().timing["earlier_seconds"] > 0


def test_two_jobs_train_each_training_once() -> None:
    """Two studies with another order of the same trainings, at the same time, in three processes."""
    jobs = [Study(size=8, repeated=8), *(Study("two", size=8, repeated=8, shard=n, shards=2) for n in (0, 1))]
    processes = [job.start() for job in jobs]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors
    assert sum(job.counts[0] for job in jobs) == 16 == len(parts())
    assert [sum(job.counts) for job in jobs] == [16, 8, 8]
    assert list(STORE.rglob(".locks/*")) == [], "claims leave no files"
    one = pd.read_parquet(jobs[0].output)
    both = pd.concat(pd.read_parquet(job.output) for job in jobs[1:]).sort_values(["arch_id", "seed"])
    pd.testing.assert_frame_equal(one.sort_values(["arch_id", "seed"], ignore_index=True), both.reset_index(drop=True))


def test_a_claimed_training_is_waited_for_and_that_of_a_killed_process_is_made() -> None:
    pool = Study(size=2, repeated=0)
    pool.arguments  # noqa: B018 - draws the pool
    encoding = pd.read_parquet("results/one/drawn/nasbench201.parquet")["encoding"][0]
    job = TruthJob.model_validate_json(json.dumps(JOB))
    code = (
        "import sys; from pathlib import Path; from types import SimpleNamespace as S;"
        "from supernet.config.jobs import TruthJob; from supernet.training.store.truth import TruthStore;"
        "store = TruthStore(Path(sys.argv[1]), TruthJob.model_validate_json(sys.argv[2]), Path(sys.argv[3]));"
        "print(store.claim(S(encoding=sys.argv[4], seed=0)).take(), flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(STORE), job.model_dump_json(), str(IMAGES), encoding]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)},
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:  # fmt: skip
        assert holder.stdout is not None and holder.stdout.readline() == "True\n"
        process = pool.start()
        while not (len(parts()) == 1 and "coming back to it later" in pool.log()):
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        assert len(parts()) == 1
        holder.send_signal(signal.SIGKILL)
    assert process.communicate(timeout=60)[1] == "" and process.returncode == 0
    assert pool.counts == (2, 0) and len(parts()) == 2


def test_a_damaged_log_is_an_error_and_the_store_is_kept() -> None:
    Study(size=2, repeated=0).run()
    state = Path("state/one/0/trainings.jsonl")
    state.parent.mkdir(parents=True, exist_ok=True)
    state.write_text("{}\n")
    with pytest.raises(UserError, match=r"trainings\.jsonl: line 1"):
        Study(size=2, repeated=0).run()
    assert len(parts()) == 2
