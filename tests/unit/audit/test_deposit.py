"""Archives of a study: complete, reproducible, checked file by file, and safe to unpack."""

import contextlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from attacks.execution import command
from attacks.study import PARTS, STUDY, add_parts, parts
from checkouts import copy_checkout

from supernet.audit.deposit.archive import write_archive
from supernet.audit.deposit.content import Content, collect
from supernet.audit.deposit.crate import write_crate
from supernet.audit.deposit.limits import Limits
from supernet.audit.deposit.unpack import open_deposit, unpack
from supernet.audit.expected import expected, recorded_root_digest, requested
from supernet.audit.file_status import Audit, FileStatus, State
from supernet.audit.hash_cache import HashCache
from supernet.audit.lineage import lineage
from supernet.commands import archive as packing
from supernet.commands import audit
from supernet.errors import UserError
from supernet.io.atomic import publish
from supernet.pipeline.plan import Plan
from supernet.provenance.folders import Folders
from supernet.provenance.record import digest, read_record, record_path, root_digest
from supernet.provenance.recorder import Recorder, note_config, note_input, recording

IMAGES = "resources/data/digits.safetensors"
WEIGHTS = "results/one/runs/nasbench201/baseline/seed0/weights.safetensors"
SCORES = "results/one/runs/nasbench201/learning_rate=0.1/seed0/scores.parquet"
METRICS = "results/one/metrics.parquet"
MANIFEST = "results/one/deposit/manifest.json"
LIMITS = Limits()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with made-up results of a study: every expected file with its record."""
    folder = copy_checkout(tmp_path_factory.mktemp("finished") / "clone")
    with contextlib.chdir(folder):
        finish(folder, folder / "workflow" / "studies" / "one.yaml")
    return folder


def finish(root: Path, study: Path, text: str = STUDY) -> Plan:
    """Make up the results of a study in the current folder, with the code of the checkout `root`."""
    study.write_text(text.replace("study: one", f"study: {study.stem}"), encoding="utf-8")
    made = Plan.load({"study": str(study)}, root)
    noted = {one.replace("/one/", f"/{study.stem}/") for one in (IMAGES, WEIGHTS, SCORES)}
    with recording(Recorder(root / "scripts" / "metrics.py", root)):
        for one in expected(made):
            note_config(one.config)
            with publish(one.path) as temporary:
                temporary.write_text(one.path)
            if one.path in noted:
                note_input(one.path)
            if one.path == made.artifacts.images("digits"):
                for part in add_parts(made):
                    note_input(part)
    return made


@pytest.fixture
def plan(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """A copy of `finished`, which is the current folder."""
    folder = Path(shutil.copytree(finished, tmp_path / "clone"))
    monkeypatch.chdir(folder)
    return Plan.load({"study": "one"}, folder)


@pytest.fixture(scope="module")
def whole(finished: Path) -> Path:
    """The archive of `plan`."""
    with contextlib.chdir(finished):
        return archive(Plan.load({"study": "one"}, finished), finished.parent / "whole.tar.zst")


def content(plan: Plan, weights: bool = False) -> Content:
    return collect(plan, HashCache(Path("no-cache-file")), weights)


def archive(plan: Plan, path: Path, weights: bool = False) -> Path:
    write_archive(path, content(plan, weights))
    return path


def members(path: Path) -> dict[str, bytes]:
    raw = zstandard.ZstdDecompressor().stream_reader(path.open("rb"))
    with tarfile.open(fileobj=raw, mode="r|") as found:
        return {member.name: found.extractfile(member).read() for member in found}  # type: ignore[union-attr]


def packed(
    path: Path, files: dict[str, bytes], change: Callable[[tarfile.TarInfo], None] = lambda member: None
) -> Path:
    """Pack an archive by hand."""
    with (
        path.open("wb") as raw,
        zstandard.ZstdCompressor().stream_writer(raw, closefd=False) as stream,
        tarfile.open(fileobj=stream, mode="w|") as made,
    ):
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            change(member)
            made.addfile(member, io.BytesIO(data) if member.isreg() else None)
    return path


def inside(folder: Path) -> Folders:
    """Return the folders of results and resources in a folder."""
    return Folders(str(folder / "results"), str(folder / "resources"))


def statuses(path: Path) -> dict[str, FileStatus]:
    with open_deposit(path, LIMITS) as deposit:
        return {status.path: status for status in deposit.findings().statuses}


def changed(path: Path, target: Path, name: str, data: bytes | None) -> Path:
    """Return the archive with one file replaced or removed."""
    files = members(path)
    assert name in files
    return packed(target, {key: data if key == name else value for key, value in files.items() if key != name or data})  # type: ignore[misc]


class TestWhatItHas:
    def test_every_result_but_weights_and_images_and_every_record(self, plan: Plan, tmp_path: Path) -> None:
        found = members(archive(plan, tmp_path / "a.tar.zst"))
        for one in expected(plan):
            assert (one.path in found) == (not one.path.endswith(".safetensors")), one.path
            assert str(record_path(one.path)) in found
        manifest = json.loads(found["results/one/deposit/manifest.json"])
        records = [read_record(one.path) for one in expected(plan)]
        assert manifest["root_digest"] == root_digest(records) == recorded_root_digest(plan)
        # The images and two runs' weights.
        assert [Path(path).name for path in manifest["omitted"]] == ["digits.safetensors"] + ["weights.safetensors"] * 2
        assert found["results/one/deposit/study/one.yaml"].decode() == STUDY
        lock = (plan.root / "envs" / "requirements.lock").read_bytes()
        assert found["results/one/deposit/requirements.lock"] == lock
        assert {"Snakefile", "config.yaml", "sources.yaml"} <= {Path(name).name for name in found}

    def test_weights_on_request(self, plan: Plan, tmp_path: Path) -> None:
        found = members(archive(plan, tmp_path / "a.tar.zst", weights=True))
        assert found[WEIGHTS] == WEIGHTS.encode()
        assert IMAGES not in found

    def test_what_was_made_on_request_and_nothing_else_of_that_kind(self, plan: Plan, tmp_path: Path) -> None:
        searched = STUDY.replace(
            "spaces:", "searches: {systems: {nasbench201: [random_search]}, images: 900, in_all: false}\nspaces:"
        )
        study_file = plan.root / "workflow" / "studies" / "one.yaml"
        study_file.write_text(searched, encoding="utf-8")
        plan = Plan.load({"study": "one"}, plan.root)
        again, *_, other = requested(plan)
        assert again.path == "results/one/systems/nasbench201/seed0/part0.parquet"
        with recording(Recorder(plan.root / "scripts" / "systems.py", plan.root)):
            note_config(again.config)
            note_input(WEIGHTS)
            with publish(again.path) as temporary:
                temporary.write_text("systems")
        path = archive(plan, tmp_path / "a.tar.zst")
        found = members(path)
        assert {again.path, str(record_path(again.path))} <= set(found) and other.path not in found
        assert statuses(path)[again.path].state is State.INTACT

        # Its config is compared with the study as well.
        study = "results/one/deposit/study/one.yaml"
        edited = changed(
            path,
            tmp_path / "b.tar.zst",
            study,
            searched.replace("scoring_portion", "flip: false, scoring_portion").encode(),
        )
        status = statuses(edited)[again.path]
        assert status.state is State.STALE and "data.flip" in "".join(one.text for one in status.discrepancies)

    def test_the_same_bytes_at_another_time_in_another_place(
        self, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = archive(plan, tmp_path / "a.tar.zst")
        for one in expected(plan):
            os.utime(one.path, (1, 1))
        os.umask(os.umask(0o077) | 0o022)
        os.rename(plan.root, tmp_path / "elsewhere")
        monkeypatch.chdir(tmp_path / "elsewhere")
        moved = Plan.load({"study": "one"}, tmp_path / "elsewhere")
        assert archive(moved, tmp_path / "b.tar.zst").read_bytes() == first.read_bytes()

    def test_parts_of_the_store_that_records_name_and_no_others(self, plan: Plan, tmp_path: Path) -> None:
        named = parts()
        with recording(Recorder(plan.root / "scripts" / "truth.py", plan.root)):
            (other,) = map(str, add_parts(plan, names="c"))
        found = members(archive(plan, tmp_path / "a.tar.zst"))
        assert len(named) == 2 and other not in named
        assert {name for name in found if name.startswith("results/store/")} == {
            *named, *(str(record_path(path)) for path in named)
        }  # fmt: skip
        manifest = json.loads(found[MANIFEST])
        assert set(named) < set(manifest["results"])
        assert manifest["root_digest"] == root_digest(read_record(one.path) for one in expected(plan))

    def test_broken_results_are_not_packed(self, plan: Plan, tmp_path: Path) -> None:
        Path(SCORES).write_text("forged")
        with pytest.raises(UserError, match="its content differs from its record"):
            archive(plan, tmp_path / "a.tar.zst")

    def test_results_elsewhere_have_the_same_names(
        self, plan: Plan, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        os.renames(plan.root / "results", "out/results")
        folders = {"results": "out/results", "resources": str(plan.root / "resources")}
        found = members(archive(Plan.load({"study": "one", **folders}, plan.root), tmp_path / "a.tar.zst"))
        assert found == members(whole)

    def test_a_study_may_have_the_name_of_another_file(self, finished: Path, tmp_path: Path) -> None:
        with contextlib.chdir(tmp_path):
            made = finish(finished, Path("sources.yml"))
            found = content(made)
            assert found.manifest.study_file == "results/sources/deposit/study/sources.yml"
            assert found.study == Path("sources.yml").read_bytes()
            assert found.files[found.manifest.own("sources.yaml")] == finished / "workflow" / "sources.yaml"
            write_archive(Path("a.tar.zst"), found)
            assert {status.state for status in statuses(Path("a.tar.zst")).values()} == {State.INTACT}


class TestExtending:
    """A deposit has the study with all its values, and a deposited study that extends a file is refused."""

    CHILD = "study: one\ntitle: An extended study\nextends: folder/base.yaml\nseed: 4\nspaces: {darts: null}\n"

    @pytest.fixture
    def child(self, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
        """The plan of a finished study `child.yaml` that extends a file of another folder."""
        monkeypatch.chdir(tmp_path)
        Path("folder").mkdir()
        darts = "  darts: {truth: {channels: 8, layers: 3, epochs: 1, train_portion: 0.75}}\n"
        Path("folder", "base.yaml").write_text(STUDY + darts)
        return finish(finished, Path("child.yaml"), self.CHILD)

    def test_the_archive_is_complete_without_the_parent(
        self, child: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = archive(child, tmp_path / "a.tar.zst")
        assert archive(child, tmp_path / "b.tar.zst").read_bytes() == path.read_bytes()
        root = recorded_root_digest(child)
        shutil.rmtree("folder")
        assert {status.state for status in statuses(path).values()} == {State.INTACT}
        with open_deposit(path, LIMITS) as deposit:
            assert deposit.findings().root_digest == root is not None
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        unpack(path, Folders("results", "resources"), LIMITS)
        study = Path("results", "child", "deposit", "study", "child.yaml")
        assert "extends:" not in study.read_text() and "child.yaml extends base.yaml" in study.read_text()
        assert Plan.load({"study": str(study)}, child.root).study == child.study

    def test_so_is_the_crate(self, child: Plan, tmp_path: Path) -> None:
        found, folder = content(child), tmp_path / "crate"
        folder.mkdir()
        write_crate(found, child.study, folder, snakemake="9", licence="MIT", authors=())
        shutil.rmtree("folder")
        with open_deposit(folder, LIMITS) as deposit:
            assert {status.state for status in deposit.findings().statuses} == {State.INTACT}
        described = json.loads((folder / "ro-crate-metadata.json").read_text())["@graph"]
        (action,) = (one for one in described if one["@type"] == "CreateAction")
        assert {"@id": found.manifest.study_file} in action["object"]
        assert sum(file.is_file() for file in folder.rglob("*")) == found.count + len(("manifest", "description"))

    def test_a_deposited_study_that_extends_a_file_is_refused(self, child: Plan, tmp_path: Path) -> None:
        path = archive(child, tmp_path / "a.tar.zst")
        name = "results/child/deposit/study/child.yaml"
        text = members(path)[name].decode()
        for parent in (
            "folder/base.yaml",
            str(Path("folder", "base.yaml").resolve()),
            "mini",
            "../" * 9 + "etc/passwd",
        ):
            forged = changed(path, tmp_path / "b.tar.zst", name, f"{text}extends: {parent}\n".encode())
            with pytest.raises(UserError, match=r"child\.yaml:\d+: extends: found '.*; expected a study with all"):
                unpack(forged, inside(tmp_path / "fresh"), LIMITS)
        assert not (tmp_path / "fresh" / "results" / "child").exists()

    def test_a_changed_parent_makes_results_stale(self, child: Plan) -> None:
        base = Path("folder", "base.yaml")
        base.write_text(base.read_text().replace("epochs: 4", "epochs: 5"))
        changed_plan = Plan.load({"study": "child.yaml"}, child.root)
        configs = {one.path: one.config for one in expected(changed_plan)}
        audit = Audit(configs, HashCache(None), child.root, folders=child.folders)
        weights = "results/child/runs/nasbench201/baseline/seed0/weights.safetensors"
        assert audit.status(weights).state is State.STALE
        assert "setting.epochs: was 4, is 5" in audit.status(weights).cause


class TestVerified:
    def test_an_untouched_archive_is_intact(self, plan: Plan, tmp_path: Path) -> None:
        path, root = archive(plan, tmp_path / "a.tar.zst"), recorded_root_digest(plan)
        os.rename("results", "gone")
        found = statuses(path)
        assert {status.state for status in found.values()} == {State.INTACT}
        stored = {name for name in members(path) if name.startswith(PARTS) and name.endswith(".parquet")}
        assert set(found) == {MANIFEST, *(one.path for one in expected(plan)), *stored} and len(stored) == 2
        with open_deposit(path, LIMITS) as deposit:
            assert deposit.findings().root_digest == root is not None

    @pytest.mark.parametrize("name", [SCORES, METRICS, "results/one/tables/spaces.csv"])
    def test_a_tampered_file_is_broken(self, whole: Path, tmp_path: Path, name: str) -> None:
        path = changed(whole, tmp_path / "b.tar.zst", name, b"forged")
        found = statuses(path)
        assert found[name].cause == f"{name}: its content differs from its record: it was changed after it was made"
        if name != SCORES:
            assert next(one for one, status in found.items() if status.state is State.BROKEN) == name
        with open_deposit(path, LIMITS) as deposit:
            root = deposit.findings().root_digest
        assert root is None

    @pytest.mark.parametrize("name", [SCORES, str(record_path(SCORES)), str(record_path(WEIGHTS))])
    def test_a_removed_file_or_record_is_broken(self, whole: Path, tmp_path: Path, name: str) -> None:
        path = changed(whole, tmp_path / "b.tar.zst", name, None)
        assert statuses(path)[METRICS].state is State.BROKEN

    def test_a_manifest_that_tells_other_hashes_of_weights_does_not_fit(self, whole: Path, tmp_path: Path) -> None:
        manifest = json.loads(members(whole)["results/one/deposit/manifest.json"])
        manifest["omitted"][WEIGHTS]["digests"]["sha256"] = "0" * 64
        forged = json.dumps(manifest).encode()
        path = changed(whole, tmp_path / "b.tar.zst", "results/one/deposit/manifest.json", forged)
        assert statuses(path)[WEIGHTS].state is State.BROKEN

    def test_a_part_of_the_store_is_compared_with_its_recipe(self, plan: Plan, tmp_path: Path) -> None:
        record = read_record(parts()[0])
        record["made"]["config"]["truth"]["epochs"] = 9
        record["digest"] = digest(record["made"])
        record["seal"] = digest({key: value for key, value in record.items() if key != "seal"})
        record_path(parts()[0]).write_text(json.dumps(record))
        found = statuses(archive(plan, tmp_path / "a.tar.zst"))
        assert found[parts()[0]].cause == f"{parts()[0]}: config changed: truth.epochs: was 9, is 2"
        assert found[METRICS].state is State.STALE

    def test_another_study_makes_it_stale(self, whole: Path, tmp_path: Path) -> None:
        other = STUDY.replace("epochs: 4", "epochs: 5").encode()
        path = changed(whole, tmp_path / "b.tar.zst", "results/one/deposit/study/one.yaml", other)
        assert "setting.epochs: was 4, is 5" in statuses(path)[WEIGHTS].cause


class TestLeftOut:
    """Results that were unpacked: their weights and data are missing, and the manifest beside them says so."""

    @pytest.fixture(autouse=True)
    def fresh(self, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A folder with the unpacked archive and its study file, which is the current folder."""
        monkeypatch.chdir(tmp_path)
        unpack(whole, Folders(), LIMITS)
        shutil.copy("results/one/deposit/study/one.yaml", "one.yaml")

    def audited(self, *arguments: str) -> dict[str, Any]:
        """What `supernet audit --json` prints, with its exit code, and the targets by path."""
        done = command(audit.main, "--study", "one.yaml", "--json", *arguments)
        report = json.loads(done.text)
        return {**report, "code": done.code, "targets": {one["path"]: one for one in report["targets"]}}

    def test_they_are_intact_with_the_same_root_digest(self, finished: Path) -> None:
        with contextlib.chdir(finished):
            root = recorded_root_digest(Plan.load({"study": "one"}, finished))
        found = self.audited()
        assert found["code"] == 0 and found["root_digest"] == root is not None
        left_out = {path for path, one in found["targets"].items() if one["left_out"]}
        assert left_out == {IMAGES, WEIGHTS, WEIGHTS.replace("baseline", "learning_rate=0.1")}
        text = command(audit.main, "--study", "one.yaml").text
        assert f"intact     {WEIGHTS} (left out of the archive)\n" in text
        assert "\ndata left out: 3 of these files; " in text

    @pytest.mark.parametrize("name", [METRICS, SCORES])
    def test_the_manifest_vouches_for_weights_and_resources_only(self, name: str) -> None:
        made = read_record(name)["made"]
        manifest = json.loads(Path(MANIFEST).read_bytes())
        manifest["omitted"][name] = {"kind": "result", "size": made["size"], "digests": {"sha256": made["sha256"]}}
        Path(MANIFEST).write_text(json.dumps(manifest))
        Path(name).unlink()
        found = self.audited()
        assert (found["code"], found["root_digest"]) == (1, None)
        assert found["targets"][name]["link"] == f"{name}: missing"

    def test_what_is_there_is_hashed(self) -> None:
        Path(WEIGHTS).write_text("forged")
        status = self.audited()["targets"][WEIGHTS]
        assert (status["state"], status["left_out"]) == ("broken", False)
        Path(WEIGHTS).write_text(WEIGHTS)
        assert self.audited()["targets"][WEIGHTS]["state"] == "intact"

    def test_without_the_manifest_they_are_missing(self) -> None:
        Path(MANIFEST).unlink()
        assert self.audited()["targets"][WEIGHTS]["link"] == f"{WEIGHTS}: missing"

    def test_a_damaged_manifest_is_named(self) -> None:
        Path(MANIFEST).write_text("{")
        done = command(audit.main, "--study", "one.yaml")
        assert done.code == 2 and f"{MANIFEST}: expected a manifest of format 2" in done.text

    def test_they_can_be_packed_again_without_weights(self, whole: Path) -> None:
        options = ("--study", "one.yaml", "--output", "again.tar.zst")
        assert command(packing.main, *options).code == 0
        assert {status.state for status in statuses(Path("again.tar.zst")).values()} == {State.INTACT}
        first, again = (json.loads(members(path)[MANIFEST]) for path in (whole, Path("again.tar.zst")))
        assert (again["omitted"], again["root_digest"]) == (first["omitted"], first["root_digest"])
        done = command(packing.main, *options, "--weights")
        assert done.code == 2 and "was left out of the archive that these results come from (2 such files)" in done.text

    def test_the_origin_of_a_table_includes_what_was_left_out(self) -> None:
        nodes = lineage(WEIGHTS, Folders(), lambda path: path == WEIGHTS)
        assert nodes[WEIGHTS].problem == "" and IMAGES in nodes[WEIGHTS].inputs
        assert nodes[IMAGES].problem == "missing"


class TestUnpacked:
    def test_all_files_get_one_time_and_the_same_content(self, whole: Path, tmp_path: Path) -> None:
        target = tmp_path / "fresh"
        first = unpack(whole, inside(target), LIMITS)
        assert first.manifest.study == "one" and first.is_new
        files = {file.relative_to(target).as_posix(): file for file in target.rglob("*") if file.is_file()}
        assert {name: file.read_bytes() for name, file in files.items()} == members(whole)
        assert len({file.stat().st_mtime_ns for file in files.values()}) == 1
        again = unpack(whole, inside(target), LIMITS)
        assert again.manifest.study == "one" and not again.is_new

    def test_other_files_are_not_overwritten_and_nothing_is_written(self, whole: Path, tmp_path: Path) -> None:
        mine = tmp_path / "fresh" / METRICS
        mine.parent.mkdir(parents=True)
        mine.write_text("mine")
        with pytest.raises(UserError, match="exists with a different content"):
            unpack(whole, inside(tmp_path / "fresh"), LIMITS)
        assert [file for file in (tmp_path / "fresh").rglob("*") if file.is_file()] == [mine]

    def test_the_folders_may_have_any_names(self, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        unpack(whole, Folders("out/results", "data"), LIMITS)
        assert Path("out", METRICS).is_file() and Path("data", "data", "digits.safetensors.prov.json").is_file()

    def test_parts_of_the_store_join_those_that_are_there(self, plan: Plan, whole: Path, tmp_path: Path) -> None:
        packed_parts, target = parts(), tmp_path / "fresh"
        with recording(Recorder(plan.root / "scripts" / "truth.py", plan.root)):
            (other,) = map(str, add_parts(plan, names="c"))
        for path in (other, str(record_path(other)), packed_parts[0], str(record_path(packed_parts[0]))):
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target / path)
        unpack(whole, inside(target), LIMITS)
        assert [path for path in (*packed_parts, other) if not record_path(target / path).is_file()] == []
        record_path(target / packed_parts[1]).write_text("{}")
        with pytest.raises(UserError, match=r"prov\.json: exists with a different content than in"):
            unpack(whole, inside(target), LIMITS)

    def test_data_that_were_made_here_in_the_same_way_keep_their_record(self, whole: Path, tmp_path: Path) -> None:
        own, record = record_path(tmp_path / "fresh" / IMAGES), json.loads(members(whole)[str(record_path(IMAGES))])

        def rewrite(**made: str) -> None:
            record["made"] |= made
            record["circumstances"]["host"] = "another"
            record["digest"] = digest(record["made"])
            record["seal"] = digest({key: value for key, value in record.items() if key != "seal"})
            own.write_text(json.dumps(record))

        own.parent.mkdir(parents=True)
        rewrite()
        unpack(whole, inside(tmp_path / "fresh"), LIMITS)
        assert json.loads(own.read_text())["circumstances"]["host"] == "another"
        rewrite(python="3.1.0")
        with pytest.raises(UserError, match=r"safetensors\.prov\.json: exists with a different content"):
            unpack(whole, inside(tmp_path / "fresh"), LIMITS)

    def test_existing_results_that_lack_a_file_are_left_alone(self, whole: Path, tmp_path: Path) -> None:
        target = tmp_path / "fresh"
        unpack(whole, inside(target), LIMITS)
        (target / SCORES).unlink()
        with pytest.raises(UserError, match=r"exists without .*scores\.parquet"):
            unpack(whole, inside(target), LIMITS)
        assert not (target / SCORES).exists()

    def test_an_archive_that_is_broken_is_not_unpacked(self, whole: Path, tmp_path: Path) -> None:
        path = changed(whole, tmp_path / "b.tar.zst", SCORES, b"forged")
        with pytest.raises(UserError, match=r"its content differs from its record: .* nothing was unpacked"):
            unpack(path, inside(tmp_path), LIMITS)
        assert list(tmp_path.iterdir()) == [path]

    def test_an_interruption_leaves_nothing(self, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(path: Path, target: Path) -> Path:
            raise KeyboardInterrupt

        # The last step, after everything else was written.
        monkeypatch.setattr(Path, "rename", interrupted)
        with pytest.raises(KeyboardInterrupt):
            unpack(whole, inside(tmp_path), LIMITS)
        assert [file for file in tmp_path.rglob("*") if file.is_file()] == []

    def test_a_larger_size_than_allowed_names_the_option(self, whole: Path, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=r"unpacks to more than 1e-05 GB; raise --max-gigabytes"):
            unpack(whole, inside(tmp_path), Limits(1e-5))

    @pytest.mark.parametrize(
        "name",
        [
            "../escaped.json",
            "/tmp/escaped.json",
            "results/one/../../escaped.json",
            "supernet/json.py",
            "results/one/x.py",
            "results/one/deposit/x.py",
            "results/one/.git/hooks/post-checkout.json",
            ".git/config",
            "Snakefile",
            "resources/data/digits.safetensors",
            "results/two/metrics.parquet",
            "results/store/truth/nasbench201/0123456789abcdef/0123456789abcdef.parquet",
        ],
    )
    def test_files_that_are_not_results_of_the_study_are_refused(self, whole: Path, tmp_path: Path, name: str) -> None:
        files = members(whole)
        path = packed(tmp_path / "b.tar.zst", {**files, name: b"{}"})
        with pytest.raises(UserError, match="is not a result that manifest and study list; the archive is refused"):
            unpack(path, inside(tmp_path / "fresh"), LIMITS)
        assert not (tmp_path / "fresh").exists()
        assert not (tmp_path / "escaped.json").exists()

    @pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
    def test_links_and_devices_are_refused(self, whole: Path, tmp_path: Path, kind: bytes) -> None:
        files = members(whole)

        def link(member: tarfile.TarInfo) -> None:
            if member.name == METRICS:
                member.type, member.linkname, member.size = kind, "/etc/passwd", 0

        path = packed(tmp_path / "b.tar.zst", files, link)
        with pytest.raises(UserError, match="is not a regular file; the archive is refused"):
            unpack(path, inside(tmp_path / "fresh"), LIMITS)
        assert not (tmp_path / "fresh").exists()

    @pytest.mark.parametrize("size", [0, 100, -1])
    def test_a_damaged_archive_is_named(self, whole: Path, tmp_path: Path, size: int) -> None:
        path = tmp_path / "a.tar.zst"
        path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2] if size < 0 else b"x" * size)
        with pytest.raises(UserError, match=r"a\.tar\.zst: no archive of `supernet archive`, or a damaged one"):
            unpack(path, inside(tmp_path / "fresh"), LIMITS)

    def test_an_archive_of_something_else_is_named(self, tmp_path: Path) -> None:
        path = packed(tmp_path / "a.tar.zst", {"results/one/metrics.parquet": b""})
        with pytest.raises(UserError, match=r"begins with 'results/one/metrics\.parquet'; expected an archive of"):
            unpack(path, inside(tmp_path / "fresh"), LIMITS)

    def test_a_manifest_of_another_format_is_named(self, tmp_path: Path) -> None:
        manifest: dict[str, Any] = {"format": 99}
        path = packed(tmp_path / "a.tar.zst", {"results/one/deposit/manifest.json": json.dumps(manifest).encode()})
        with pytest.raises(UserError, match="expected a manifest of format 2"):
            unpack(path, inside(tmp_path / "fresh"), LIMITS)
