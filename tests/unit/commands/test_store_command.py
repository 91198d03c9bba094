"""`supernet store`: what it lists, and what it removes, from small stores that are written as programs do."""

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from checkouts import ROOT
from stored import RUN, SPACE, Stored, Training, age

from supernet.commands import store as command
from supernet.config.artifacts import Artifacts
from supernet.errors import UserError
from supernet.io.atomic import write_text
from supernet.provenance.record import record_path
from supernet.runtime.lock import sole_writer

HOLDER = f"process {os.getpid()} on "


class Terminal(io.StringIO):
    """A terminal on which a user answers, after `before` has happened."""

    def __init__(self, answer: str, before: Callable[[], object] = lambda: None) -> None:
        super().__init__(answer)
        self._before = before

    def isatty(self) -> bool:
        return True

    def readline(self, size: int = -1, /) -> str:
        self._before()
        return super().readline(size)


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stored:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SUPERNET_RESULTS", raising=False)
    return Stored()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs the command, with a terminal or without one, and returns its output."""

    def call(*arguments: str, terminal: io.StringIO | None = None) -> str:
        monkeypatch.setattr("sys.stdin", terminal or io.StringIO())
        command.main([*arguments, "--results", "results"])
        return capsys.readouterr().out

    return call


def listed(run: Callable[..., str]) -> dict[str, Any]:
    """Return what --json prints, with the entries by their names."""
    found: dict[str, Any] = json.loads(run("--json"))
    names = (f"{one['kind']}/{one['space']}/{one['digest']}" for one in found["entries"])
    return {**found, "entries": dict(zip(names, found["entries"], strict=True))}


def name_of(path: Path) -> str:
    """Return the name of the entry of a file in the store."""
    return "/".join(path.relative_to("results/store").parts[:3])


def files(folder: str = "results/store") -> set[Path]:
    return {path for path in Path(folder).rglob("*") if path.is_file()}


def test_without_a_store_nothing_is_listed_and_nothing_is_removed(stored: Stored, run: Callable[..., str]) -> None:
    assert run().startswith("0 entries, 0 files, 0 B in results/store")
    assert run("prune") == "Nothing to remove from results/store\n"


def test_the_list_has_the_studies_of_each_entry_and_how_many_of_its_parts_they_use(
    stored: Stored, run: Callable[..., str]
) -> None:
    stored.study("mini", "abc")
    stored.study("midi", "bcde")
    unused = stored.train("x", epochs=2)
    shown = run()
    lines = shown.splitlines()
    first, second = sorted([name_of(unused[0]), name_of(stored.train("a")[0])])
    assert [line.split()[0] for line in lines[:3]] == ["entry", first, second]
    shared = next(line for line in lines if name_of(stored.train("a")[0]) in line)
    assert re.search(r" 5 trainings  +\d+\.\d kB  midi 4 of 5, mini 3 of 5  +epochs 1, ", shared)
    alone = next(line for line in lines if name_of(unused[0]) in line)
    assert re.search(r" 1 training  +\d+\.\d kB +no study  +epochs 2, ", alone)
    assert re.search(r"\n\n2 entries, 14 files, \d+\.\d kB in results/store; 1 unused\n", shown)


def test_json_has_the_same_for_programs(stored: Stored, run: Callable[..., str]) -> None:
    stored.study("mini", "ab")
    unused = stored.train("c")[0]
    found = listed(run)
    entry = found["entries"][name_of(unused)]
    assert entry["studies"] == {"mini": 2} and entry["unused"] == [unused.name]
    assert entry["items"] == entry["count"] == 3 and entry["files"] == found["files"] == 7
    assert entry["bytes"] == found["bytes"] == sum(path.stat().st_size for path in files())
    assert entry["differs_from_defaults"]["epochs"] == 1 and "space" not in entry["differs_from_defaults"]


def test_prune_removes_the_parts_that_no_study_uses_and_whole_entries(stored: Stored, run: Callable[..., str]) -> None:
    stored.study("mini", "ab")
    stored.study("midi", "bc")
    kept = files()
    parts = stored.train("xy")
    whole = stored.train("z", epochs=2)[0]
    freed = sum(path.stat().st_size for path in files() - kept)
    shown = run("prune", terminal=Terminal("y\n"))
    assert f"{name_of(parts[0])}: 2 of 5 trainings, " in shown
    assert f"{name_of(whole)}: 1 training, " in shown
    assert f"Remove 7 files, {freed / 1000:.1f} kB? [y/N] " in shown and "Removed 7 files" in shown
    assert files() == kept and not whole.parent.exists()
    with stored.program():
        assert [stored.truth().get(Training(name, name)) is not None for name in "abcx"] == [True, True, True, False]
    assert run("prune") == "Nothing to remove from results/store\n"


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "no\n", "yesterday\n"])
def test_prune_removes_nothing_without_a_yes(stored: Stored, run: Callable[..., str], answer: str) -> None:
    stored.train("a")
    before = files()
    assert run("prune", terminal=Terminal(answer)).endswith("Nothing was removed\n")
    assert files() == before


def test_without_a_terminal_nothing_is_removed_except_with_yes(stored: Stored, run: Callable[..., str]) -> None:
    stored.train("a")
    before = files()
    for arguments in (("prune",), ("remove", name_of(stored.train("a")[0]))):
        with pytest.raises(UserError, match="not a terminal, so the question cannot be asked; use --yes"):
            run(*arguments)
        assert files() == before
    run("prune", "--yes")
    assert files() == set()


def test_a_study_uses_its_parts_under_another_name_too(stored: Stored, run: Callable[..., str]) -> None:
    part = stored.train("a")[0]
    stored.study("mini", "a")
    Path("results/mini").rename("results/renamed")
    assert listed(run)["entries"][name_of(part)]["studies"] == {"renamed": 1}
    run("prune", "--yes")
    assert part.exists()


def test_a_study_on_another_disk_uses_its_parts(stored: Stored, run: Callable[..., str], tmp_path: Path) -> None:
    part = stored.train("a")[0]
    stored.study("mini", "a")
    Path("results/mini/truth").rename("elsewhere")
    Path("results/mini/truth").symlink_to(tmp_path / "elsewhere")
    Path("results/mini/truth/itself").symlink_to(tmp_path / "elsewhere")
    run("prune", "--yes")
    assert part.exists()


def test_results_in_another_folder_use_the_store_beside_them(
    stored: Stored, run: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored.study("mini", "a")
    Path("results").rename("moved")
    command.main(["--results", str(tmp_path / "moved"), "--json"])
    assert json.loads(capsys.readouterr().out)["entries"][0]["studies"] == {"mini": 1}


def test_a_record_without_its_result_still_says_what_was_used(stored: Stored, run: Callable[..., str]) -> None:
    part = stored.train("a")[0]
    # Snakemake deletes the outputs of a job that failed, not their records.
    stored.study("mini", "a").unlink()
    run("prune", "--yes")
    assert part.exists()


def damaged(path: Path) -> None:
    record_path(path).write_text("{")


def edited(path: Path) -> None:
    record_path(path).write_text(record_path(path).read_text().replace("store", "other"))


def older(path: Path) -> None:
    record_path(path).write_text('{"format": 1}')


@pytest.mark.parametrize("damage", [damaged, edited, older, lambda path: record_path(path).unlink()])
def test_with_a_damaged_record_prune_refuses_and_the_list_warns(
    stored: Stored, run: Callable[..., str], capsys: pytest.CaptureFixture[str], damage: Callable[[Path], None]
) -> None:
    shard = stored.study("mini", "a")
    other = stored.train("b", epochs=2)[0]
    damage(shard)
    before = files()
    with pytest.raises(UserError, match=rf"{re.escape(str(shard))}: record .*nothing was removed"):
        run("prune", "--yes")
    assert files() == before
    command.main(["--results", "results"])
    assert f"warning: {shard}: record" in capsys.readouterr().err
    assert listed(run)["not_known"][0].startswith(f"{shard}: record")
    run("remove", name_of(other), "--yes")
    assert not other.exists()


@pytest.mark.parametrize("action", ["prune", "remove"])
def test_a_held_lock_of_a_study_or_a_job_is_named_and_nothing_is_removed(
    stored: Stored, run: Callable[..., str], action: str
) -> None:
    stored.study("mini", "a")
    part = stored.train("b")[0]
    entries = [name_of(part)] if action == "remove" else []
    before = files()
    for name in ("workflow", f"runs/{SPACE}/baseline/seed0"):
        lock = Path(Artifacts("results/mini").locks, name)
        with sole_writer(lock), pytest.raises(UserError, match=f"nothing was removed.*{lock}: {HOLDER}"):
            run(action, *entries, "--yes")
        assert files() == before
    run(action, *entries, "--yes")
    assert not part.exists()


def test_a_live_claim_is_named_and_nothing_is_removed(stored: Stored, run: Callable[..., str]) -> None:
    part = stored.train("a")[0]
    with stored.program():
        claim = stored.truth(epochs=2).claim(Training("b", "b"))
    assert claim.take()
    with pytest.raises(UserError, match=f"nothing was removed.*{HOLDER}"):
        run("prune", "--yes")
    assert part.exists()
    claim.release()
    run("prune", "--yes")
    assert not part.exists()


def killed_with(code: str) -> None:
    """Run code in a process that is then killed."""
    code = f"import os, signal\nfrom pathlib import Path\n{code}\nos.kill(os.getpid(), signal.SIGKILL)\n"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == -signal.SIGKILL


def test_locks_claims_and_temporary_files_of_ended_processes_do_not_keep_anything(
    stored: Stored, run: Callable[..., str]
) -> None:
    stored.study("mini", "a")
    part = stored.train("b", epochs=2)[0]
    killed_with(
        "from supernet.runtime.lock import Claim, sole_writer\nfrom supernet.io.writers import temporary_file\n"
        f"claim = Claim(Path('{part.parent}/.locks/0123'))\nassert claim.take()\n"
        "lock = sole_writer(Path('results/mini/.locks/workflow'))\nlock.__enter__()\n"
        f"temporary_file(Path('{part}'))\n"
    )
    [left] = listed(run)["left"]
    assert Path(left).parent == part.parent and "Left by ended processes: 1 files or folders" in run()
    assert f"{left}: left by an ended process" in run("prune", "--yes")
    assert not part.parent.exists()


def test_damaged_and_unknown_files_are_listed_and_kept(stored: Stored, run: Callable[..., str]) -> None:
    part, changed, unrecorded = stored.train("abc")
    changed.write_bytes(b"x" * changed.stat().st_size)
    record_path(unrecorded).unlink()
    unknown = [part.parent / "notes.txt", Path("results/store/README"), Path("results/store/truth/x/y/z.parquet")]
    for path in unknown:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("notes")
    problems = listed(run)["problems"]
    assert {problem.partition(": ")[0] for problem in problems} == set(map(str, [changed, unrecorded, *unknown]))
    shown = run("prune", "--yes")
    assert all(problem in shown for problem in problems) and "content differs" in shown and "record missing" in shown
    assert not part.exists() and not record_path(part).exists()
    recipe = part.parent / "recipe.json"
    assert files() == {changed, record_path(changed), unrecorded, recipe, *unknown}
    with pytest.raises(UserError, match=r"notes\.txt: not a file of the store; move it away"):
        run("remove", name_of(part), "--yes")
    unknown[0].unlink()
    run("remove", name_of(part), "--yes")
    assert files() == set(unknown[1:])


def test_scores_are_used_by_studies_whose_runs_have_the_weights(stored: Stored, run: Callable[..., str]) -> None:
    first, second = stored.run("mini", "weights"), stored.run("midi", "other weights")
    entries = [stored.score(path).name for path in (first, second)]
    assert listed(run)["entries"][entries[0]]["studies"] == {"mini": 2}
    shown = run()
    assert re.search(rf"{entries[0]}  8 scores +\S+ kB  mini 2 of 2", shown), shown
    # Another study trains the same super-net, and the first one trains it with another outcome.
    stored.run("third", "weights")
    first.unlink()
    stored.run("mini", "new weights")
    found = listed(run)["entries"]
    assert found[entries[0]]["studies"] == {"third": 2} and found[entries[1]]["studies"] == {"midi": 2}
    stored.run("third", "new weights")
    run("prune", "--yes")
    assert set(listed(run)["entries"]) == {entries[1]}


def test_a_supernet_is_used_and_removed_as_a_whole_and_its_links_are_counted_once(
    stored: Stored, run: Callable[..., str]
) -> None:
    used, unused = stored.supernet("w" * 5000), stored.supernet("v" * 5000, seed=1)
    linked = stored.run("mini", "w" * 5000, used[:1])
    found = listed(run)
    assert found["entries"][name_of(used[0])]["studies"] == {"mini": 1}
    assert found["bytes"] == sum(path.stat().st_size for path in files()) and found["bytes_linked"] == 5000
    shown = run()
    assert re.search(rf"{name_of(used[0])}  1 super-net +\S+ kB  mini  +seed 0", shown)
    assert "5.0 kB of it have further names elsewhere" in shown
    before = files()
    assert "1 super-net, " in run("prune", "--yes")
    assert before - files() == {path for path in before if path.is_relative_to(unused[0].parent.parent)}
    shown = run("remove", name_of(used[0]), terminal=Terminal("y\n"))
    assert "used by mini\n" in shown and "5.0 kB of it stay on the disk" in shown
    assert files() == set() and linked.read_text() == "w" * 5000


def test_of_one_config_the_supernets_with_other_images_are_used_and_removed_by_themselves(
    stored: Stored, run: Callable[..., str]
) -> None:
    used, unused, again = (stored.supernet(name * 9, inputs=name) for name in "123")
    stored.run("mini", "weights", used[:1])
    stored.run("midi", "weights", again[:1])
    entry = listed(run)["entries"][name_of(used[0])]
    assert entry["studies"] == {"midi": 1, "mini": 1} and entry["unused"] == ["2" * 16] and entry["count"] == 3
    assert "midi 1 of 3, mini 1 of 3" in run()
    before = files()
    assert "1 of 3 super-nets, " in run("prune", "--yes")
    assert before - files() == {path for path in before if unused[0].parent in path.parents}
    # The log of a job names a super-net in this way.
    run("remove", f"{name_of(again[0])}/{'3' * 16}", "--yes")
    assert {path.parent for path in files()} == {used[0].parent, used[0].parent.parent}


def test_a_supernet_of_a_killed_job_is_not_complete_and_removed(stored: Stored, run: Callable[..., str]) -> None:
    _, *others = stored.supernet("weights")
    for path in others[:2]:
        path.unlink()
    assert "0 super-nets" in run()
    run("prune", "--yes")
    assert files() == set()


@pytest.mark.parametrize("damage", ["longer weights", "notes"])
def test_a_supernet_with_a_damaged_or_unknown_file_is_kept(
    stored: Stored, run: Callable[..., str], damage: str
) -> None:
    weights = stored.supernet("weights")[0]
    if damage == "notes":
        weights.with_name("notes.txt").write_text(damage)
    else:
        weights.write_text(damage)
    before = files()
    message = "notes.txt: not a file" if damage == "notes" else "its size differs from its record"
    assert message in run("prune", "--yes")
    assert files() == before


def test_entries_are_named_by_path_by_name_or_by_the_start_of_a_digest(stored: Stored, run: Callable[..., str]) -> None:
    parts = [stored.train("a", epochs=count)[0] for count in range(1, 5)]
    digests = [path.parent.name for path in parts]
    stored.study("mini", "a", epochs=1)
    ways = [digests[0], f"{parts[1].parent}/", f"truth/{SPACE}/{digests[2]}", digests[3][:12]]
    shown = run("remove", *ways, "--yes")
    assert f"truth/{SPACE}/{digests[0]}: 1 training, " in shown and "used by mini\n" in shown
    assert "broken for the audit until they are made again" in shown
    assert files() == set()


def test_a_single_training_is_removed_by_its_path(stored: Stored, run: Callable[..., str]) -> None:
    stored.study("mini", "abc")
    first, second, third = stored.train("abc")
    shown = run("remove", str(first), f"{name_of(second)}/{second.name}", "--yes")
    assert f"{name_of(first)}: 2 of 3 trainings, " in shown and "used by mini 3 of 3\n" in shown
    assert files() == {third, record_path(third), third.parent / "recipe.json"}


def test_a_name_that_fits_no_entry_or_several_is_refused(stored: Stored, run: Callable[..., str]) -> None:
    # Two of 17 digests start with the same one of 16 digits.
    parts = [stored.train("a", epochs=count)[0] for count in range(1, 18)]
    starts = [path.parent.name[0] for path in parts]
    common = next(one for one in starts if starts.count(one) > 1)
    before = files()
    with pytest.raises(UserError, match=rf"{common}: found truth/.*, truth/.*; write more of the digest"):
        run("remove", common, "--yes")
    for name in ("", "/", "truth", f"truth/{SPACE}", "results/store", f"{parts[0].parent}/recipe.json", "zz"):
        with pytest.raises(UserError, match="no such entry in results/store; expected the path"):
            run("remove", name, "--yes")
    assert files() == before


def test_a_study_that_starts_while_the_question_is_open_stops_the_removal(
    stored: Stored, run: Callable[..., str]
) -> None:
    part = stored.train("a")[0]
    with pytest.raises(UserError, match="changed since the question; start again"):
        run("prune", terminal=Terminal("y\n", before=lambda: stored.study("mini", "a")))
    assert part.exists()


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Lets the process end, in place of the n-th removal of a file, where n is the number in the returned list."""
    countdown = [0]
    unlink = Path.unlink

    def end(path: Path, missing_ok: bool = False) -> None:
        countdown[0] -= path.is_relative_to("results/store/truth")
        if countdown[0] == 0 and path.is_relative_to("results/store/truth"):
            raise KeyboardInterrupt
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", end)
        yield countdown


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_killed_prune_leaves_no_part_that_counts_and_the_next_one_completes_it(
    stored: Stored, run: Callable[..., str], failing: list[int], number: int, caplog: pytest.LogCaptureFixture
) -> None:
    stored.study("mini", "a")
    kept = files()
    stored.train("xy")
    failing[0] = number
    with pytest.raises(KeyboardInterrupt):
        run("prune", "--yes")
    removed = {1: 0, 2: 1, 3: 1, 4: 2}[number]
    with stored.program():
        store = stored.truth()
    assert sum(store.get(Training(name, name)) is None for name in "xy") == removed and not caplog.text
    run("prune", "--yes")
    assert files() == kept


def test_a_killed_removal_of_a_folder_leaves_no_entry(
    stored: Stored, run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    part = stored.train("a")[0]
    killed_with(
        "import shutil, supernet.io.folders\nfrom supernet.commands import store\n"
        "def stop(*arguments, **more): os.kill(os.getpid(), signal.SIGKILL)\n"
        "supernet.io.folders.shutil.rmtree = stop\nstore.main(['prune', '--yes', '--results', 'results'])"
    )
    assert files() and not part.parent.exists()
    found = listed(run)
    assert found["entries"] == {} and len(found["left"]) == 1 and found["problems"] == []
    run("prune", "--yes")
    assert files() == set()


def test_a_study_without_ground_truth_or_metrics_is_named_as_not_finished(
    stored: Stored, run: Callable[..., str]
) -> None:
    for name in ("mini", "midi", "begun", "grown"):
        stored.study(name, "a")
    for name in ("begun", "grown"):
        with stored.program("pool"):
            write_text(Artifacts(f"results/{name}").drawn_pool(SPACE), "pool")
    with stored.program("pool_truth"):
        write_text(Artifacts("results/grown").pool(SPACE), "pool with ground truth")
    stored.run("midi", "weights")
    assert listed(run)["unfinished"] == ["begun", "midi"]
    age(Path(Artifacts("results/grown").pool(SPACE)), 60)
    assert "Not finished: begun, grown, midi. " in run()
    stored.complete("midi")
    assert listed(run)["unfinished"] == ["begun", "grown"]


@pytest.mark.parametrize(
    "arguments", [["remove"], ["list", "x"], ["prune", "x"], ["prune", "--json"], ["list", "--yes"], ["clean"]]
)
def test_a_wrong_command_line_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(arguments)
    assert stopped.value.code == 2 and "supernet store: error: " in capsys.readouterr().err


def test_text_of_a_recipe_cannot_control_the_terminal(stored: Stored, run: Callable[..., str]) -> None:
    part = stored.train("a")[0]
    (part.parent / "recipe.json").write_text(json.dumps({"differs_from_defaults": {"key": "\x1b[2J"}}))
    assert "key \\x1b[2J" in run()
    for text in ("{", "[]", '{"differs_from_defaults": 3}'):
        (part.parent / "recipe.json").write_text(text)
        assert name_of(part) in run()


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (3_400_000, "3.4 MB"),
        (12 * 10**9, "12.0 GB"),
        (5 * 10**12, "5000.0 GB"),
    ],
)
def test_sizes_are_in_decimal_units(count: int, text: str) -> None:
    assert command.size(count) == text


def test_weights_of_a_run_are_where_runs_have_them() -> None:
    assert f"results/mini/{RUN}/weights.safetensors" == Artifacts("results/mini").run(SPACE, "baseline", 0).weights
