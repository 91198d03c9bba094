"""One writer at a time, on any node: a claim in a shared folder, with a heartbeat.

Claims are numbered files, and the highest number owns. A claim comes into being whole, by a hard link to a name
that must not exist; this is atomic on NFS too, where flock may be local to a node. A claim is never taken away:
the next writer makes the next number once the owner has released its own or is dead. So there is no moment at
which two processes can both believe that they removed a dead owner.
"""

import contextlib
import json
import logging
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from supernet.errors import UserError
from supernet.runtime.owner import Owner

_LOGGER = logging.getLogger(__name__)
LOST = 70
"""Exit code of a writer that found its claim overtaken: it was taken for dead."""


@dataclass(frozen=True)
class Pace:
    """Seconds: between heartbeats, until an owner without one counts as dead, between two looks, to the end of a wait.

    Attributes of files on NFS may be a minute old, so an owner is not dead before it has missed three minutes.
    """

    beat: float = 10.0
    stale: float = 180.0
    poll: float = 5.0
    wait: float = 600.0


@contextlib.contextmanager
def sole_writer(folder: Path | None, pace: Pace | None = None) -> Iterator[None]:
    """Be the only process that holds the claim of `folder`; waits for one that does. Without a folder, do nothing.

    An owner that is dead is succeeded: at once where /proc or squeue can tell, else when its heartbeat has stood still.
    Raises UserError if another still owns after the wait, or if the file system has no hard links.
    """
    if folder is None:
        yield
        return
    pace = pace or Pace()
    claim = _acquire(folder, pace)
    with _beating(claim, pace.beat):
        try:
            yield
        finally:
            _release(claim)


def _acquire(folder: Path, pace: Pace) -> Path:
    me, watch = Owner.current(), _Watch(pace)
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        top = _top(folder)
        if top is None or watch.free(top, me):
            claim = _make(folder, 1 if top is None else _number(top) + 1, me)
            if claim is not None:
                return claim
        else:
            time.sleep(pace.poll)


class _Watch:
    """What a waiting process knows of the present owner."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.start = time.monotonic()
        self.told: Owner | None = None
        self.seen: tuple[Path, int] | None = None
        self.since = self.start
        self.beaten = False

    def free(self, claim: Path, me: Owner) -> bool:
        """Whether the claim may be succeeded; UserError when the wait is over and it may not."""
        owner = _read(claim)
        if owner is None:
            return True
        lives = owner.lives(me)
        if lives is None:
            lives = self._beats(claim)
        if lives is False:
            _LOGGER.warning("%s: its owner, %s, is dead: going on in its place", claim.parent, owner)
            return True
        if owner != self.told and self.pace.wait:
            self.told = owner
            _LOGGER.warning("%s: %s writes the same outputs: waiting for it", claim.parent, owner)
        # As long as nothing is known of the owner, only its heartbeat, or the lack of one, ends the wait.
        if lives and time.monotonic() - self.start >= self.pace.wait:
            stop = f"scancel {owner.job}" if owner.job else f"kill {owner.pid} on {owner.host}"
            still = f", and still did after {self.pace.wait:.0f} s" if self.pace.wait else ""
            raise UserError(
                f"{claim.parent}: {owner} writes the same outputs{still}; "
                f"expected one writer. Let it finish, or stop it ({stop}), then start again"
            )
        return False

    def _beats(self, claim: Path) -> bool | None:
        """Whether the heartbeat has moved; None: not yet, and not for too long. By our own clock: none are compared."""
        now, beat = time.monotonic(), _heartbeat(claim)
        if self.seen is None or self.seen[0] != claim:
            self.seen, self.since, self.beaten = (claim, beat), now, False
        elif self.seen[1] != beat:
            self.seen, self.since, self.beaten = (claim, beat), now, True
        if now - self.since >= self.pace.stale:
            return False
        return True if self.beaten else None


def _make(folder: Path, number: int, me: Owner) -> Path | None:
    """Claim a number; None if another was faster."""
    claim = folder / f"{number:06}.json"
    temporary = folder / f".{uuid.uuid4().hex}"
    try:
        _write(temporary, me)
        try:
            os.link(temporary, claim)
        except FileExistsError:
            # On NFS the answer to a link that was made can be lost: the count of names tells.
            if temporary.stat().st_nlink != 2:
                return None
        except OSError as error:
            raise UserError(
                f"{folder}: a hard link cannot be made here: {error.strerror}; put `state` of config.yaml on a file "
                "system with hard links, such as NFS, Lustre or any local Linux one"
            ) from error
    finally:
        temporary.unlink(missing_ok=True)
    # One that looked at the folder long ago may claim a number whose successors have come and gone, but not the last.
    if _top(folder) != claim:
        claim.unlink(missing_ok=True)  # the next writer clears lower numbers away, too
        return None
    for former in folder.glob("[0-9]*.json"):
        if _number(former) < number:
            former.unlink(missing_ok=True)
    return claim


@contextlib.contextmanager
def _beating(claim: Path, seconds: float) -> Iterator[None]:
    """Touch the claim from a thread. A process whose claim was overtaken (it hung, or its node was cut off) ends."""
    end = threading.Event()

    def beat() -> None:
        while not end.wait(seconds):
            if _top(claim.parent) != claim:
                _abandon(claim)
            os.utime(claim)

    thread = threading.Thread(target=_guarded(beat, claim), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def _guarded(beat: Callable[[], None], claim: Path) -> Callable[[], None]:
    """A heartbeat that cannot be given must not end unseen: others would take the process for dead."""

    def run() -> None:
        while True:
            try:
                return beat()
            except FileNotFoundError:
                _abandon(claim)
            except OSError as error:
                _LOGGER.warning("%s: no heartbeat: %s; trying again", claim, error)

    return run


def _abandon(claim: Path) -> None:
    sys.stderr.write(f"error: {claim}: another process took over, taking this one for dead; nothing more is written\n")
    sys.stderr.flush()
    # At once: the main thread may be about to rename an output.
    os._exit(LOST)


def _release(claim: Path) -> None:
    """Say that the claim is over. The file stays, so that numbers only grow; emptied, since a full disk allows that."""
    with contextlib.suppress(FileNotFoundError):  # overtaken a moment ago
        os.truncate(claim, 0)


def _write(path: Path, owner: Owner) -> None:
    with path.open("w", encoding="utf-8") as stream:
        json.dump(asdict(owner), stream)
        stream.flush()
        os.fsync(stream.fileno())


def _read(claim: Path) -> Owner | None:
    """The owner; None if it was released, or succeeded a moment ago."""
    try:
        content = claim.read_text(encoding="utf-8")
        return Owner(**json.loads(content)) if content else None
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise UserError(
            f"{claim}: not a whole claim ({error}); if no job writes these outputs, delete the file"
        ) from error


def _heartbeat(claim: Path) -> int:
    """Time of the last touch, ns; 0 if the file is gone. Opened first: NFS then asks the server."""
    try:
        with claim.open("rb") as stream:
            return os.fstat(stream.fileno()).st_mtime_ns
    except FileNotFoundError:
        return 0


def _top(folder: Path) -> Path | None:
    return max(folder.glob("[0-9]*.json"), key=_number, default=None)


def _number(claim: Path) -> int:
    return int(claim.stem)
