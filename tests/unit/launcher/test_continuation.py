"""What a run does first for results that Snakemake knows nothing about, and for data that are newer than them."""

import os
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from attacks.study import IMAGES, STUDY_FILE, load_plan, make_study

from supernet.launcher.continuation import Continuation, is_tracked
from supernet.pipeline.plan import Plan
from supernet.provenance.record import record_path

METRICS = "results/one/metrics.parquet"
WEIGHTS = "results/one/runs/nasbench201/baseline/seed0/weights.safetensors"
OLD = 1_700_000_000


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """A finished study in the current folder, all files of which have one time."""
    monkeypatch.chdir(tmp_path)
    make_study()
    for path in (path for path in Path().rglob("*") if path.is_file()):
        os.utime(path, (OLD, OLD))
    return load_plan()


def lines(plan: Plan) -> list[str]:
    return Continuation(plan, (f"study={STUDY_FILE}",), ()).keep_times()


class TestNewerImages:
    def test_the_same_content_gets_the_time_of_the_results(self, plan: Plan) -> None:
        os.utime(IMAGES)
        os.utime(METRICS, (OLD - 100,) * 2)
        os.utime(WEIGHTS, (OLD - 50,) * 2)
        (line,) = lines(plan)
        assert line.startswith(f"{IMAGES}: has the content from which the results were made")
        # Metrics were not made from the images.
        assert os.path.getmtime(IMAGES) == OLD - 50
        assert lines(plan) == []

    def test_another_content_keeps_its_time(self, plan: Plan) -> None:
        Path(IMAGES).write_text("others")
        before = os.path.getmtime(IMAGES)
        assert lines(plan) == [] and os.path.getmtime(IMAGES) == before

    def test_no_image_is_needed(self, plan: Plan) -> None:
        os.remove(IMAGES)
        assert lines(plan) == []

    def test_damaged_records_tell_nothing(self, plan: Plan) -> None:
        for path in Path("results/one").rglob("*.prov.json"):
            path.write_text("{")
        os.utime(IMAGES)
        assert lines(plan) == []


class TestTracked:
    """Snakemake's metadata; tests/workflow/test_continued_study.py compares with Snakemake itself."""

    def note(self, path: str) -> Path:
        longest = os.pathconf(".", "PC_NAME_MAX") - 1
        name = urlsafe_b64encode(path.encode()).decode()
        parts = [name[start : start + longest] for start in range(0, len(name), longest)]
        file = Path(".snakemake", "metadata", *(f"@{part}" for part in parts[:-1]), parts[-1])
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}")
        return file

    @pytest.mark.parametrize("length", [1, 400])
    def test_metadata_belong_to_files_that_are_not_newer(
        self, length: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        path = "/".join(["a" * 100] * (length // 100)) + "/a.csv" if length > 1 else "a.csv"
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text("made")
        assert not is_tracked(path)
        noted = self.note(path)
        assert is_tracked(path)
        os.utime(noted, (OLD, OLD))
        assert not is_tracked(path)

    def test_tracked_results_are_not_compared(self, plan: Plan) -> None:
        for path in Path().rglob("*.prov.json"):
            self.note(str(path).removesuffix(".prov.json"))
        study = Continuation(plan, (), ())
        # Snakemake, which would have to list the jobs, is not started.
        assert study.untracked == frozenset() and study.outdated == [] and study.missing() == ()

    def test_a_copied_result_is_compared(self, plan: Plan) -> None:
        for path in Path().rglob("*.prov.json"):
            self.note(str(path).removesuffix(".prov.json"))
        os.utime(METRICS, (OLD * 2, OLD * 2))
        record_path(METRICS).touch()
        assert Continuation(plan, (), ()).untracked == {METRICS}
