"""Attacks on the results of a study and their records: damage, edits, forgeries, exchanges, planted files, caches."""

import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd

from attacks.attack import Attack, Outcome, Target, Verdict, write
from attacks.mutations import CONTENTS, MISSING, PLACES, WRONG_VALUES, of_file, of_json, replaced
from attacks.study import (
    IMAGES,
    PARTS,
    RESULTS,
    STUDY_FILE,
    STUDY_TARGET,
    SUPERNETS,
    judged,
    make_study,
    parts,
    run_audit,
    supernets,
)
from supernet.provenance.hashes import digests
from supernet.provenance.record import FORMAT, MAX_BYTES, SUFFIX, digest, record_path

RUN, OTHER_RUN = (f"{RESULTS}/runs/nasbench201/{setting}/seed0" for setting in ("baseline", "learning_rate=0.1"))
METRICS, REFERENCES = f"{RESULTS}/metrics.parquet", f"{RESULTS}/references.parquet"
WEIGHTS, SCORES, SUMMARY = (f"{RUN}/{name}" for name in ("weights.safetensors", "scores.parquet", "run.json"))
TABLE, PICTURE = f"{RESULTS}/tables/learning_rate.csv", f"{RESULTS}/figures/learning_rate.png"
OTHER_TABLE = f"{RESULTS}/tables/spaces.csv"
POOL, DRAWN = f"{RESULTS}/pools/nasbench201.parquet", f"{RESULTS}/drawn/nasbench201.parquet"
RUN_FILES = (
    "curve.parquet", "weights.safetensors", "scores.parquet", "run.json", "timing.json", "scores.timing.json",
)  # fmt: skip
HASHES = Path("state/one/hashes.json")
SEED = 1
RANDOM_EDITS = 12
LONGEST_CHAIN = 10
"""Results from the images to a table."""
Record = dict[str, Any]


def _judge_without_cache() -> Outcome:
    return judged(run_audit("--study", STUDY_FILE, "--no-cache"))


WITHOUT_CACHE = Target("study, without caches", make_study, _judge_without_cache)


def attacks() -> list[Attack]:
    """Return the attacks of this module."""
    found = [Attack("nothing is changed", "R0", STUDY_TARGET, lambda: None, Verdict.INTACT)]
    makers = (_changed_files, _damaged_records, _edited_records, _lacking_keys, _forged_values, _forged_results)
    for maker in (
        *makers,
        _parts,
        _supernets,
        _exchanges,
        _rewritten_exchanges,
        _planted,
        _inputs,
        _circumstances,
        _caches,
        _forged_caches,
    ):
        found += maker()
    return found


def _attack(name: str, promise: str, mutate: Callable[[], object], verdict: Verdict, named: str = "") -> Attack:
    return Attack(name, promise, STUDY_TARGET, mutate, verdict, named)  # type: ignore[arg-type]


# What an adversary does ------------------------------------------------------------------------------------


def read(path: str) -> Record:
    """Return the record of a result."""
    return dict(json.loads(record_path(path).read_text(encoding="utf-8")))


def put(path: str, record: Any, *, sealed: bool = True) -> None:
    """Write a record, with digest and seal computed again if `sealed`."""
    if sealed:
        record = {**record, "digest": digest(record["made"])} if "made" in record else dict(record)
        record.pop("seal", None)
        record["seal"] = digest(record)
    record_path(path).write_text(json.dumps(record), encoding="utf-8")


def forge(path: str, content: bytes | None = None, **made: Any) -> None:
    """Write another content, if there is one, and a record that fits it, with other values in `made`."""
    if content is not None:
        write(path, content)
    record = read(path)
    record["made"] |= {"sha256": digests(Path(path), ["sha256"])["sha256"], "size": os.path.getsize(path), **made}
    put(path, record)


def as_input(path: str) -> dict[str, Any]:
    """Return the entry of a result among the inputs of a record; `rewrite_chain` fills it."""
    return {"file": path, "kind": "result", "sha256": "0" * 64, "size": 0, "record": None}


def rewrite_chain() -> None:
    """Make the records of all results fit the files and records of their inputs, as if all had been made anew."""
    names = [str(path).removesuffix(SUFFIX) for path in Path().rglob(f"*{SUFFIX}")]
    records = {name: read(name) for name in names}
    for _ in range(LONGEST_CHAIN):
        for record in records.values():
            for one in record["made"]["inputs"]:
                if one["kind"] == "result" and one["file"] in records:
                    source = records[one["file"]]
                    one |= {key: source["made"][key] for key in ("sha256", "size")}
                    one["record"] = digest(source["made"])
    for name, record in records.items():
        put(name, record)


def exchange(one: str, other: str) -> None:
    """Exchange two files together with their records."""
    for first, second in ((one, other), (record_path(one), record_path(other))):
        os.rename(first, "moved")
        os.rename(second, first)
        os.rename("moved", second)


def all_forged(path: str) -> None:
    """Forge a result, and the records of everything that is made from it."""
    forge(path, b"forged")
    rewrite_chain()


def exchange_rewritten(pairs: list[tuple[str, str]]) -> None:
    """Exchange files with their records, make the records name their new places, and make the chain fit."""
    for pair in pairs:
        exchange(*pair)
        for path in pair:
            forge(path, file=path)
    rewrite_chain()


# Attacks ---------------------------------------------------------------------------------------------------


def _changed_files() -> Iterator[Attack]:
    for path in (METRICS, WEIGHTS, TABLE):
        for one in of_file(path, SEED):
            yield _attack(one.name, "R1", one.apply, Verdict.BROKEN, path)


def _damaged_records() -> Iterator[Attack]:
    """Forms that are not a record at all; each is named, and the audit goes on."""
    for one in of_file(f"{METRICS}{SUFFIX}", SEED):
        yield _attack(one.name, "R2", one.apply, Verdict.BROKEN, METRICS)
    forms = {
        "NaN": b'{"format": 2, "made": NaN}',
        "a number beyond all floats": b'{"format": 2, "made": 1e999}',
        "a lone surrogate": b'{"format": 2, "made": "\\ud800"}',
        "UTF-16": json.dumps({"format": 2}).encode("utf-16"),
        "a byte order mark": b"\xef\xbb\xbf{}",
        "a key twice": b'{"format": 2, "format": 2}',
        "100 000 nested lists": b"[" * 100_000,
        "300 nested lists": b'{"format": 2, "made": ' + b"[" * 300 + b"]" * 300 + b"}",
        "a list": b"[]",
        "null": b"null",
        "format 1": b'{"format": 1}',
        "format 99": b'{"format": 99}',
        "too large": b" " * (MAX_BYTES + 1),
        "many empty lists": b'{"format": 2, "made": [' + b"[]," * (MAX_BYTES // 3 - 20) + b"[]]}",
        "many keys": b'{"format": 2, ' + b", ".join(b'"%d": {}' % n for n in range(500_000)) + b"}",
    }
    for name, content in forms.items():
        put_form = partial(write, f"{TABLE}{SUFFIX}", content)
        yield _attack(f"record of {TABLE} is {name}", "R2", put_form, Verdict.BROKEN, TABLE)


def _edited_records() -> Iterator[Attack]:
    """Random edits of a record whose seal is not computed again."""

    def edit(path: str, number: int) -> None:
        *_, (_, edited) = of_json(read(path), SEED, number + 1)
        content = json.dumps(edited) if edited != read(path) else "{}"
        record_path(path).write_text(content, encoding="utf-8")

    for path in (IMAGES, SCORES, PICTURE):
        for number in range(RANDOM_EDITS):
            name = f"record of {path}: random edit {number}, without a new seal"
            yield _attack(name, "R3", partial(edit, path, number), Verdict.BROKEN, path)


KEYS = (
    *((key,) for key in ("format", "made", "digest", "circumstances")),
    *(("made", key) for key in ("file", "sha256", "size", "program", "modules", "config", "inputs", "python")),
    *(("made", key) for key in ("packages", "lock", "variables")),
    *(("made", "inputs", 0, key) for key in ("file", "kind", "sha256", "size", "record")),
    *(("circumstances", key) for key in ("started", "ended", "host", "environment", "files", "commit", "dirty")),
)


def _lacking_keys() -> Iterator[Attack]:
    """Records without one key, or with a wrong value in its place, whose digest and seal are computed again."""
    rng = random.Random(SEED)

    def edit(place: tuple[str | int, ...], value: Any) -> None:
        record = replaced(read(METRICS), place, value)
        if place == ("digest",):
            record["seal"] = digest({key: one for key, one in record.items() if key != "seal"})
        # A lone surrogate has no digest, so the seal cannot be computed again.
        put(METRICS, record, sealed=value != "\ud800" and place != ("digest",))

    for place in KEYS:
        name = ".".join(map(str, place))
        yield _attack(f"sealed record without {name}", "R4", partial(edit, place, MISSING), Verdict.BROKEN, METRICS)
        if place[-1] not in ("config", "program", "python", "host", "commit", "dirty"):
            value = rng.choice([one for one in WRONG_VALUES if one not in ({}, [], None)])
            edited = partial(edit, place, value)
            shown = repr(value)[:20]
            yield _attack(f"sealed record with {name} {shown}", "R4", edited, Verdict.BROKEN, METRICS)


def _forged_values() -> Iterator[Attack]:
    """Records of a result with consumers that are changed and sealed again: the chain does not fit."""
    module = "supernet/paper/render.py"

    def other_code() -> None:
        modules = {**read(TABLE)["made"]["modules"], module: "0" * 64}
        record = read(TABLE)
        record["circumstances"]["files"][module] = digests(Path(__file__), ["sha256"])["sha256"]
        record["made"]["modules"] = modules
        put(TABLE, record)

    def other_input(key: str, value: Any) -> None:
        inputs = read(METRICS)["made"]["inputs"]
        inputs[0][key] = value
        forge(METRICS, inputs=inputs)

    changes: dict[str, tuple[Callable[[], object], Verdict]] = {
        "another content that its record fits": (partial(forge, SCORES, b"forged"), Verdict.BROKEN),
        "another config": (partial(forge, METRICS, config={"study": "other"}), Verdict.STALE),
        "another version of numpy": (partial(forge, METRICS, packages={"numpy": "0.1"}), Verdict.STALE),
        "another Python": (partial(forge, METRICS, python="3.0.0"), Verdict.STALE),
        "another lock file": (partial(forge, METRICS, lock="0" * 64), Verdict.STALE),
        "another program": (partial(forge, METRICS, program="scripts/other.py"), Verdict.STALE),
        "no inputs": (partial(forge, METRICS, inputs=[]), Verdict.STALE),
        "another hash of an input": (partial(other_input, "sha256", "0" * 64), Verdict.BROKEN),
        "another size of an input": (partial(other_input, "size", 1), Verdict.BROKEN),
        "another record of an input": (partial(other_input, "record", "0" * 64), Verdict.STALE),
        "no record of an input": (partial(other_input, "record", None), Verdict.STALE),
    }
    for name, (mutate, verdict) in changes.items():
        yield _attack(f"sealed record with {name}", "R5", mutate, verdict, RESULTS)
    yield _attack(
        "sealed record with other code, whose file hashes are forged too", "R5", other_code, Verdict.STALE, TABLE
    )


def _forged_results() -> Iterator[Attack]:
    """Complete forgeries: everything that is derived from a result fits it. One result of each kind."""
    kinds = [f"{OTHER_RUN}/{name}" for name in RUN_FILES] + [IMAGES, DRAWN, POOL, METRICS, REFERENCES]
    drawn = [f"{TABLE.removesuffix('.csv')}{suffix}" for suffix in (".csv", ".md", ".tex", ".html")]
    drawn += [f"{PICTURE.removesuffix('.png')}{suffix}" for suffix in (".png", ".pdf", ".csv", ".md")]
    others = (f"{RESULTS}/{name}" for name in ("spaces.json", "effects.parquet", "search/nasbench201/seed0.parquet"))
    for path in (*kinds, *drawn, *others):
        name = f"{path} and everything that is made from it are forged"
        yield _attack(name, "R6", partial(all_forged, path), Verdict.OTHER_DIGEST)


def _parts() -> Iterator[Attack]:
    """Attacks on parts of the store, of which records of the study name two."""

    def first(mutation: Callable[[Path], object]) -> Callable[[], object]:
        return lambda: mutation(Path(parts()[0]))

    def accuracy(path: Path) -> bytes:
        pd.read_parquet(path).assign(accuracy=1.0).to_parquet(path, index=False)
        return path.read_bytes()

    def renamed() -> None:
        """Forge an accuracy, and give the part the name of its content, in the records of what is made from it, too."""
        old = parts()[0]
        content = accuracy(Path(old))
        new = f"{os.path.dirname(old)}/{hashlib.sha256(content).hexdigest()[:16]}.parquet"
        os.rename(old, new)
        os.rename(record_path(old), record_path(new))
        forge(new, file=new)
        for path in map(str, Path(RESULTS).rglob(f"*{SUFFIX}")):
            record = read(path.removesuffix(SUFFIX))
            for one in record["made"]["inputs"]:
                one["file"] = new if one["file"] == old else one["file"]
            put(path.removesuffix(SUFFIX), record)
        rewrite_chain()

    for name, change in {**CONTENTS, **PLACES}.items():
        mutation = first(lambda path, change=change: _mutated(path, change))  # type: ignore[misc]
        yield _attack(f"a part of the store: {name}", "R1", mutation, Verdict.BROKEN, PARTS)
    yield _attack("the accuracy in a part is edited", "R1", first(accuracy), Verdict.BROKEN, PARTS)
    forged = first(lambda path: forge(str(path), accuracy(path)))
    yield _attack("the accuracy in a part is edited, and its record", "R5", forged, Verdict.BROKEN, PARTS)
    recipe = first(lambda path: forge(str(path), config={**read(str(path))["made"]["config"], "study_seed": 7}))
    yield _attack("the record of a part has another recipe", "R5", recipe, Verdict.STALE, "study_seed: was 7, is 0")
    no_record = first(lambda path: record_path(path).unlink())
    yield _attack("the record of a part is deleted", "R2", no_record, Verdict.BROKEN, PARTS)
    yield _attack("a part and everything that is made from it are forged", "R6", renamed, Verdict.OTHER_DIGEST)
    yield _attack("two parts exchanged", "R7", lambda: exchange(*parts()), Verdict.BROKEN, PARTS)
    unused = partial(_unused_part, PARTS)
    yield _attack("a part that no record names is added", "R0", unused, Verdict.INTACT)


def _supernets() -> Iterator[Attack]:
    """Attacks on super-nets in the store, from which the study has taken over two."""

    def first(mutation: Callable[[Path], object]) -> Callable[[], object]:
        return lambda: mutation(Path(supernets()[0]))

    def configured(path: Path, **changes: Any) -> None:
        config = read(str(path))["made"]["config"]
        forge(str(path), config={**config, "run": {**config["run"], **changes}})

    def of_another_run() -> None:
        """Rewrite the records of a run, so that they name the super-net of another run."""
        own = {one["file"] for one in read(WEIGHTS)["made"]["inputs"]}
        other = next(path for path in supernets() if path not in own)
        for name in ("curve.parquet", "weights.safetensors", "run.json", "timing.json"):
            record = read(f"{RUN}/{name}")
            stored = [f"{os.path.dirname(other)}/{os.path.basename(one)}" for one in own if SUPERNETS in one]
            images = [one for one in record["made"]["inputs"] if SUPERNETS not in one["file"]]
            record["made"]["inputs"] = sorted([*images, *map(as_input, stored)], key=lambda one: one["file"])
            put(f"{RUN}/{name}", record)
        rewrite_chain()

    for name, change in {**CONTENTS, **PLACES}.items():
        mutation = first(lambda path, change=change: _mutated(path, change))  # type: ignore[misc]
        yield _attack(f"weights in the store: {name}", "R1", mutation, Verdict.BROKEN, SUPERNETS)
    forged = first(lambda path: forge(str(path), b"other weights"))
    yield _attack("weights in the store are edited, and their record", "R5", forged, Verdict.BROKEN, SUPERNETS)
    setting = first(partial(configured, study_seed=7))
    yield _attack("the record of stored weights has another config", "R5", setting, Verdict.BROKEN, "of another run")
    no_record = first(lambda path: record_path(path).unlink())
    yield _attack("the record of stored weights is deleted", "R2", no_record, Verdict.BROKEN, SUPERNETS)
    yield _attack("two stored weights exchanged", "R7", lambda: exchange(*supernets()), Verdict.BROKEN, SUPERNETS)
    yield _attack("a run names the super-net of another run", "R8", of_another_run, Verdict.BROKEN, "of another run")
    unused = partial(write, f"{SUPERNETS}/0123456789abcdef/0123456789abcdef/weights.safetensors", b"x")
    yield _attack("a super-net that no record names is added", "R0", unused, Verdict.INTACT)


def _mutated(path: Path, change: Callable[..., Any]) -> None:
    if change in PLACES.values():
        change(path)
    else:
        path.write_bytes(change(path.read_bytes(), random.Random(SEED)))


def _unused_part(folder: str) -> None:
    write(f"{folder}/0123456789abcdef/0123456789abcdef.parquet", b"x")
    write(f"{os.path.dirname(parts()[0])}/0123456789abcdef.parquet", b"x")


def _exchanges() -> Iterator[Attack]:
    pairs = [(f"{RUN}/{name}", f"{OTHER_RUN}/{name}") for name in RUN_FILES]
    pairs += list(combinations([f"{RUN}/{name}" for name in RUN_FILES], 2))[:3]
    pairs += [(METRICS, REFERENCES), (TABLE, OTHER_TABLE), (PICTURE, TABLE), (POOL, DRAWN), (IMAGES, WEIGHTS)]
    for one, other in pairs:
        mutate = partial(exchange, one, other)
        yield _attack(f"{one} and {other} exchanged with their records", "R7", mutate, Verdict.BROKEN, other)


def _rewritten_exchanges() -> Iterator[Attack]:
    runs = [(f"{RUN}/{name}", f"{OTHER_RUN}/{name}") for name in RUN_FILES]
    whole = {"two runs, all files": runs, "the weights of two runs": runs[1:2], "the scores of two runs": runs[2:3]}
    whole |= {"two tables": [(TABLE, OTHER_TABLE)], "a table and a figure": [(TABLE, PICTURE)]}
    whole |= {"pool and drawn pool": [(POOL, DRAWN)]}
    for name, pairs in whole.items():
        mutate = partial(exchange_rewritten, pairs)
        yield _attack(f"{name} exchanged, all records rewritten", "R8", mutate, Verdict.BROKEN, pairs[0][0])


def _planted() -> Iterator[Attack]:
    seed9 = f"{RESULTS}/runs/nasbench201/baseline/seed9"

    def copied_run(*, rewritten: bool, used: bool = False) -> None:
        shutil.copytree(RUN, seed9)
        for name in RUN_FILES if rewritten else ():
            record = read(f"{seed9}/{name}")
            record["made"]["file"] = f"{seed9}/{name}"
            put(f"{seed9}/{name}", record)
        if used:
            made = read(f"{seed9}/scores.parquet")["made"]
            entry = {"file": made["file"], "kind": "result", "record": digest(made)}
            entry |= {key: made[key] for key in ("sha256", "size")}
            forge(METRICS, inputs=[*read(METRICS)["made"]["inputs"], entry])
            rewrite_chain()

    yield _attack("a run is copied to a new seed", "R9", partial(copied_run, rewritten=False), Verdict.BROKEN, seed9)
    mutate = partial(copied_run, rewritten=True)
    yield _attack("a run of a new seed, with fitting records", "R9", mutate, Verdict.UNEXPECTED, seed9)
    mutate = partial(copied_run, rewritten=True, used=True)
    yield _attack("a run of a new seed that the metrics use", "R9", mutate, Verdict.UNEXPECTED, seed9)
    for name in ("figures/planted.png", "planted", ".hidden", "runs/x/y/z/deep.parquet", "tables/ünïcode.csv"):
        path = f"{RESULTS}/{name}"
        yield _attack(f"{name} is planted", "R9", partial(write, path, b"x"), Verdict.UNEXPECTED, "the study does not")
    control = f"{RESULTS}/x\nintact     y\x1b[2K"
    yield _attack("a name with a line break", "R9", partial(write, control, b"x"), Verdict.UNEXPECTED)
    not_text = partial(Path(f"{RESULTS}/\udcff\udcfe").write_bytes, b"x")
    yield _attack("a name that is not UTF-8", "R9", not_text, Verdict.UNEXPECTED)
    for name, place in PLACES.items():
        if name != "deleted" and name != "replaced by a folder":
            path = f"{RESULTS}/planted"
            yield _attack(f"a planted file, {name}", "R9", partial(_placed, path, place), Verdict.UNEXPECTED, path)


def _placed(path: str, place: Callable[[Path], None]) -> None:
    write(path, b"x")
    place(Path(path))


def _inputs() -> Iterator[Attack]:
    """Sealed records whose inputs are outside the folders of the workflow, or are not files."""

    def add(name: str, kind: str = "result", planted: Callable[[], object] = lambda: None) -> None:
        planted()
        entry = {"file": name, "kind": kind, "sha256": digest(0), "size": 0}
        entry |= {"record": None} if kind == "result" else {}
        forge(TABLE, inputs=[*read(TABLE)["made"]["inputs"], entry])

    names = ("results/../../../etc/passwd", "/etc/passwd", "results//etc/passwd", "elsewhere/passwd", "etc/passwd", "")
    for name in (*names, "results/a\0b", "results/" + "x" * 5_000, "results/" + "x/" * 2_000 + "y", TABLE):
        yield _attack(f"an input {name[:40]!r}", "R10", partial(add, name), Verdict.BROKEN, TABLE)
    pipe = f"{RESULTS}/logs/pipe"
    devices: Mapping[str, Callable[[], object]] = {
        "a FIFO": lambda: os.mkfifo(pipe),
        "a device": lambda: os.symlink("/dev/zero", pipe),
        "an endless file of the kernel": lambda: os.symlink("/proc/kmsg", pipe),
        "a folder": lambda: os.mkdir(pipe),
        "a link to itself": lambda: os.symlink("pipe", pipe),
    }
    for name, make in devices.items():
        planted = partial(_with_folder, pipe, make)
        for kind in ("result", "source"):
            file = pipe if kind == "result" else f"checkout/{os.path.relpath(pipe)}"
            mutate = partial(add, file, kind, planted)
            yield _attack(f"an input of kind {kind} that is {name}", "R10", mutate, Verdict.BROKEN, TABLE)


def _with_folder(path: str, make: Callable[[], object]) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    make()


def _circumstances() -> Iterator[Attack]:
    def edit(key: str, value: Any) -> None:
        record = read(METRICS)
        record["circumstances"][key] = value
        put(METRICS, record)

    for key, value in {"host": "another", "ended": "2001-01-01T00:00:00+00:00", "commit": "0" * 40}.items():
        mutate = partial(edit, key, value)
        yield _attack(f"{key} of a record rewritten, with a new seal", "R11", mutate, Verdict.INTACT)


def _caches() -> Iterator[Attack]:
    """Caches that are damaged, or cannot be written."""
    for content in (b"", b"{half", b"[]", b"[" * 100_000, b'{"format": 2, "files": {"a": 1}}', b"\xff\xfe"):
        mutate = partial(write, str(HASHES), content)
        yield _attack(f"the cache of hashes is {content[:32]!r}", "R12", mutate, Verdict.INTACT)
    for name, place in PLACES.items():
        mutate = partial(_placed, str(HASHES), place)
        yield _attack(f"the cache of hashes is {name}", "R12", mutate, Verdict.INTACT)

    def file_for_folder() -> None:
        shutil.rmtree("state", ignore_errors=True)
        write("state", b"")

    yield _attack("the folder of the cache is a file", "R12", file_for_folder, Verdict.INTACT)


def _forged_caches() -> Iterator[Attack]:
    """An edit that a forged cache hides: the cache is not read without caches."""

    def forged(path: str) -> None:
        run_audit()
        content = json.loads(HASHES.read_text(encoding="utf-8"))
        key = f"sha256:{os.path.abspath(path)}"
        size = os.path.getsize(path)
        Path(path).write_bytes(b"x" * size)
        status = os.stat(path)
        signature = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
        content["files"][key] = [*signature, content["files"][key][-1]]
        HASHES.write_text(json.dumps(content), encoding="utf-8")

    for path in (METRICS, PICTURE):
        name = f"{path} is changed, and the cache of hashes forged"
        yield Attack(name, "R13", WITHOUT_CACHE, partial(forged, path), Verdict.BROKEN, path)


assert FORMAT == 2, "the damaged records above have this format"
