"""Files in the results of a study that the study does not list are unexpected; logs and the site are not results."""

import json
import os
import shutil
from pathlib import Path

import pytest
from laboratory import CHAIN, CSV, METRICS, POOL, SCORES, WEIGHTS, Laboratory

from supernet.audit.file_status import Audit, FileStatus, State
from supernet.audit.hash_cache import HashCache
from supernet.audit.listing import Listing
from supernet.commands.audit import EXIT_CODES, as_json, lines
from supernet.provenance.record import record_path

PLANTED = "results/s/runs/seed9/scores.parquet"


def audited(lab: Laboratory) -> dict[str, FileStatus]:
    """Return the status of each result of the chain and of each unexpected file."""
    listing = Listing("results/s", CHAIN)
    audit = Audit({}, HashCache(None), lab.root, listing=listing)
    return {path: audit.status(path) for path in (*CHAIN, *listing.unexpected())}


def unexpected(lab: Laboratory) -> set[str]:
    return {path for path, status in audited(lab).items() if status.state is State.UNEXPECTED}


def test_results_records_logs_and_the_site_are_expected(lab: Laboratory) -> None:
    for name in ("logs/train/a.log", "benchmarks/a.tsv", "site/index.html", "report.html", "ro-crate/x", "deposit/y"):
        lab.write(f"results/s/{name}", "")
    assert {status.state for status in audited(lab).values()} == {State.INTACT}


@pytest.mark.parametrize(
    "name", ["a.txt", "logs.txt", "runs/bench/extra.parquet", ".training-1", "metrics.parquet.bak"]
)
def test_a_file_without_a_record_is_named(lab: Laboratory, name: str) -> None:
    lab.write(f"results/s/{name}", "x")
    assert unexpected(lab) == {f"results/s/{name}"}


def test_a_planted_result_with_a_valid_record_is_named_with_all_that_uses_it(lab: Laboratory) -> None:
    with lab.program():
        lab.publish(PLANTED, "scores")
    lab.make(METRICS, [POOL, SCORES, PLANTED])
    lab.make(CSV, [METRICS])
    found = audited(lab)
    assert found[PLANTED].cause == f"{PLANTED}: the study does not list it"
    assert found[METRICS].state is found[CSV].state is State.UNEXPECTED
    assert found[CSV].cause == found[PLANTED].cause
    assert found[POOL].state is State.INTACT


def test_a_planted_result_with_a_damaged_record_is_broken(lab: Laboratory) -> None:
    lab.write(PLANTED, "scores")
    record_path(PLANTED).write_text("{half")
    assert audited(lab)[PLANTED].state is State.BROKEN


def test_a_record_without_its_file_is_named(lab: Laboratory) -> None:
    Path(PLANTED).parent.mkdir(parents=True)
    shutil.copy(record_path(SCORES), record_path(PLANTED))
    assert [one.text for one in audited(lab)[PLANTED].discrepancies] == ["the study does not list it", "missing"]
    assert unexpected(lab) == {PLANTED}


def test_special_files_and_links_are_named_and_not_followed(lab: Laboratory, tmp_path: Path) -> None:
    os.mkfifo("results/s/pipe")
    os.symlink("/dev/zero", "results/s/zero")
    os.symlink("/", "results/s/everything")
    os.symlink("nowhere", "results/s/dangling")
    os.mkdir("results/s/empty")
    names = {"pipe", "zero", "everything", "dangling"}
    assert unexpected(lab) == {f"results/s/{name}" for name in names}


def test_linked_folders_of_results_are_followed(lab: Laboratory, tmp_path: Path) -> None:
    """As for runs on another disk."""
    lab.write("results/s/runs/bench/extra", "")
    os.rename("results/s/runs", tmp_path / "scratch")
    os.symlink(tmp_path / "scratch", "results/s/runs")
    assert unexpected(lab) == {"results/s/runs/bench/extra"}
    assert audited(lab)[WEIGHTS].state is State.INTACT


def test_names_cannot_imitate_lines_of_the_audit(lab: Laboratory) -> None:
    name = "results/s/x\nintact     y\x1b[2K\udcff"
    Path(name).write_text("x")
    status = audited(lab)[name]
    assert lines(status)[0] == r"unexpected results/s/x\nintact     y\x1b[2K\udcff"
    assert json.loads(as_json("s", None, [status]))["targets"][0]["path"] == name
    as_json("s", None, [status]).encode()


def test_the_worst_state_gives_the_exit_code() -> None:
    assert [EXIT_CODES[state] for state in sorted(State)] == [0, 3, 4, 1]
    assert max(State.STALE, State.UNEXPECTED) is State.UNEXPECTED
    assert max(State.UNEXPECTED, State.BROKEN) is State.BROKEN
