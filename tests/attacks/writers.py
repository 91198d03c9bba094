"""Attacks on locks and clocks: two processes that write the same results, and inputs from the future."""

import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from attacks.attack import Attack, Outcome, Target, Verdict, write
from attacks.mutations import CONTENTS, MISSING, PLACES, WRONG_VALUES, changed, replaced
from supernet.io.atomic import write_text
from supernet.io.writers import start_of
from supernet.provenance.closure import ROOT
from supernet.provenance.recorder import Recorder, note_input, recording
from supernet.runtime.lock import LockTiming, sole_writer_of
from supernet.runtime.process import ProcessIdentity

LOCKS = ("results/one/.locks/workflow", "state/one/locks/workflow")
RESULT, INPUT = "results/one/metrics.parquet", "resources/data/digits.safetensors"
QUICK = LockTiming(heartbeat=0.1, stale=0.5, poll=0.02, wait=0.0)


NOISE = ("extended", "filled with zeros", "filled with noise")
"""Mutations that leave no owner: an empty lock is released, and an edited text is another owner, which has ended."""


def make() -> None:
    """Leave locks of an ended process, and an input."""
    ended = replace(ProcessIdentity.current(), started="1")
    for folder in LOCKS:
        write(f"{folder}/000007.json", json.dumps(asdict(ended)).encode())
    write(INPUT, b"images")


def _anew(change: Callable[[], Any]) -> Callable[[], None]:
    """Return a function that leaves the locks again, because the victim itself was judged, and changes one."""

    def apply() -> None:
        for folder in LOCKS:
            shutil.rmtree(folder)
        make()
        change()

    return apply


def judge() -> Outcome:
    """Write a result from the input as the only writer, as a second Snakemake and its jobs do."""
    logging.getLogger("supernet").addHandler(logging.NullHandler())
    with (
        sole_writer_of(map(Path, LOCKS), QUICK),
        recording(Recorder(ROOT / "scripts" / "metrics.py", ROOT)),
    ):
        note_input(INPUT)
        write_text(RESULT, "result", record=False)
    return Outcome(Verdict.INTACT, "one writer")


TARGET = Target("writers", make, judge)


def attacks() -> list[Attack]:
    """Return the attacks of this module."""
    return [
        Attack("the owner has been killed", "W0", TARGET, _anew(lambda: None), Verdict.INTACT),
        *_owners(),
        *_damaged(),
        *_clocks(),
    ]


def _owners() -> Iterator[Attack]:
    """W1: another process writes the same results."""
    for number, folder in enumerate(LOCKS):
        for name, changes in {"of this machine": {}, "of another checkout": {"checkout": "/elsewhere"}}.items():
            hold = partial(_hold, folder, changes)
            yield Attack(
                f"a running owner {name}, lock {number}", "W1", TARGET, _anew(hold), Verdict.REFUSED, "writes the same"
            )
        hold = partial(_hold, folder, {"machine": "another", "host": "another"})
        # Only its heartbeat shows that it runs: none within `stale` seconds.
        yield Attack(f"an owner of a lost machine, lock {number}", "W0", TARGET, _anew(hold), Verdict.INTACT)


def _hold(folder: str, changes: dict[str, str]) -> None:
    # The parent of the process of an attack runs as long as the attack.
    parent = os.getppid()
    owner = replace(ProcessIdentity.current(), pid=parent, started=start_of(parent), **changes)
    write(f"{folder}/000008.json", json.dumps(asdict(owner)).encode())


def _damaged() -> Iterator[Attack]:
    """W2: a lock file that no process has written."""
    path = f"{LOCKS[0]}/000007.json"
    for name, change in CONTENTS.items():
        if name in NOISE:
            yield Attack(f"lock file {name}", "W2", TARGET, _anew(changed(path, change, 3)), Verdict.REFUSED, path)
    for name, place in PLACES.items():
        if name != "deleted":
            yield Attack(f"lock file {name}", "W2", TARGET, _anew(partial(place, Path(path))), Verdict.REFUSED, path)
    for key in ("pid", "host", "machine", "started", "job"):
        for number, value in enumerate([*WRONG_VALUES, MISSING]):
            if not _is_valid(key, value):
                edit = _edited(path, key, value)
                yield Attack(f"wrong value {number} as {key}", "W2", TARGET, _anew(edit), Verdict.REFUSED, path)
    other = partial(write, f"{LOCKS[0]}/1x.json", b"{")
    yield Attack("a file that is not a lock", "W0", TARGET, _anew(other), Verdict.INTACT)


def _is_valid(key: str, value: Any) -> bool:
    if key == "pid":
        return type(value) is int
    return isinstance(value, str) and (key != "job" or not value)


def _edited(path: str, key: str, value: Any) -> Callable[[], None]:
    def edit() -> None:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        Path(path).write_text(json.dumps(replaced(content, (key,), value)), encoding="utf-8")

    return edit


def _clocks() -> Iterator[Attack]:
    """W3: inputs from the future."""
    for name, seconds in {"two minutes": 120.0, "three hours": 10_800.0, "sixty years": 2e9}.items():
        yield Attack(f"an input {name} ahead", "W3", TARGET, partial(_touch, seconds), Verdict.REFUSED, INPUT)
    yield Attack("an input half a second ahead", "W0", TARGET, partial(_touch, 0.5), Verdict.INTACT)


def _touch(ahead: float) -> None:
    moment = time.time() + ahead
    os.utime(INPUT, (moment, moment))
