"""The store of super-nets: what one study has trained, no other one trains; real programs and trainings."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from checkouts import ROOT
from safetensors.torch import save_file
from tiny import raw_images

from scripts import train
from supernet.commands import store as store_command
from supernet.config.artifacts import Artifacts, is_stored, is_stored_supernet, shared_folder
from supernet.config.identity import supernet_identity
from supernet.config.study import Run
from supernet.io.atomic import read_json
from supernet.provenance.record import digest, read_record, record_path
from supernet.provenance.recorder import Recorder, recording
from supernet.runtime.stopping import Stopped
from supernet.training.store.supernets import SupernetStore

IMAGES, STORE = Path("resources/data/digits.safetensors"), Path("results/store")
SETTING = {
    "batch_norm": "affine", "learning_rate": 0.05, "epochs": 2, "weight_decay": 0.001, "path_sampling": "random_a",
    "layers": 1, "train_portion": 0.54, "batch_size": 8, "channels": 4, "ofa_kernel": "none", "dropout": "none",
    "op_placement": "edge", "few_shot": "none", "landmarks": "none",
}  # fmt: skip
RUN = {
    "space": "nasbench201",
    "setting": SETTING,
    "seed": 0,
    "study_seed": 0,
    "data": {"name": "digits", "crop_padding": 2},
    "protocol": {},
}
FILES = {"curve.parquet", "weights.safetensors", "run.json", "timing.json"}
WITHOUT_TORCH = """
import sys
from pathlib import Path
from scripts import train
from supernet.provenance.recorder import Recorder, recording
with recording(Recorder(Path(train.__file__))):
    train.main(sys.argv[1:])
sys.exit("torch" in sys.modules)
"""
CLAIM = """
import sys
from pathlib import Path
from supernet.config.study import Run
from supernet.training.store.supernets import SupernetStore
store = SupernetStore(Path(sys.argv[1]), Run.model_validate_json(sys.argv[2]), Path(sys.argv[3]))
print(store.claim().take(), flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Job:
    """The training of one run of a study in the current folder."""

    study: str = "one"
    run: dict[str, Any] = field(default_factory=lambda: RUN)
    more: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return Path(Artifacts(f"results/{self.study}").run("nasbench201", "baseline", 0).path)

    @property
    def timing(self) -> dict[str, Any]:
        found: dict[str, Any] = read_json(self.folder / "timing.json")
        return found

    @property
    def taken_over(self) -> bool:
        return "taken_over" in self.timing

    @property
    def arguments(self) -> list[str]:
        values = {
            "config": json.dumps(self.run), "data": IMAGES, "store": STORE, "task": "t", "device": "cpu",
            "curve": self.folder / "curve.parquet", "weights": self.folder / "weights.safetensors",
            "summary": self.folder / "run.json", "timing": self.folder / "timing.json",
            "state": f"state/{self.study}", "log": f"{self.study}.log",
        }  # fmt: skip
        return [str(part) for name, value in values.items() for part in (f"--{name}", value)] + list(self.more)

    def train(self) -> bytes:
        """Run the program in this process, with records; return the weights."""
        with recording(Recorder(ROOT / "scripts" / "train.py")):
            train.main(self.arguments)
        return (self.folder / "weights.safetensors").read_bytes()

    def start(self, code: str = "") -> Any:
        """Start the program in a process, or code that runs it."""
        program = [sys.executable, *(("-c", code) if code else (ROOT / "scripts" / "train.py",))]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen([*program, *self.arguments], env=environment, stderr=subprocess.PIPE, text=True)

    def log(self) -> str:
        return Path(f"{self.study}.log").read_text()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with images, in which programs run."""
    monkeypatch.chdir(tmp_path)
    IMAGES.parent.mkdir(parents=True)
    save_images(80)


def save_images(count: int) -> None:
    images = raw_images(count)
    save_file({"images": images.pixels, "labels": images.labels}, IMAGES, {"official_test": "0"})


def stored() -> list[Path]:
    """The folders of the super-nets in the store."""
    return sorted(path.parent for path in STORE.glob("supernets/*/*/*/run.json"))


def stored_file(name: str) -> Path:
    (found,) = stored()
    return found / name


def finished(process: Any) -> None:
    assert process.communicate(timeout=120)[1] == "" and process.returncode == 0


def test_supernet_store_lists_a_training_with_the_studies_that_took_it_over(capsys: pytest.CaptureFixture[str]) -> None:
    Job().train()
    Job("two").train()
    Job(run={**RUN, "seed": 1}).train()
    capsys.readouterr()
    store_command.main(["--results", "results", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["problems"] == found["not_known"] == found["left"] == []
    used = {one["differs_from_defaults"]["seed"]: one["studies"] for one in found["entries"]}
    # The second training of study `one` is in the place of its first.
    assert used == {0: {"two": 1}, 1: {"one": 1}} and {one["count"] for one in found["entries"]} == {1}
    shutil.rmtree("results/two")
    store_command.main(["prune", "--results", "results", "--yes"])
    assert [read_json(folder / "run.json")["run"]["seed"] for folder in stored()] == [1]


def test_a_second_study_trains_nothing_imports_no_torch_and_has_the_same_files() -> None:
    weights = Job().train()
    assert not Job().taken_over and len(stored()) == 1
    finished(Job("two").start(WITHOUT_TORCH))
    assert "taken over from supernets/nasbench201/" in Job("two").log()
    for name in FILES - {"timing.json"}:
        assert (Job("two").folder / name).read_bytes() == (Job().folder / name).read_bytes(), name
    assert (Job("two").folder / "weights.safetensors").read_bytes() == weights
    assert Job("two").taken_over and Job("two").timing["training"] == read_json(stored_file("timing.json"))
    assert Job("two").timing["training"]["steps"] == Job().timing["steps"]
    assert not list(Path("state").rglob("*.safetensors"))


def test_what_a_killed_training_has_left_in_the_store_goes_with_the_next_one() -> None:
    finished(Job().start())
    left = stored_file(".curve-abcdefgh.parquet")
    left.write_text("half")
    os.utime(left, (0, 0))
    stored_file("run.json").unlink()
    finished(Job().start())
    assert not Job().taken_over and not left.exists()


def inputs_of_timing() -> set[str]:
    """Return the files that the record of a run's timing names."""
    return {one["file"] for one in read_record(Job().folder / "timing.json")["made"]["inputs"]}


def test_the_records_of_a_run_name_the_store_and_are_the_same_if_it_is_taken_over() -> None:
    finished(Job().start())
    names = ("weights.safetensors", "curve.parquet", "run.json")
    records = {name: read_record(Job().folder / name)["made"] for name in names}
    for made in records.values():
        files = {one["file"] for one in made["inputs"]}
        # Not the timing: two trainings with the same bytes have the same digests.
        assert files == {stored_file(name).as_posix() for name in names} and all(map(is_stored, files))
        assert made["config"] == Run.model_validate_json(json.dumps(RUN)).model_dump(mode="json")
    assert stored_file("timing.json").as_posix() in inputs_of_timing()
    shutil.rmtree("results/one")
    finished(Job().start())
    assert Job().taken_over and stored_file("timing.json").as_posix() in inputs_of_timing()
    assert {name: read_record(Job().folder / name)["made"] for name in names} == records


def test_a_stored_super_net_depends_on_config_and_images_alone() -> None:
    Job().train()
    run = Run.model_validate_json(json.dumps(RUN))
    (found,) = stored()
    assert found.parent == STORE / "supernets" / "nasbench201" / supernet_identity(run).digest
    for name in FILES:
        made = read_record(found / name)["made"]
        assert made["config"] == {"run": run.model_dump(mode="json")} and made["program"] == "scripts/train.py"
        assert [one["file"] for one in made["inputs"]] == [IMAGES.as_posix()]
        assert "torch" in made["packages"] and "supernet/training/trainer.py" in made["modules"]
        path = (found / name).as_posix()
        assert is_stored_supernet(path) and shared_folder(path) == found.parent.as_posix()
    about = read_json(found.parent / "recipe.json")
    assert digest(about["differs_from_defaults"])[:16] == found.parent.name
    assert about["recipe"] == {"run": run.model_dump(mode="json")}
    assert not list(STORE.rglob(".locks/*")), "claims leave no files"


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"study_seed": 1},
        {"setting": {**SETTING, "epochs": 1}},
        {"data": {**RUN["data"], "flip": False}},  # type: ignore[dict-item]
        {"protocol": {"clip": 1.0}},
    ],
)
def test_another_config_trains(change: dict[str, Any]) -> None:
    Job().train()
    Job("two", {**RUN, **change}).train()
    assert not Job("two").taken_over and len(stored()) == 2


def other_images() -> None:
    save_images(90)


def forged_weights() -> None:
    content = bytearray(stored_file("weights.safetensors").read_bytes())
    content[-1] ^= 1
    stored_file("weights.safetensors").write_bytes(content)


def moved_curve() -> None:
    """The curve of another super-net, with its record."""
    Job("other", {**RUN, "seed": 1}).train()
    ours, other = sorted(stored(), key=lambda path: read_json(path / "run.json")["run"]["seed"])
    shutil.copy(other / "curve.parquet", ours / "curve.parquet")
    shutil.copy(record_path(other / "curve.parquet"), record_path(ours / "curve.parquet"))


def edited(change: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
    """Change a record and write it with a valid digest and seal."""

    def edit() -> None:
        path = record_path(stored_file("weights.safetensors"))
        record = json.loads(path.read_text())
        change(record["made"])
        record["digest"] = digest(record["made"])
        record.pop("seal")
        path.write_text(json.dumps({**record, "seal": digest(record)}))

    return edit


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_images, ""),
        (forged_weights, "its content differs from its record"),
        (moved_curve, "the file was moved or exchanged"),
        (edited(lambda made: made["config"]["run"]["setting"].update(weight_decay=0.5)), "differs in run.setting.we"),
        (edited(lambda made: made["config"].update(landmarks="0" * 64)), "was made with other landmarks"),
        (edited(lambda made: made.update(config=3)), "was made with another config"),
        (edited(lambda made: made["inputs"][0].update(sha256="0" * 64)), "was not made from the images"),
        (lambda: record_path(stored_file("weights.safetensors")).unlink(), "record missing"),
        (lambda: stored_file("weights.safetensors").unlink(), "No such file"),
        (lambda: stored_file("run.json").write_text("{}"), "its content differs from its record"),
        (lambda: stored_file("run.json").unlink(), ""),
    ],
)
def test_a_super_net_that_does_not_fit_is_trained_again(change: Callable[[], None], said: str) -> None:
    weights = Job().train()
    change()
    again = Job("two").train()
    assert not Job("two").taken_over and said in Job("two").log()
    assert (again == weights) == (change is not other_images)
    Job("three").train()
    assert Job("three").taken_over


def test_other_kernels_train_again(monkeypatch: pytest.MonkeyPatch) -> None:
    Job().train()
    monkeypatch.setenv("SUPERNET_REFERENCE_KERNELS", "1")
    Job("two").train()
    assert not Job("two").taken_over and len(stored()) == 2


def test_a_super_net_of_other_code_is_taken_over_with_a_warning() -> None:
    Job().train()
    name = stored()[0].relative_to(STORE).as_posix()
    edited(lambda made: made["modules"].update({"supernet/training/trainer.py": "0" * 64}))()
    Job("two").train()
    assert Job("two").taken_over
    assert "made with other code of supernet/training/trainer.py; to train it again" in Job("two").log()
    assert f"run `supernet store remove {name}`" in Job("two").log()


def test_a_run_that_diverged_is_taken_over_as_such() -> None:
    run = {**RUN, "setting": {**SETTING, "learning_rate": 1e30}}
    Job("one", run).train()
    Job("two", run).train()
    assert Job("two").taken_over and read_json(Job("two").folder / "run.json")["status"] == "diverged"


def test_two_studies_at_once_train_once() -> None:
    names = ("one", "two", "three")
    processes = [Job(name).start() for name in names]
    for process in processes:
        finished(process)
    assert sum(not Job(name).taken_over for name in names) == 1 and len(stored()) == 1
    assert len({(Job(name).folder / "weights.safetensors").read_bytes() for name in names}) == 1
    assert not list(STORE.rglob(".locks/*")), "claims leave no files"


def holder() -> subprocess.Popen[str]:
    """A process that holds the claim of the training until its input ends."""
    run = Run.model_validate_json(json.dumps(RUN))
    command = [sys.executable, "-c", CLAIM, str(STORE), run.model_dump_json(), str(IMAGES)]
    process = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "True\n"
    return process


def test_a_claimed_training_is_waited_for_and_that_of_a_killed_process_is_made() -> None:
    with holder() as other:
        process = Job().start()
        while "coming back to it later" not in (Job().log() if Path("one.log").exists() else ""):
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        assert not stored()
        other.send_signal(signal.SIGKILL)
    finished(process)
    assert not Job().taken_over and len(stored()) == 1


def test_a_job_that_waits_stops_before_its_time_limit() -> None:
    with holder() as other:
        with pytest.raises(Stopped, match="stopped while another process trained supernets/nasbench201/"):
            Job(more=("--limit-minutes", "0.0001")).train()
        other.communicate("")
    Job().train()
    assert not Job().taken_over


def test_a_key_that_did_not_exist_has_its_default() -> None:
    """The summary of a super-net that was trained before a key existed is completed for the run."""
    Job().train()
    summary = stored_file("run.json")
    content = read_json(summary)
    del content["run"]["setting"]["few_shot"]
    with recording(Recorder(ROOT / "scripts" / "train.py")):
        from supernet.io.atomic import write_json
        from supernet.provenance.recorder import recording_apart

        config = {"run": content["run"]}
        with recording_apart(config, [IMAGES]):
            write_json(summary, content)
    Job("two").train()
    assert Job("two").taken_over
    assert read_json(Job("two").folder / "run.json") == read_json(Job().folder / "run.json")


def test_a_training_with_landmarks_is_another_for_other_landmarks(tmp_path: Path) -> None:
    from supernet.provenance.recorder import input_sha256

    run = Run.model_validate_json(json.dumps(RUN))
    first, second = tmp_path / "a.parquet", tmp_path / "b.parquet"
    for path, accuracy in ((first, 0.5), (second, 0.6)):
        pd.DataFrame({"arch_id": ["a"], "truth": [accuracy]}).to_parquet(path)
    assert input_sha256(first) != input_sha256(second)
    folders = {SupernetStore(STORE, run, IMAGES, landmarks).folder.path for landmarks in (None, first, second)}
    assert len(folders) == 3 and len({os.path.dirname(path) for path in folders}) == 1
