"""A lock that works across nodes: numbered lock files with a heartbeat in a shared folder.

`_Waiter.is_free` decides that the job that holds a lock is dead: its process has ended, or its heartbeat has stopped.

The file with the highest number is the lock, and its content names the process that holds it. A lock file is created
whole, as a hard link to a name that must not exist. This is atomic on NFS too, where flock may be local to a node. No
process removes the lock of another: once the holder has released it or has ended, the next process creates the next
number. Hence two processes can never both believe that they removed the lock of an ended process.
"""

import contextlib
import errno
import json
import logging
import math
import os
import re
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from supernet.errors import UserError
from supernet.io.folders import files_below
from supernet.runtime.process import ProcessIdentity

_LOGGER = logging.getLogger(__name__)
_NUMBERED = re.compile(r"[0-9]{1,18}\.json")
_LARGEST = 1 << 16
"""Bytes that are read of a lock file, which has less than a thousand."""
_T = TypeVar("_T")
POLL_SECONDS = 2.0
"""Seconds until work that another process has claimed is checked again, if there is no other work."""
LOCK_LOST = 70
"""Exit code of a process whose lock another one took, because it seemed to have ended."""


@dataclass(frozen=True)
class LockTiming:
    """Times of a lock, in seconds.

    File attributes on NFS may be a minute old; `stale` is therefore three minutes.
    """

    heartbeat: float = 10.0
    """Time between two heartbeats of the holder."""
    stale: float = 180.0
    """Time without a heartbeat after which the holder counts as ended."""
    poll: float = 5.0
    """Time between two checks of a waiting process."""
    wait: float = 600.0
    """Until a waiting process gives up; 0 does not wait for a live holder."""


@contextlib.contextmanager
def sole_writer(folder: Path | None, timing: LockTiming | None = None) -> Iterator[None]:
    """Hold the lock of `folder` while the context is open; without a folder, do nothing.

    Waits for a process that holds the lock. The lock of an ended process is taken over: at once if /proc or squeue
    shows that it has ended, else when its heartbeat is stale. Raises UserError if another process still holds the lock
    after the wait, or if the file system has no hard links.
    """
    if folder is None:
        yield
        return
    timing = timing or LockTiming()
    lock = _acquire(folder, timing)
    with _heartbeat(lock, timing.heartbeat):
        try:
            yield
        finally:
            _release(lock)


@contextlib.contextmanager
def sole_writer_of(folders: Iterable[Path], timing: LockTiming | None = None) -> Iterator[None]:
    """Hold the locks of several folders, one after the other: `sole_writer`.

    A job has one lock beside its results and one beside its state, because checkouts can share either.
    """
    with contextlib.ExitStack() as locks:
        for folder in folders:
            locks.enter_context(sole_writer(folder, timing))
        yield


class Claim:
    """The lock of a folder for work that any process may do: it is taken if it is free, and never waited for.

    If another process takes it over, because this one seemed to have ended, the work is done twice, and this process
    goes on. Released claims leave no files. Hence two processes may hold a claim if one of them is about to take over
    that of an ended process, while another one does so, releases it and a third takes it; then, too, the work is done
    twice.
    """

    def __init__(self, folder: Path, timing: LockTiming | None = None) -> None:
        """Make a claim that is not taken yet; the wait of `timing` has no effect."""
        self._folder, timing = folder, timing or LockTiming()
        self._waiter = _Waiter(replace(timing, wait=math.inf), "does the same work: coming back to it later")
        self._held = contextlib.ExitStack()

    def take(self) -> bool:
        """Take the claim, unless another process that may still run holds it; return whether this one now holds it.

        A claim whose holder runs on another machine is taken over once its heartbeat has been stale between calls of
        this method. Raises UserError as `sole_writer`.
        """
        me, latest = ProcessIdentity.current(), _latest(self._folder)
        # A file that is gone was released a moment ago: a higher number could meet a new first one.
        if latest is not None and not (self._waiter.is_free(latest, me) and latest.exists()):
            return False
        _make(self._folder)
        with contextlib.suppress(FileNotFoundError):  # the folder was removed with the claim of another process
            lock = _create(self._folder, 1 if latest is None else _number(latest) + 1, me)
            if lock is not None:
                self._held.callback(_remove, lock)
                self._held.enter_context(_heartbeat(lock, self._waiter.timing.heartbeat, _go_on_without_lock))
                return True
        return False

    def do_once(
        self, is_done: Callable[[], bool], make: Callable[[], _T], before_wait: Callable[[], None] = lambda: None
    ) -> _T | None:
        """Return the result of `make`; None if the work was done before, or by another process, which is waited for.

        `before_wait` is called before each wait: it may raise an exception.
        """
        while not is_done():
            if self.take():
                try:
                    # A process that has just released the claim has done the work before.
                    return None if is_done() else make()
                finally:
                    self.release()
            before_wait()
            time.sleep(POLL_SECONDS)
        return None

    def release(self) -> None:
        """Release the claim, if it is held."""
        self._held.close()


def unreleased(folder: Path) -> list[Path]:
    """Return the folders below `folder` whose locks have a holder, which may have ended, sorted.

    Raises UserError for a lock file that is not valid, and for a folder that cannot be read.
    """
    folders = {path.parent for path in files_below(folder) if _NUMBERED.fullmatch(path.name)}
    return sorted(one for one in folders if (latest := _latest(one)) is not None and _read(latest) is not None)


def _acquire(folder: Path, timing: LockTiming) -> Path:
    me, waiter = ProcessIdentity.current(), _Waiter(timing)
    _make(folder)
    while True:
        latest = _latest(folder)
        if latest is None or waiter.is_free(latest, me):
            lock = _create(folder, 1 if latest is None else _number(latest) + 1, me)
            if lock is not None:
                return lock
        else:
            time.sleep(timing.poll)


def _make(folder: Path) -> None:
    try:
        # `Path.mkdir` alone fails if another process removes the folder just after it was found.
        while not folder.is_dir():
            with contextlib.suppress(FileExistsError):
                folder.mkdir(parents=True)
            if folder.exists() and not folder.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    except OSError as error:
        raise UserError(
            f"{folder}: this folder of a lock cannot be made: {error.strerror}; change its permissions, or choose "
            "another folder for results and state in config.yaml or --config"
        ) from error


class _Waiter:
    """What a waiting process has observed of the holder."""

    def __init__(self, timing: LockTiming, doing: str = "writes the same outputs: waiting for it") -> None:
        """`doing` is what the log says about the holder."""
        self.timing, self._doing = timing, doing
        self.start = time.monotonic()
        self.announced: ProcessIdentity | None = None
        """The holder that the log names already."""
        self.seen: tuple[Path, int] | None = None
        """The lock file and its last heartbeat, and when that was first seen."""
        self.since = self.start
        self.heartbeat_moved = False

    def is_free(self, lock: Path, me: ProcessIdentity) -> bool:
        """Whether the lock may be taken over; raises UserError when it may not and the wait is over."""
        holder = _read(lock)
        if holder is None:
            return True
        running = holder.is_running(me)
        if running is None:
            running = self._has_heartbeat(lock)
        if running is False:
            _LOGGER.warning("%s: the lock's holder, %s, has ended: taking over", lock.parent, holder)
            return True
        if holder != self.announced and self.timing.wait:
            self.announced = holder
            _LOGGER.warning("%s: %s %s", lock.parent, holder, self._doing)
        # As long as nothing is known about the holder, only its heartbeat, or a missing heartbeat, ends the wait.
        if running and time.monotonic() - self.start >= self.timing.wait:
            stop = f"scancel {holder.job}" if holder.job else f"kill {holder.pid} on {holder.host}"
            still = f", and still did after {self.timing.wait:.0f} s" if self.timing.wait else ""
            raise UserError(
                f"{lock.parent}: {holder} writes the same outputs{still}; "
                f"expected one writer. Let it finish, or stop it ({stop}), then start again. If it has ended, start "
                "again as well: its lock is taken over, at once on its machine and under SLURM, elsewhere after "
                f"{self.timing.stale:.0f} s without a sign of life"
            )
        return False

    def _has_heartbeat(self, lock: Path) -> bool | None:
        """Whether the heartbeat has moved, by this machine's clock only; None: not yet, but it is not stale either."""
        now, beat = time.monotonic(), _last_heartbeat(lock)
        if self.seen is None or self.seen[0] != lock:
            self.seen, self.since, self.heartbeat_moved = (lock, beat), now, False
        elif self.seen[1] != beat:
            self.seen, self.since, self.heartbeat_moved = (lock, beat), now, True
        if now - self.since >= self.timing.stale:
            return False
        return True if self.heartbeat_moved else None


def _create(folder: Path, number: int, me: ProcessIdentity) -> Path | None:
    """Create the lock file of a number; None if another process was faster."""
    lock = folder / f"{number:06}.json"
    temporary = folder / f".{uuid.uuid4().hex}"
    try:
        _write(temporary, me)
        try:
            os.link(temporary, lock)
        except FileExistsError:
            # On NFS the reply to a successful link can be lost; the link count shows it.
            if temporary.stat().st_nlink != 2:
                return None
        except OSError as error:
            raise UserError(
                f"{folder}: a hard link cannot be made here: {error.strerror}; put `state` and `results` of "
                "config.yaml on a file system with hard links, such as NFS, Lustre or any local Linux one"
            ) from error
    finally:
        temporary.unlink(missing_ok=True)
    # A process that listed the folder long ago may create a number whose successors were deleted, but not the latest.
    if _latest(folder) != lock:
        lock.unlink(missing_ok=True)  # the next writer removes lower numbers as well
        return None
    for former in _lock_files(folder):
        if _number(former) < number:
            former.unlink(missing_ok=True)
    return lock


@contextlib.contextmanager
def _heartbeat(lock: Path, seconds: float, lost: Callable[[Path], None] | None = None) -> Iterator[None]:
    """Touch the lock file from a thread, which calls `lost` and ends if another process has taken over the lock.

    By default, this process exits then.
    """
    lost = _exit_without_lock if lost is None else lost
    end = threading.Event()

    def beat() -> None:
        while not end.wait(seconds):
            if _latest(lock.parent) != lock:
                return lost(lock)
            os.utime(lock)

    thread = threading.Thread(target=_retrying(beat, partial(lost, lock), lock), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def _retrying(beat: Callable[[], None], lost: Callable[[], None], lock: Path) -> Callable[[], None]:
    """Repeat heartbeats after file errors: if the thread ended, others would take the process for ended."""

    def run() -> None:
        while True:
            try:
                return beat()
            except FileNotFoundError:
                return lost()
            except OSError as error:
                _LOGGER.warning("%s: no heartbeat: %s; trying again", lock, error)

    return run


def _exit_without_lock(lock: Path) -> None:
    sys.stderr.write(
        f"error: {lock}: another process took over the lock, because this one seemed to have ended; exiting\n"
    )
    sys.stderr.flush()
    # At once: the main thread may be about to rename an output.
    os._exit(LOCK_LOST)


def _go_on_without_lock(lock: Path) -> None:
    _LOGGER.warning("%s: another process took over this claim, because this one seemed to have ended", lock.parent)


def _remove(lock: Path) -> None:
    """Remove the lock file of a claim, and its folder unless another process uses it."""
    with contextlib.suppress(OSError):
        lock.unlink(missing_ok=True)
        lock.parent.rmdir()


def _release(lock: Path) -> None:
    """Mark the lock as released by emptying its file: numbers only grow, and it works on a full disk."""
    with contextlib.suppress(FileNotFoundError):  # taken over a moment ago
        os.truncate(lock, 0)


def _write(path: Path, holder: ProcessIdentity) -> None:
    with path.open("w", encoding="utf-8") as stream:
        json.dump(asdict(holder), stream)
        stream.flush()
        os.fsync(stream.fileno())


def _read(lock: Path) -> ProcessIdentity | None:
    """Return the holder; None if the lock was released, or taken over a moment ago."""
    try:
        if not lock.is_file() and (lock.exists() or lock.is_symlink()):
            raise ValueError("it is not a file")
        with lock.open("rb") as stream:
            content = stream.read(_LARGEST)
        return ProcessIdentity.of_json(json.loads(content)) if content else None
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{lock}: not a valid lock file ({error}); if no job writes these outputs, delete the file"
        ) from error


def _last_heartbeat(lock: Path) -> int:
    """Modification time in ns; 0 if the file is gone. The file is opened first, so that NFS asks the server."""
    try:
        with lock.open("rb") as stream:
            return os.fstat(stream.fileno()).st_mtime_ns
    except FileNotFoundError:
        return 0


def _latest(folder: Path) -> Path | None:
    return max(_lock_files(folder), key=_number, default=None)


def _lock_files(folder: Path) -> list[Path]:
    # Not `glob`, which fails if another process removes the folder while it looks.
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    return [folder / name for name in names if _NUMBERED.fullmatch(name)]


def _number(lock: Path) -> int:
    return int(lock.stem)
