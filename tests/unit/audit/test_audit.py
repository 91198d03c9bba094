"""The audit finds changes that Snakemake does not notice, and names the first broken link."""

import hashlib
import json
import os
import time
from importlib import metadata
from pathlib import Path

import pandas
import pytest
from laboratory import CHAIN, CSV, DOWNLOAD, FOUND, METRICS, POOL, SCORES, SEARCH, SETTING, TABLE, WEIGHTS, Laboratory

from supernet.audit.current import KERNELS_MODULE
from supernet.audit.file_status import Audit, State, differences
from supernet.audit.hash_cache import HashCache
from supernet.provenance.folders import Folders
from supernet.provenance.record import digest, record_path
from supernet.runtime.kernels import VARIABLE


def states(lab: Laboratory) -> dict[str, State]:
    audit = lab.audit()
    return {name: audit.status(name).state for name in CHAIN}


def broken(lab: Laboratory) -> set[str]:
    return {name for name, state in states(lab).items() if state is State.BROKEN}


def test_an_untouched_chain_is_intact(lab: Laboratory) -> None:
    assert states(lab) == dict.fromkeys(CHAIN, State.INTACT)
    assert lab.status(FOUND).cause == ""


def test_a_hand_edited_final_csv_is_broken_and_nothing_else_is(lab: Laboratory) -> None:
    lab.replace(CSV, "numbers", "numberz")
    assert broken(lab) == {CSV}
    assert lab.status(CSV).cause == f"{CSV}: its content differs from its record: it was changed after it was made"


def test_swapped_weights_break_what_was_made_from_them_alone(lab: Laboratory) -> None:
    lab.replace(WEIGHTS, "weights", "swapped")
    assert broken(lab) == {WEIGHTS, SEARCH, FOUND}
    assert lab.status(FOUND).cause == f"{SEARCH}: the content of input {WEIGHTS} differs from what was read"


def test_weights_of_another_run_with_their_own_record_are_found(lab: Laboratory) -> None:
    """Both files are replaced by a consistent pair: its record names the other file."""
    other = "results/s/runs/other/weights.safetensors"
    with lab.program(SETTING):
        lab.publish(other, "others")
    os.replace(other, WEIGHTS)
    os.replace(record_path(other), record_path(WEIGHTS))
    assert lab.status(WEIGHTS).cause == f"{WEIGHTS}: its record is of {other}: the file was moved or exchanged"
    assert broken(lab) == {WEIGHTS, SEARCH, FOUND}


def test_a_download_with_another_content_breaks_all_that_follows(lab: Laboratory) -> None:
    lab.write(DOWNLOAD, "arch,acc\na,0.9\n")
    assert broken(lab) == set(CHAIN)
    assert lab.status(CSV).cause.startswith(f"{TABLE}: the content of input {DOWNLOAD} differs")


def test_a_table_made_again_from_another_download_breaks_its_consumers(lab: Laboratory) -> None:
    lab.write(DOWNLOAD, "arch,acc\na,0.9\n")
    with lab.program({"table": "bench"}):
        lab.publish(TABLE, lab.download().read_text())
    # The pin is checked as well: the record says by which hash the download was known.
    assert "does not have the sha256 that identified it" in lab.status(TABLE).cause
    assert lab.status(POOL).cause == f"{POOL}: the content of input {TABLE} differs from what was read"


@pytest.mark.parametrize("name", [DOWNLOAD, POOL, SCORES])
def test_a_deleted_input_is_named(lab: Laboratory, name: str) -> None:
    os.remove(name)
    status = lab.status(METRICS)
    assert status.state is State.BROKEN
    assert status.cause.endswith(f"input {name} is missing")


def test_a_deleted_record_is_named(lab: Laboratory) -> None:
    os.remove(record_path(POOL))
    assert lab.status(CSV).cause == f"{POOL}: record missing"
    assert broken(lab) == {POOL, WEIGHTS, SCORES, SEARCH, METRICS, CSV, FOUND}


def test_a_sidecar_edited_to_match_a_tampered_file_does_not_fit_its_seal(lab: Laboratory) -> None:
    forge(lab, CSV, "forged", seal=False)
    assert lab.status(CSV).cause == f"{CSV}: record edited: its digest does not match"


def test_a_sidecar_forged_with_seal_does_not_fit_the_chain(lab: Laboratory) -> None:
    forge(lab, METRICS, "forged", seal=True)
    assert lab.status(METRICS).state is State.INTACT
    assert lab.status(CSV).cause == f"{CSV}: the content of input {METRICS} differs from what was read"


def test_a_record_forged_to_hide_staleness_does_not_fit_the_chain(lab: Laboratory) -> None:
    forge(lab, METRICS, (lab.root / METRICS).read_text(), seal=True, config={"made": "otherwise"})
    assert "same content but a different record" in lab.status(CSV).cause


def test_a_complete_forgery_changes_the_root_digest(lab: Laboratory) -> None:
    """The folder itself is consistent; only a digest that was stored elsewhere shows it."""
    before = lab.record(METRICS)["digest"]
    forge(lab, SCORES, "forged", seal=True)
    for name, inputs in ((METRICS, [POOL, SCORES]), (CSV, [METRICS]), (FOUND, [SEARCH, METRICS])):
        lab.make(name, inputs)
    assert states(lab) == dict.fromkeys(CHAIN, State.INTACT)
    assert lab.record(METRICS)["digest"] != before


def test_the_root_digest_does_not_depend_on_times_or_comments(lab: Laboratory) -> None:
    lab.make_all()
    before = lab.record(METRICS)
    lab.replace("supernet/layers.py", "# channels", "# widths")
    lab.make_all()
    after = lab.record(METRICS)
    assert after["seal"] != before["seal"]
    assert after["digest"] == before["digest"]


def forge(lab: Laboratory, name: str, content: str, seal: bool, **made: object) -> None:
    """Replace a file and change its record to match."""
    lab.write(name, content)
    record = lab.record(name)
    fake = {**record["made"], "sha256": digest_of(lab.root / name), "size": len(content), **made}
    edited = {**record, "made": fake}
    if seal:
        edited["digest"] = digest(fake)
    del edited["seal"]
    lab.write_record(name, {**edited, "seal": digest(edited)})


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class TestStale:
    def test_an_edited_imported_module_is_named(self, lab: Laboratory) -> None:
        lab.replace("supernet/layers.py", "width = 8", "width = 9")
        assert states(lab) == dict.fromkeys(CHAIN, State.STALE)
        assert lab.status(TABLE).cause == f"{TABLE}: code changed: supernet/layers.py"

    @pytest.mark.parametrize(
        ("name", "old", "new"),
        [
            ("supernet/layers.py", "# channels", "# the width"),
            ("supernet/layers.py", "width = 8", "width  =  (8)"),
            ("supernet/train.py", "One step.", "A single step."),
            ("supernet/train.py", '    """One step."""\n', ""),
            ("supernet/train.py", "\n\n\ndef", "\ndef"),
        ],
    )
    def test_a_cosmetic_edit_is_none(self, lab: Laboratory, name: str, old: str, new: str) -> None:
        lab.replace(name, old, new)
        assert states(lab) == dict.fromkeys(CHAIN, State.INTACT)

    @pytest.mark.parametrize("text", ["width = = 8\n", None])
    def test_a_module_that_is_not_python_or_is_deleted_is_changed(self, lab: Laboratory, text: str | None) -> None:
        lab.write("supernet/layers.py", text) if text else os.remove("supernet/layers.py")
        assert lab.status(TABLE).cause == f"{TABLE}: code changed: supernet/layers.py"

    def test_an_edited_lock_is_named(self, lab: Laboratory) -> None:
        lab.replace("envs/requirements.lock", "torch==1", "torch==2")
        assert lab.status(CSV).state is State.STALE
        assert lab.status(CSV).cause == f"{CSV}: environment changed: envs/requirements.lock"

    def test_another_version_of_a_loaded_package_is_named(self, lab: Laboratory) -> None:
        self._with_pandas(lab, "0.1")
        assert lab.status(CSV).cause == f"{CSV}: environment changed: pandas 0.1, now {pandas.__version__}"

    def test_the_name_of_a_build_is_not_another_version(self, lab: Laboratory) -> None:
        self._with_pandas(lab, f"{pandas.__version__}+build1")
        assert lab.status(CSV).state is State.INTACT

    def test_a_missing_post_release_is_not_another_version(
        self, lab: Laboratory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        released, installed = pandas.__version__, metadata.version
        monkeypatch.setattr(
            "supernet.provenance.installed.metadata.version",
            lambda name: installed(name) + (".post1" if name == "pandas" else ""),
        )
        self._with_pandas(lab, released)
        assert lab.status(CSV).state is State.INTACT
        self._with_pandas(lab, "0.1")
        assert lab.status(CSV).cause == f"{CSV}: environment changed: pandas 0.1, now {released}.post1"

    def _with_pandas(self, lab: Laboratory, version: str) -> None:
        record = lab.record(CSV)
        record["made"]["packages"]["pandas"] = version
        edited = {**record, "digest": digest(record["made"])}
        del edited["seal"]
        lab.write_record(CSV, {**edited, "seal": digest(edited)})

    @pytest.mark.parametrize(
        ("used", "now", "state"), [("1", False, "stale"), (None, True, "stale"), (None, False, "intact")]
    )
    def test_other_kernels_are_named(self, lab: Laboratory, used: str | None, now: bool, state: str) -> None:
        record = lab.record(CSV)
        for part in (record["made"]["modules"], record["circumstances"]["files"]):
            part[KERNELS_MODULE] = part["supernet/layers.py"]
        lab.write(KERNELS_MODULE, (lab.root / "supernet/layers.py").read_text())
        if used is not None:
            record["made"]["variables"][VARIABLE] = used
        edited = {**record, "digest": digest(record["made"])}
        del edited["seal"]
        lab.write_record(CSV, {**edited, "seal": digest(edited)})
        status = Audit({}, HashCache(None), lab.root, kernels=now).status(CSV)
        assert status.state.name.lower() == state
        cause = f"{CSV}: environment changed: {VARIABLE} was {int(used == '1')}, is {int(now)}"
        assert status.cause == (cause if state == "stale" else "")
        assert Audit({}, HashCache(None), lab.root).status(CSV).state is State.INTACT

    def test_the_changed_setting_is_named(self, lab: Laboratory) -> None:
        now = {"setting": {"learning_rate": 0.1, "epochs": 3}, "seed": 0}
        audit = lab.audit(configs={WEIGHTS: now})
        assert audit.status(WEIGHTS).cause == f"{WEIGHTS}: config changed: setting.learning_rate: was 0.025, is 0.1"
        assert audit.status(FOUND).cause == audit.status(WEIGHTS).cause
        assert audit.status(METRICS).state is State.INTACT

    def test_other_pins_in_the_sources_are_named(self, lab: Laboratory) -> None:
        other = "a" * 64
        lab.replace("workflow/sources.yaml", lab.pinned["digest"], other)
        assert lab.status(TABLE).cause == f"{TABLE}: download {DOWNLOAD}: the sources now pin sha256 {other}"

    def test_broken_is_worse_than_stale(self, lab: Laboratory) -> None:
        lab.replace("envs/requirements.lock", "torch==1", "torch==2")
        os.remove(POOL)
        assert lab.status(CSV).cause == f"{METRICS}: input {POOL} is missing"
        assert lab.status(TABLE).state is State.STALE


def test_unchanged_files_are_not_hashed_again(lab: Laboratory, tmp_path: Path) -> None:
    cache = tmp_path / "state" / "hashes.json"
    hashes = HashCache(cache)
    assert Audit({WEIGHTS: SETTING}, hashes, lab.root).status(CSV).state is State.INTACT
    hashes.save()
    # A file that was not hashed, since its entry has a false hash.
    content = json.loads(cache.read_text())
    content["files"][f"sha256:{os.path.abspath(CSV)}"][-1] = "0" * 64
    cache.write_text(json.dumps(content))
    assert lab.status(CSV, cache=cache).state is State.BROKEN
    assert lab.status(CSV).state is State.INTACT


def test_an_edit_that_keeps_size_and_times_is_found(lab: Laboratory, tmp_path: Path) -> None:
    cache = tmp_path / "state" / "hashes.json"
    hashes = HashCache(cache)
    Audit({}, hashes, lab.root).status(CSV)
    hashes.save()
    status = os.stat(CSV)
    time.sleep(0.02)  # The clock of the file system may have a resolution of 10 ms.
    lab.replace(CSV, "numbers", "numberz")
    os.utime(CSV, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert lab.status(CSV, cache=cache).state is State.BROKEN


def test_moved_folders_are_audited_as_before_if_they_are_named(lab: Laboratory) -> None:
    os.mkdir("elsewhere")
    for name in ("results", "resources"):
        os.rename(name, f"elsewhere/{name}")
    folders = Folders("elsewhere/results", "elsewhere/resources", str(lab.root))
    assert Audit({}, HashCache(None), lab.root, folders=folders).status(f"elsewhere/{CSV}").state is State.INTACT
    assert lab.status(f"elsewhere/{CSV}").cause.startswith(
        f"elsewhere/{CSV}: its record is of {CSV}: the file was moved"
    )


def test_differences_name_each_value_by_its_keys() -> None:
    old, new = {"a": {"b": 1, "c": [1, 2]}, "d": None}, {"a": {"b": 1, "c": [1]}, "e": "x"}
    assert differences(old, new) == ["a.c: was [1, 2], is [1]", 'e: was null, is "x"']


class TestIdentity:
    """A file is that of its place: study, space, setting and seed."""

    def test_two_files_exchanged_with_their_records_are_both_named(self, lab: Laboratory) -> None:
        exchange(WEIGHTS, SCORES)
        assert f"its record is of {SCORES}: the file was moved or exchanged" in lab.status(WEIGHTS).cause
        assert f"its record is of {WEIGHTS}: the file was moved or exchanged" in lab.status(SCORES).cause

    def test_records_rewritten_for_the_other_place_have_the_config_of_the_other(self, lab: Laboratory) -> None:
        """The attack on two settings: files, names and digests fit, and everything after them is made again."""
        other = "results/s/runs/other/weights.safetensors"
        config = {"setting": {"learning_rate": 0.1, "epochs": 3}, "seed": 0}
        with lab.program(config):
            lab.publish(other, "others")
        exchange(WEIGHTS, other)
        for name in (WEIGHTS, other):
            forge(lab, name, (lab.root / name).read_text(), seal=True, file=name)
        lab.make(SEARCH, [WEIGHTS])
        audit = lab.audit(configs={other: config})
        cause = f"{WEIGHTS}: it was made with the config of {other}: setting.learning_rate: was 0.1, is 0.025"
        assert audit.status(SEARCH).cause == cause
        assert audit.status(other).state is State.BROKEN

    def test_the_summary_of_a_run_has_the_config_of_its_record(self, lab: Laboratory) -> None:
        name = "results/s/runs/darts/epochs=6/seed0/run.json"
        with lab.program(SETTING):
            lab.publish(name, json.dumps({"run": SETTING}))
        assert lab.status(name).state is State.INTACT
        forge(lab, name, json.dumps({"run": {**SETTING, "seed": 1}}), seal=True)
        assert lab.status(name).cause == f"{name}: it has the config of another run than its record"


def exchange(one: str, other: str) -> None:
    for first, second in ((one, other), (str(record_path(one)), str(record_path(other)))):
        os.rename(first, f"{first}.moved")
        os.rename(second, first)
        os.rename(f"{first}.moved", second)
