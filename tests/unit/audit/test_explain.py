"""The explanation of a result: the right runs, times and downloads, and what is unknown."""

import json
import os
import re
from pathlib import Path

import pandas as pd
import pytest
from laboratory import DOWNLOAD, METRICS, POOL, SEARCH, TABLE, Laboratory

from supernet.audit.explain import explanation, text
from supernet.audit.file_status import State
from supernet.audit.lineage import format_duration, jobs, lineage
from supernet.audit.rows import select
from supernet.errors import UserError
from supernet.io.atomic import write_json, write_table
from supernet.provenance.folders import Folders
from supernet.provenance.record import digest, record_path
from supernet.provenance.recorder import note_input

STUDY = "results/s"
EPOCHS = f"{STUDY}/tables/epochs.csv"
ROWS = [
    {"space": "darts", "row": "setting", "name": "baseline", "metric": "kdt", "mean": 0.25, "seeds": 2.0},
    {"space": "darts", "row": "setting", "name": "epochs=6", "metric": "kdt", "mean": 0.5123456789012345, "seeds": 1.0},
    {"space": "darts", "row": "reference", "name": "macs", "metric": "kdt", "mean": 0.125},
    {"space": "nasbench201", "row": "setting", "name": "baseline", "metric": "kdt", "mean": 0.75, "seeds": 1.0},
]
RUNS = {
    ("darts", "baseline", 0): 30.0,
    ("darts", "baseline", 1): 40.0,
    ("darts", "epochs=6", 0): 3600.0,
    ("nasbench201", "baseline", 0): 7200.0,
}


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Laboratory:
    """The chain of the laboratory, with four super-nets and a table of them in the same study."""
    monkeypatch.chdir(tmp_path)
    made = Laboratory(tmp_path)
    made.make_all()
    for run, seconds in RUNS.items():
        train(made, *run, seconds)
    with made.program({"study": "s"}, "metrics"):
        for space, setting, seed in RUNS:
            for name in ("run.json", "scores.parquet"):
                note_input(f"{STUDY}/runs/{space}/{setting}/seed{seed}/{name}")
        made.publish(METRICS, "numbers")
    with made.program({"table": "epochs", "study": {"study": "s"}}, "table"):
        note_input(METRICS)
        made.publish(EPOCHS, pd.DataFrame(ROWS).to_csv(index=False))
    return made


def train(lab: Laboratory, space: str, setting: str, seed: int, seconds: float) -> None:
    folder = lab.root / STUDY / "runs" / space / setting / f"seed{seed}"
    config = {"space": space, "seed": seed, "setting": {"epochs": 6 if "=" in setting else 3, "batch_size": 8}}
    with lab.program(config, "train"):
        note_input(lab.root / TABLE)
        write_table(folder / "scores.parquet", pd.DataFrame({"arch_id": ["a"]}))
        diverged = space == "nasbench201"
        summary = {"status": "diverged" if diverged else "complete", "diverged_at": 7 if diverged else None}
        write_json(folder / "run.json", summary | {"steps": 100, "images": 800})
        write_json(
            folder / "timing.json", {"total_seconds": seconds, "earlier_seconds": 0.0, "device": "cuda:0", "threads": 1}
        )


def explained(lab: Laboratory, path: str, **wanted: str) -> str:
    selection = select(path, wanted) if wanted else None
    return text(explanation(lab.audit().status(path), Folders(), selection))


def test_all_runs_of_a_table_with_their_time_and_place(lab: Laboratory) -> None:
    found = explained(lab, EPOCHS)
    host = os.uname().nodename
    assert f"darts, baseline: seeds 0, 1; 100 steps, 800 images; 1.2 min on {host} (cuda:0, 1 thread)." in found
    assert f"darts, epochs=6: seed 0; 100 steps, 800 images; 1.0 h on {host} (cuda:0, 1 thread)." in found
    assert "nasbench201, baseline: seed 0; 100 steps, 800 images, diverged at step 7; 2.0 h" in found
    assert "super-nets: 4 jobs, 3.0 h" in found
    assert "darts: batch_size 8, epochs 3." in found
    assert "It made 'epochs' of study 's'." in found
    assert "from no git checkout" in found


def test_one_number_has_its_own_runs_alone(lab: Laboratory) -> None:
    found = explained(lab, EPOCHS, space="darts", name="epochs=6")
    assert "space darts, row setting, name epochs=6, metric kdt, mean 0.5123, seeds 1" in found
    assert "darts, epochs=6: seed 0" in found
    assert "darts, baseline: seed" not in found
    assert "nasbench201" not in found
    assert "super-nets: 4 jobs, 3.0 h" in found
    assert "of which 1.0 h" in re.sub(r"\s+", " ", found)


def test_a_reference_has_no_run_and_names_its_space(lab: Laboratory) -> None:
    selection = select(EPOCHS, {"name": "macs"})
    assert selection.spaces == {"darts"}
    assert not selection.settings
    assert selection.may_use("darts", "baseline", "0")
    assert not selection.may_use("nasbench201", "baseline", "0")


def test_downloads_and_digests_are_named(lab: Laboratory) -> None:
    found = explained(lab, EPOCHS)
    assert f"{DOWNLOAD}, identified by its sha256" in found
    assert lab.pinned["digest"] in found
    assert f"{lab.record(EPOCHS)['digest']}, of its record." in found
    inputs = digest(lab.record(EPOCHS)["made"]["inputs"])
    assert f"{inputs}, of its inputs; captions have the first" in found


def test_it_names_the_status_and_what_is_unknown(lab: Laboratory) -> None:
    assert "Intact: files are as recorded" in explained(lab, SEARCH)
    lab.replace("supernet/layers.py", "width = 8", "width = 9")
    assert "Stale: files are as recorded, but something has changed since" in explained(lab, SEARCH)
    record_path(lab.root / POOL).unlink()
    found = re.sub(r"\s+", " ", explained(lab, SEARCH))
    assert f"Broken: do not trust it. {POOL}: record missing." in found
    assert f"{POOL}: record missing; its inputs are unknown." in found


def test_code_that_changed_between_jobs_is_named(lab: Laboratory) -> None:
    assert "files of code, the same in all jobs" in explained(lab, EPOCHS)
    lab.replace("supernet/layers.py", "width = 8", "width = 9")
    train(lab, "darts", "epochs=6", 0, 1.0)
    assert "not the same in all jobs: supernet/layers.py" in explained(lab, EPOCHS)


@pytest.mark.parametrize(
    ("path", "wanted", "message"),
    [
        (EPOCHS, {"spaces": "darts"}, r"found no column 'spaces'; expected one of space, row, name"),
        (EPOCHS, {"space": "dart"}, r"space: found no row with 'dart' left; there are darts, nasbench201"),
        (SEARCH.replace("parquet", "json"), {"a": "b"}, r"rows can only be selected in \.csv and \.parquet files"),
    ],
)
def test_mistakes_in_the_choice_of_rows_are_named(
    lab: Laboratory, path: str, wanted: dict[str, str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        select(path, wanted)


def test_rows_are_compared_as_they_are_typed(lab: Laboratory) -> None:
    assert len(select(EPOCHS, {"seeds": "1"}).rows) == 2
    assert len(select(EPOCHS, {"mean": "0.125"}).rows) == 1


def test_ancestry_begins_with_the_target_and_ends_with_downloads(lab: Laboratory) -> None:
    nodes = lineage(f"{STUDY}/tables/../tables/epochs.csv", Folders())
    assert next(iter(nodes)) == EPOCHS
    assert {node.kind for node in nodes.values()} == {"result", "download"}
    assert nodes[DOWNLOAD].pinned == lab.pinned
    assert set(nodes[EPOCHS].inputs) == {METRICS}
    assert len([job for job in jobs(nodes) if job.program == "scripts/train.py"]) == len(RUNS)


def test_jobs_without_a_timing_file_take_from_start_to_end(lab: Laboratory) -> None:
    (job,) = (job for job in jobs(lineage(EPOCHS, Folders())) if job.files == (EPOCHS,))
    ran = json.loads(record_path(lab.root / EPOCHS).read_text())["circumstances"]
    seconds = (pd.Timestamp(ran["ended"]) - pd.Timestamp(ran["started"])).total_seconds()
    assert job.seconds == pytest.approx(seconds)
    assert job.timing == {}


def test_a_missing_target_is_broken_and_nothing_else_is_printed(lab: Laboratory) -> None:
    os.remove(EPOCHS)
    assert lab.status(EPOCHS).state is State.BROKEN
    sections = explanation(lab.status(EPOCHS), Folders(), None)
    assert [section.title for section in sections] == ["Status", "Unknown"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0.0 s"),
        (59.9, "59.9 s"),
        (60.0, "1.0 min"),
        (3600.0, "1.0 h"),
        (90000.0, "25.0 h"),
        (432000.0, "5.0 days"),
    ],
)
def test_times_are_printed_in_a_suitable_unit(seconds: float, words: str) -> None:
    assert format_duration(seconds) == words


def test_timings_of_before_stopped_processes_counted_are_read(lab: Laboratory) -> None:
    folder = lab.root / STUDY / "runs" / "darts" / "epochs=6" / "seed0"
    write_json(folder / "timing.json", {"total_seconds": 90.0, "device": "cpu", "threads": 2})
    assert "darts, epochs=6: seed 0; 100 steps, 800 images; 1.5 min on" in explained(lab, EPOCHS)
    write_json(folder / "timing.json", {"total_seconds": 90.0, "earlier_seconds": 90.0, "device": "cpu", "threads": 2})
    assert "darts, epochs=6: seed 0; 100 steps, 800 images; 3.0 min on" in explained(lab, EPOCHS)
