"""Attacks on archives and crates. The adversary writes any bytes; the reader audits them and unpacks them."""

import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import signal
import struct
import tarfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import zstandard

from attacks.attack import Attack, Outcome, Target, Verdict
from attacks.execution import command
from attacks.mutations import CONTENTS, changed, of_file, of_json, replaced
from attacks.study import (
    IMAGES,
    PARTS,
    PUBLISHED,
    RESULTS,
    STUDY,
    STUDY_FILE,
    judge_study,
    judged,
    make_study,
    run_audit,
)
from supernet.commands import archive, crate, unpack
from supernet.provenance.record import digest

ARCHIVE, CRATE = "one.tar.zst", "ro-crate"
FRESH = "fresh"
"""The folder into which the reader unpacks."""
DEPOSIT = f"{RESULTS}/deposit"
MANIFEST, STUDY_MEMBER = f"{DEPOSIT}/manifest.json", f"{DEPOSIT}/study/{STUDY_FILE}"
METRICS, REFERENCES = f"{RESULTS}/metrics.parquet", f"{RESULTS}/references.parquet"
WEIGHTS = f"{RESULTS}/runs/nasbench201/baseline/seed0/weights.safetensors"
SCORES = f"{RESULTS}/runs/nasbench201/baseline/seed0/scores.parquet"
TABLE = f"{RESULTS}/tables/spaces.csv"
SUFFIX = ".prov.json"
SEED = 3
GIGABYTE = 1 << 30

Members = dict[str, bytes]


def make_archive() -> None:
    """Make an archive of the finished study; nothing else is kept but the published digest."""
    make_study()
    _finished(command(archive.main, "--study", STUDY_FILE))
    _keep(ARCHIVE)


def make_crate() -> None:
    """Make a crate of the finished study."""
    make_study()
    _finished(command(crate.main, "--study", STUDY_FILE, "--output", CRATE))
    _keep(CRATE)


def judge_archive() -> Outcome:
    """Audit the archive, then unpack it; an archive that is not intact or stale must leave no file."""
    outcome = judged(run_audit("--archive", os.path.abspath(ARCHIVE)))
    before = _files(".")
    Path(FRESH).mkdir()
    here = os.getcwd()
    os.chdir(FRESH)
    code, text = command(unpack.main, f"../{ARCHIVE}")
    os.chdir(here)
    if outcome.verdict in (Verdict.BROKEN, Verdict.REFUSED):
        if code != 2 or _files(FRESH) or _files(".") != before:
            return Outcome(Verdict.WRITTEN, f"unpacked all the same: {sorted(_files(FRESH))[:3]}\n{text}")
        return Outcome(outcome.verdict, f"{outcome.message}\n{text}")
    return outcome if code == 0 else Outcome(Verdict.UNNAMED, f"{outcome.verdict}, but not unpacked: {text}")


def judge_killed() -> Outcome:
    """Unpack the archive, after a process that did so was killed: it has left all results or none, and nothing else."""
    Path(FRESH).mkdir(exist_ok=True)
    os.chdir(FRESH)
    members = {f"./{name}" for name in read(f"../{ARCHIVE}")}
    half = members - _files(".") if Path(RESULTS).exists() else set()
    code, text = command(unpack.main, f"../{ARCHIVE}")
    others = _files(".") - members
    if half or others or code:
        return Outcome(
            Verdict.WRITTEN, f"missing after the end: {sorted(half)[:3]}; left: {sorted(others)[:3]}; {text}"
        )
    return Outcome(Verdict.INTACT)


def judge_crate() -> Outcome:
    """Audit the crate."""
    return judged(run_audit("--archive", CRATE))


def _finished(result: tuple[int, str]) -> None:
    if result[0] != 0:
        raise RuntimeError(result[1])


def _keep(name: str) -> None:
    for folder in ("results", "resources", "state"):
        shutil.rmtree(folder, ignore_errors=True)
    Path(STUDY_FILE).unlink()
    if not Path(name).exists():
        raise RuntimeError(f"{name} was not made")


def _files(folder: str) -> set[str]:
    return {os.path.join(place, name) for place, _, names in os.walk(folder) for name in names}


def make_unpacked() -> None:
    """Unpack an archive of the finished study, and put its study file back: there are no weights and no data."""
    make_archive()
    _finished(command(unpack.main, ARCHIVE))
    shutil.copy(STUDY_MEMBER, STUDY_FILE)


ARCHIVE_TARGET = Target("archive", make_archive, judge_archive)
CRATE_TARGET = Target("crate", make_crate, judge_crate)
KILLED_TARGET = Target("unpacking", make_archive, judge_killed)
UNPACKED_TARGET = Target("unpacked archive", make_unpacked, judge_study)


# Reading and writing of archives by hand


def read(path: str = ARCHIVE) -> Members:
    """Return the members of the archive."""
    with (
        Path(path).open("rb") as raw,
        zstandard.ZstdDecompressor().stream_reader(raw) as stream,
        tarfile.open(fileobj=stream, mode="r|") as opened,
    ):
        return {member.name: opened.extractfile(member).read() for member in opened}  # type: ignore[union-attr]


def plain(name: str, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
    """Return a member that is a regular file."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    return member, content


def pack(members: Members, *more: tuple[tarfile.TarInfo, bytes], tail: bytes = b"") -> None:
    """Write the archive from members, further ones with any header, and bytes after the end."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w|", format=tarfile.PAX_FORMAT) as opened:
        for member, content in [*(plain(*one) for one in members.items()), *more]:
            opened.addfile(member, io.BytesIO(content) if member.isreg() else None)
    compress(made.getvalue() + tail)


def compress(content: bytes, copies: int = 1) -> None:
    """Write the archive from the bytes of a tar file; the last kilobyte is repeated `copies` times."""
    with Path(ARCHIVE).open("wb") as raw, zstandard.ZstdCompressor(level=3).stream_writer(raw) as stream:
        stream.write(content)
        for _ in range(copies - 1):
            stream.write(bytes(1 << 20))


def edit(name: str, change: Callable[[bytes], bytes], *, consistent: bool = False) -> None:
    """Change a member of the archive; with `consistent`, the manifest is given the new hash of an own file."""
    members = read()
    members[name] = change(members[name])
    if consistent:
        members[MANIFEST] = _rehashed(members, name)
    pack(members)


def edit_json(name: str, change: Callable[[Any], Any]) -> None:
    """Change the JSON value of a member."""
    edit(name, lambda content: json.dumps(change(json.loads(content))).encode())


def _rehashed(members: Members, name: str) -> bytes:

    manifest = json.loads(members[MANIFEST])
    manifest["files"][name.removeprefix(f"{DEPOSIT}/")] = hashlib.sha256(members[name]).hexdigest()
    return json.dumps(manifest).encode()


# Attacks


def attacks() -> list[Attack]:
    """Return the attacks of this module."""
    return [
        Attack("nothing is changed", "A0", ARCHIVE_TARGET, lambda: None, Verdict.INTACT),
        Attack("packed again by other tools", "A0", ARCHIVE_TARGET, lambda: pack(read()), Verdict.INTACT),
        *_contents(),
        *_vouching(),
        *_parts(),
        *_members(),
        *_places(),
        *_bombs(),
        *_damaged(),
        *_manifests(),
        *_studies(),
        *_crates(),
        *_killed(),
        *_unpacked(),
        Attack("all results made up", "L1", ARCHIVE_TARGET, _make_up, Verdict.OTHER_DIGEST),
        Attack("all results made up before publication", "L2", ARCHIVE_TARGET, _make_up_first, Verdict.INTACT),
    ]


def _killed() -> Iterator[Attack]:
    """Kill the reader's process while it unpacks, once a share of the files is written."""
    for number, share in enumerate((0.0, 0.1, 0.4, 0.7, 0.95, 1.0)):
        ending = signal.SIGTERM if number % 2 else signal.SIGKILL
        name = f"unpacking ended by {ending.name} after {share:.0%} of the files"
        yield Attack(name, "A11", KILLED_TARGET, partial(_kill, ending, share), Verdict.INTACT)


def _kill(ending: signal.Signals, share: float) -> None:
    Path(FRESH).mkdir()
    most = share * len(read())
    child = os.fork()
    if child == 0:
        os.chdir(FRESH)
        command(unpack.main, f"../{ARCHIVE}")
        os._exit(0)
    while len(_files(FRESH)) < most and os.waitpid(child, os.WNOHANG)[0] == 0:
        time.sleep(0.002)
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(child, ending)
        os.waitpid(child, 0)


def _unpacked() -> Iterator[Attack]:
    """Attacks on unpacked results: what they lack is described by the manifest beside them."""

    def attack(name: str, promise: str, mutate: Callable[[], object], verdict: Verdict, named: str = "") -> Attack:
        return Attack(name, promise, UNPACKED_TARGET, mutate, verdict, named)  # type: ignore[arg-type]

    def described(name: str, content: bytes | None) -> None:
        manifest = json.loads(Path(MANIFEST).read_bytes())
        made = json.loads(Path(f"{name}{SUFFIX}").read_bytes())["made"]
        manifest["omitted"][name] = {"kind": "result", "size": made["size"], "digests": {"sha256": made["sha256"]}}
        Path(MANIFEST).write_text(json.dumps(manifest))
        Path(name).unlink(missing_ok=True)
        if content is not None:
            Path(name).write_bytes(content)

    def edited(*keys: str, value: object) -> None:
        manifest = replaced(json.loads(Path(MANIFEST).read_bytes()), list(keys), value)
        Path(MANIFEST).write_text(json.dumps(manifest))

    def put(name: str) -> None:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"forged")

    yield attack("nothing is changed", "A12", lambda: None, Verdict.INTACT)
    for name in (METRICS, SCORES, TABLE):
        removed = partial(os.remove, name)
        yield attack(f"{name} removed", "A13", removed, Verdict.BROKEN, name)
        for content in (None, b"forged"):
            what = "removed" if content is None else "forged"
            apply = partial(described, name, content)
            yield attack(f"{name} {what}, its true hash under omitted", "A13", apply, Verdict.BROKEN, name)
    for name in (WEIGHTS, IMAGES):
        yield attack(f"another {name} put back", "A13", partial(put, name), Verdict.BROKEN, name)
        yield attack(f"{name}: record removed", "A13", partial(os.remove, f"{name}{SUFFIX}"), Verdict.BROKEN, name)
        other = partial(edited, "omitted", name, "digests", "sha256", value="0" * 64)
        yield attack(f"{name}: another hash under omitted", "A13", other, Verdict.BROKEN, name)
        sized = partial(edited, "omitted", name, "size", value=1)
        yield attack(f"{name}: another size under omitted", "A13", sized, Verdict.BROKEN, name)
    yield attack("the manifest removed", "A13", partial(os.remove, MANIFEST), Verdict.BROKEN, WEIGHTS)
    for what, text in {"truncated": "{", "of another form": '{"format": 2}'}.items():
        apply = partial(Path(MANIFEST).write_text, text)
        yield attack(f"the manifest {what}", "A14", apply, Verdict.REFUSED, "manifest.json")


def _make_up() -> None:
    """Make an archive of other results with true records; the published root digest stays."""
    published = Path(PUBLISHED).read_bytes()
    _make_up_first()
    Path(PUBLISHED).write_bytes(published)


def _make_up_first() -> None:
    make_study("made up")
    _finished(command(archive.main, "--study", STUDY_FILE))
    _keep(ARCHIVE)


def _contents() -> Iterator[Attack]:
    for name in (METRICS, TABLE, f"{SCORES}{SUFFIX}", f"{WEIGHTS}{SUFFIX}", f"{IMAGES}{SUFFIX}"):
        for what, change in CONTENTS.items():
            rng = random.Random(SEED)
            apply = partial(
                edit, name, partial(lambda content, change, rng: change(content, rng), change=change, rng=rng)
            )
            yield Attack(f"{name} {what}", "A1", ARCHIVE_TARGET, apply, Verdict.BROKEN, name.removesuffix(SUFFIX))
    for name in (METRICS, f"{METRICS}{SUFFIX}", f"{WEIGHTS}{SUFFIX}", TABLE):
        yield Attack(f"{name} removed", "A1", ARCHIVE_TARGET, partial(_remove, name), Verdict.BROKEN)
    for name in ("Snakefile", "requirements.lock", "sources.yaml"):
        apply = partial(edit, f"{DEPOSIT}/{name}", lambda content: content + b"\n# edited")
        yield Attack(f"deposited {name} edited", "A1", ARCHIVE_TARGET, apply, Verdict.BROKEN, name)
    yield Attack("two tables swapped with their records", "A1", ARCHIVE_TARGET, _swap, Verdict.BROKEN, TABLE)


def _remove(name: str) -> None:
    members = read()
    del members[name]
    pack(members)


def _swap() -> None:
    members = read()
    other = TABLE.replace("spaces", "search")
    for suffix in ("", SUFFIX):
        members[TABLE + suffix], members[other + suffix] = members[other + suffix], members[TABLE + suffix]
    pack(members)


def _vouching() -> Iterator[Attack]:
    for name in (METRICS, SCORES, TABLE, REFERENCES):
        yield Attack(
            f"{name} forged, its true hash under omitted",
            "A2",
            ARCHIVE_TARGET,
            partial(_vouch, name, b"x"),
            Verdict.REFUSED,
            name,
        )
        yield Attack(
            f"{name} left out, its true hash under omitted",
            "A2",
            ARCHIVE_TARGET,
            partial(_vouch, name, None),
            Verdict.REFUSED,
            name,
        )
    apply = partial(_vouch, WEIGHTS, b"x")
    yield Attack("weights left out and present", "A2", ARCHIVE_TARGET, apply, Verdict.REFUSED, WEIGHTS)
    forged = partial(
        edit_json, MANIFEST, lambda found: replaced(found, ["omitted", WEIGHTS, "digests", "sha256"], "0" * 64)
    )
    yield Attack("omitted weights with another hash", "A1", ARCHIVE_TARGET, forged, Verdict.BROKEN, WEIGHTS)
    sized = partial(edit_json, MANIFEST, lambda found: replaced(found, ["omitted", WEIGHTS, "size"], 1))
    yield Attack("omitted weights with another size", "A1", ARCHIVE_TARGET, sized, Verdict.BROKEN, WEIGHTS)
    other = partial(edit_json, MANIFEST, lambda found: replaced(found, ["root_digest"], "0" * 64))
    yield Attack("the manifest names another root digest", "A3", ARCHIVE_TARGET, other, Verdict.BROKEN, "root digest")
    for name in (METRICS, TABLE):
        apply = partial(_unlist, name)
        yield Attack(f"{name} removed from archive and list", "A3", ARCHIVE_TARGET, apply, Verdict.BROKEN, name)
    apply = partial(edit_json, MANIFEST, lambda found: replaced(found, ["results"], []))
    yield Attack("the list of results is empty", "A3", ARCHIVE_TARGET, apply, Verdict.REFUSED)
    yield Attack("a result forged with its record and seal", "A4", ARCHIVE_TARGET, _reseal, Verdict.BROKEN, METRICS)


def _parts() -> Iterator[Attack]:
    """Parts of the store: those that records of the study name, and others."""

    def first() -> str:
        return min(name for name in read() if name.startswith(PARTS) and name.endswith(".parquet"))

    def planted(folder: str = "") -> None:
        """Add a part with a true record that no result was made from, or that is in another folder of the store."""
        members = read()
        name = first()
        content = members[name] + b"x"
        own = f"{folder or os.path.dirname(name)}/{hashlib.sha256(content).hexdigest()[:16]}.parquet"
        record = json.loads(members[f"{name}{SUFFIX}"])
        record["made"] |= {"file": own, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        manifest = json.loads(members[MANIFEST])
        manifest["results"].append(own)
        sealed = json.dumps(_sealed(record)).encode()
        pack({**members, MANIFEST: json.dumps(manifest).encode(), own: content, f"{own}{SUFFIX}": sealed})

    for what, change in CONTENTS.items():
        apply = lambda change=change: edit(first(), lambda content: change(content, random.Random(SEED)))  # noqa: E731
        yield Attack(f"a part of the store {what}", "A1", ARCHIVE_TARGET, apply, Verdict.BROKEN, PARTS)
    for suffix in ("", SUFFIX):
        removed = lambda suffix=suffix: _remove(f"{first()}{suffix}")  # noqa: E731
        what = "the record of a part" if suffix else "a part"
        yield Attack(f"{what} is left out", "A1", ARCHIVE_TARGET, removed, Verdict.BROKEN, PARTS)
    for content in (b"x", None):
        name = f"a part {'forged' if content else 'left out'}, its true hash under omitted"
        vouched = lambda content=content: _vouch(first(), content)  # noqa: E731
        yield Attack(name, "A2", ARCHIVE_TARGET, vouched, Verdict.REFUSED, PARTS)
    yield Attack("a part that no result was made from", "A3", ARCHIVE_TARGET, planted, Verdict.BROKEN, PARTS)
    other = partial(planted, f"{PARTS}/0123456789abcdef")
    yield Attack("a part of another recipe", "A3", ARCHIVE_TARGET, other, Verdict.BROKEN, PARTS)
    for folder in (
        PARTS,
        PARTS.replace("201", "101") + "/0123456789abcdef",
        f"{RESULTS}/truth",
        "results/two/store/truth/nasbench201",
    ):
        apply = partial(planted, folder)
        yield Attack(f"a part in {folder}", "A7", ARCHIVE_TARGET, apply, Verdict.REFUSED, "not a result")


def _vouch(name: str, content: bytes | None) -> None:
    members = read()
    manifest = json.loads(members[MANIFEST])
    made = json.loads(members[f"{name}{SUFFIX}"])["made"]
    entry = {"kind": "result", "size": made["size"], "digests": {"sha256": made["sha256"]}}
    manifest["omitted"][name] = entry
    members[MANIFEST] = json.dumps(manifest).encode()
    if content is None:
        del members[name]
    else:
        members[name] = content
    pack(members)


def _unlist(name: str) -> None:
    members = read()
    manifest = json.loads(members[MANIFEST])
    manifest["results"].remove(name)
    members[MANIFEST] = json.dumps(manifest).encode()
    del members[name], members[f"{name}{SUFFIX}"]
    pack(members)


def _reseal() -> None:
    """Forge the scores and their record. The records of what was made from them are left as they are."""
    members = read()
    record = json.loads(members[f"{SCORES}{SUFFIX}"])
    members[SCORES] = b"forged"

    record["made"] |= {"sha256": hashlib.sha256(b"forged").hexdigest(), "size": 6}
    members[f"{SCORES}{SUFFIX}"] = json.dumps(_sealed(record)).encode()
    pack(members)


def _sealed(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with its digest and seal computed again."""
    record = {**record, "digest": digest(record["made"])}
    return {**record, "seal": digest({key: value for key, value in record.items() if key != "seal"})}


def _members() -> Iterator[Attack]:
    def adds(name: str, content: bytes = b"{}") -> Callable[[], None]:
        return lambda: pack(read(), plain(name, content))

    for name in (
        "../escaped.json",
        "/tmp/escaped.json",
        f"{RESULTS}/../../escaped.json",
        f"./{METRICS}",
        "C:\\escaped.json",
        "supernet/json.py",
        f"{RESULTS}/run.py",
        f"{DEPOSIT}/run.sh",
        f"{DEPOSIT}/x.pyc",
        f"{DEPOSIT}/rules/extra.smk",
        f"{RESULTS}/.git/hooks/post-checkout",
        ".git/config",
        "Snakefile",
        "docs/evil.html",
        IMAGES,
        "results/two/metrics.parquet",
        f"{RESULTS}/runs/nasbench201/baseline/seed9/weights.safetensors",
        f"{RESULTS}/tables/evil.html",
        "x" * 5000,
        "\x00",
        "",
    ):
        yield Attack(f"a member {name[:60]!r} that nobody lists", "A5", ARCHIVE_TARGET, adds(name), Verdict.REFUSED)
    for name in (METRICS, MANIFEST, STUDY_MEMBER):
        yield Attack(
            f"{name} twice",
            "A5",
            ARCHIVE_TARGET,
            adds(name),
            Verdict.REFUSED,
            "occurs twice" if name == METRICS else "",
        )
    for what, kind in (
        ("a symbolic link", tarfile.SYMTYPE),
        ("a hard link", tarfile.LNKTYPE),
        ("a FIFO", tarfile.FIFOTYPE),
        ("a character device", tarfile.CHRTYPE),
        ("a block device", tarfile.BLKTYPE),
        ("a folder", tarfile.DIRTYPE),
        ("contiguous", tarfile.CONTTYPE),
        ("sparse", tarfile.GNUTYPE_SPARSE),
        ("of an unknown type", b"Z"),
    ):
        yield Attack(f"{METRICS} is {what}", "A6", ARCHIVE_TARGET, partial(_typed, kind), Verdict.REFUSED, METRICS)
    yield Attack(
        "data after the last member", "A5", ARCHIVE_TARGET, lambda: pack(read(), tail=b"hidden" * 9), Verdict.REFUSED
    )


def _typed(kind: bytes) -> None:
    members = read()
    content = members.pop(METRICS)
    member, _ = plain(METRICS, content)
    member.type, member.linkname, member.size = kind, "/etc/passwd", 0
    pack(members, (member, b""))


def _places() -> Iterator[Attack]:
    for study in ("..", ".", ".git", "store", "a/b", "a\\b", "~", "", "x" * 5000, "one\x00", "two"):
        yield Attack(
            f"the study is called {study[:20]!r}", "A7", ARCHIVE_TARGET, partial(_moved, study), Verdict.REFUSED
        )
    for folder in ("docs", "supernet", "..", "/tmp", "out/results"):
        apply = partial(_renamed, f"{folder}/")
        yield Attack(f"all members are in {folder}", "A7", ARCHIVE_TARGET, apply, Verdict.REFUSED)
    apply = partial(_renamed_manifest, "deposit/manifest.json")
    yield Attack("the manifest is at deposit/manifest.json", "A7", ARCHIVE_TARGET, apply, Verdict.REFUSED)


def _moved(study: str) -> None:
    """Move all results to the folder of another study, with a manifest that says so."""
    members = read()
    text = members.pop(MANIFEST).decode().replace(RESULTS, json.dumps(f"results/{study}")[1:-1])
    manifest = json.loads(text) | {"study": study}
    moved = {name.replace(RESULTS, f"results/{study}"): content for name, content in members.items()}
    pack({f"results/{study}/deposit/manifest.json": json.dumps(manifest).encode(), **moved})


def _renamed(folder: str) -> None:
    """Move all members to another folder than that of results."""
    pack({name.replace("results/", folder): content for name, content in read().items()})


def _renamed_manifest(name: str) -> None:
    members = read()
    pack({name: members.pop(MANIFEST), **members})


def _bombs() -> Iterator[Attack]:
    yield Attack(
        "3 GB of zeros after the end", "A8", ARCHIVE_TARGET, lambda: compress(_tar(read()), 3000), Verdict.REFUSED
    )
    yield Attack("a member of 3 GB", "A8", ARCHIVE_TARGET, partial(_large, 3 * GIGABYTE), Verdict.REFUSED)
    yield Attack("a member that claims 1 EB", "A8", ARCHIVE_TARGET, partial(_claims, 1 << 60), Verdict.REFUSED)
    yield Attack("a member that claims a negative size", "A8", ARCHIVE_TARGET, partial(_claims, -1), Verdict.REFUSED)
    yield Attack("a PAX header of 1 GB", "A8", ARCHIVE_TARGET, partial(_long_header, tarfile.XHDTYPE), Verdict.REFUSED)
    yield Attack(
        "a long name of 1 GB", "A8", ARCHIVE_TARGET, partial(_long_header, tarfile.GNUTYPE_LONGNAME), Verdict.REFUSED
    )
    yield Attack("60 000 further members", "A8", ARCHIVE_TARGET, _many, Verdict.REFUSED)
    yield Attack("60 000 further members that the manifest lists", "A8", ARCHIVE_TARGET, _many_listed, Verdict.REFUSED)
    yield Attack("a sparse member by PAX headers", "A8", ARCHIVE_TARGET, _sparse, Verdict.REFUSED)
    yield Attack(
        "a manifest of 100 MB",
        "A8",
        ARCHIVE_TARGET,
        partial(edit, MANIFEST, lambda found: found + b" " * 100_000_000),
        Verdict.REFUSED,
    )
    yield Attack(
        "a manifest of nested lists",
        "A8",
        ARCHIVE_TARGET,
        partial(edit, MANIFEST, lambda _: b"[" * 100_000),
        Verdict.REFUSED,
    )


def _tar(members: Members) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w|") as opened:
        for member, content in (plain(*one) for one in members.items()):
            opened.addfile(member, io.BytesIO(content))
    return made.getvalue()


def _head(members: Members) -> bytes:
    """Return the bytes of a tar file without its end."""
    return _tar(members)[: sum(512 + -(-len(content) // 512) * 512 for content in members.values())]


def _large(size: int) -> None:
    members = read()
    members.pop(METRICS)
    member, _ = plain(METRICS, b"")
    member.size = size
    compress(_head(members) + member.tobuf(tarfile.GNU_FORMAT), size >> 20)


def _claims(size: int) -> None:
    members = read()
    members.pop(METRICS)
    member, _ = plain(METRICS, b"")
    header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = struct.pack(">Bxxxq", 0x80 if size >= 0 else 0xFF, size)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    compress(_head(members) + bytes(header))


def _long_header(kind: bytes) -> None:
    members = read()
    member = tarfile.TarInfo("x")
    member.type, member.size = kind, GIGABYTE
    compress(_head(members) + member.tobuf(tarfile.GNU_FORMAT), 1025)


def _many() -> None:
    pack(read(), *(plain(f"{RESULTS}/x{number}.json", b"{}") for number in range(60_000)))


def _many_listed() -> None:
    members = read()
    manifest = json.loads(members[MANIFEST])
    names = [f"{RESULTS}/x{number}.json" for number in range(60_000)]
    manifest["results"] += names
    members[MANIFEST] = json.dumps(manifest).encode()
    pack(members, *(plain(name, b"{}") for name in names))


def _sparse() -> None:
    members = read()
    content = members.pop(METRICS)
    member, _ = plain(METRICS, content)
    member.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.size": str(3 * GIGABYTE),
        "GNU.sparse.map": f"{3 * GIGABYTE - 1},1",
    }
    pack(members, (member, content))


def _damaged() -> Iterator[Attack]:
    for number, (what, change) in enumerate(CONTENTS.items()):
        if what != "extended":
            yield Attack(
                f"the file {what}",
                "A9",
                ARCHIVE_TARGET,
                changed(ARCHIVE, change, SEED + number),
                Verdict.REFUSED,
                ARCHIVE,
            )
    for what, content in (
        ("a zip file", b"PK\x05\x06" + bytes(18)),
        ("text", b"hello\n"),
        ("a gzip file", b"\x1f\x8b\x08"),
    ):
        yield Attack(
            f"the file is {what}",
            "A9",
            ARCHIVE_TARGET,
            partial(Path(ARCHIVE).write_bytes, content),
            Verdict.REFUSED,
            ARCHIVE,
        )


def _manifests() -> Iterator[Attack]:
    """Mutate one value of the manifest: whatever it is, it is not believed."""
    sample = {
        "format": 2,
        "study": "one",
        "root_digest": "",
        "files": {"Snakefile": ""},
    }
    for number, (text, mutated) in enumerate(of_json(sample, SEED, 40)):
        apply = partial(edit_json, MANIFEST, partial(_merged, mutated=mutated, sample=sample))
        yield Attack(f"manifest {number}: {text}", "A9", ARCHIVE_TARGET, apply, Verdict.REFUSED)


def _merged(found: Any, mutated: Any, sample: Any) -> Any:
    """Return the manifest with the keys that differ between `mutated` and `sample`."""
    if not isinstance(found, dict) or not isinstance(mutated, dict):
        return mutated
    merged = dict(found)
    for key in sample:
        if key not in mutated:
            del merged[key]
        elif mutated[key] != sample[key] or type(mutated[key]) is not type(sample[key]):
            merged[key] = _merged(found[key], mutated[key], sample[key])
    return merged


def _studies() -> Iterator[Attack]:
    def study(text: str) -> Callable[[], None]:
        return partial(edit, STUDY_MEMBER, lambda _: text.encode(), consistent=True)

    aliases = "\n".join([f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" if n else "a0: &a0 [x]" for n in range(12)])
    yield Attack(
        "the study edited", "A10", ARCHIVE_TARGET, study(STUDY.replace("epochs: 4", "epochs: 5")), Verdict.STALE
    )
    yield Attack(
        "the study edited, not the manifest",
        "A10",
        ARCHIVE_TARGET,
        partial(edit, STUDY_MEMBER, lambda found: found.replace(b"epochs: 4", b"epochs: 5")),
        Verdict.BROKEN,
        STUDY_FILE,
    )
    yield Attack(
        "the study without a swept value",
        "A10",
        ARCHIVE_TARGET,
        study(STUDY.replace("[0.1]", "[0.2]")),
        Verdict.REFUSED,
    )
    yield Attack(
        "the study extends one of the checkout",
        "A10",
        ARCHIVE_TARGET,
        study(f"{STUDY}extends: mini\n"),
        Verdict.REFUSED,
        "extends: found 'mini'",
    )
    yield Attack(
        "the study extends a file of the reader", "A10", ARCHIVE_TARGET, _extending, Verdict.REFUSED, "extends: found"
    )
    for what, text in (
        ("is invalid", STUDY.replace("epochs", "epoch")),
        ("is another one", STUDY.replace("study: one", "study: two")),
        ("is empty", ""),
        ("is an alias bomb", aliases + "\n" + STUDY),
        ("has 100 000 nested lists", f"title: {'[' * 100_000}"),
        ("has a number of 100 000 digits", STUDY.replace("size: 12", f"size: {'9' * 100_000}")),
        ("has a million shards", STUDY.replace("size: 12", "size: 1000000, shards: 1000000")),
        ("has a tag", STUDY.replace("title: One space", "title: !!python/object/apply:os.system [ls]")),
        ("is 100 MB", f"{STUDY}{'#' * 100_000_000}"),
    ):
        yield Attack(f"the study {what}", "A10", ARCHIVE_TARGET, study(text), Verdict.REFUSED)


def _extending() -> None:
    """Let the study extend a file of the reader that would change nothing."""
    own = Path("own.yaml").resolve()
    own.write_text("pool: {shards: 1}\n")
    edit(STUDY_MEMBER, lambda _: f"{STUDY}extends: {own}\n".encode(), consistent=True)


def _crates() -> Iterator[Attack]:
    yield Attack("nothing is changed", "A0", CRATE_TARGET, lambda: None, Verdict.INTACT)
    for name in (METRICS, f"{SCORES}{SUFFIX}"):
        for one in of_file(f"{CRATE}/{name}", SEED):
            gone = any(word in one.name for word in ("link", "FIFO", "folder"))
            verdict = Verdict.REFUSED if gone else Verdict.BROKEN
            yield Attack(one.name, "A6" if gone else "A1", CRATE_TARGET, one.apply, verdict)
    for name in ("run.py", f"{RESULTS}/tables/evil.html", f"{DEPOSIT}/x.pyc"):
        apply = partial(_write, f"{CRATE}/{name}")
        yield Attack(f"a file {name} that nobody lists", "A5", CRATE_TARGET, apply, Verdict.REFUSED, name)
    yield Attack("the folder of results is a link", "A6", CRATE_TARGET, _linked, Verdict.REFUSED)
    yield Attack(
        "two manifests", "A5", CRATE_TARGET, partial(_write, f"{CRATE}/x/y/deposit/manifest.json"), Verdict.REFUSED
    )


def _write(path: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("{}")


def _linked() -> None:
    Path(CRATE, RESULTS).rename("elsewhere")
    Path(CRATE, RESULTS).symlink_to(Path("elsewhere").resolve())
