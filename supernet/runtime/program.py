"""Runs programs: exit codes, error messages, provenance records, log files."""

import contextlib
import io
import logging
import os
import select
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn, TextIO

from supernet.errors import UserError
from supernet.io.full_disk import HINT, is_full
from supernet.provenance.recorder import Recorder, recording
from supernet.runtime.startup import freeze_imports

USER_ERROR = 2
"""Exit code after a UserError; argparse uses the same for a wrong argument."""
INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 + SIGINT, the convention of shells."""
CLOSED_PIPE = 141
"""Exit code after a pipe was closed: 128 + SIGPIPE, the convention of shells."""
_FORMAT = "%(asctime)s %(levelname)s %(message)s"


def run(main: Callable[[Sequence[str]], None], arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a program on arguments (default: the command line's) and exit: 0, 2 after a UserError, 130 after Ctrl-C.

    A UserError is printed to stderr as `error: …`, without a traceback. Any other exception is a bug: it keeps its
    traceback and Python's exit code 1. The files that the program reads and writes are recorded
    (`supernet.provenance.recorder`). Output is that of `plain_output`.
    """
    freeze_imports()
    with plain_output():
        _run(main, sys.argv[1:] if arguments is None else arguments)
    sys.exit(0)


def _run(main: Callable[[Sequence[str]], None], arguments: Sequence[str]) -> None:
    try:
        with _recorded(main):
            main(arguments)
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(USER_ERROR)
    except OSError as error:
        if not is_full(error):
            raise
        # A log, progress or lock file; for results, `publish` names the file in a UserError.
        where = "" if error.filename is None else f"{error.filename}: "
        sys.stderr.write(f"error: {where}{error.strerror}; {HINT}\n")
        sys.exit(USER_ERROR)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(INTERRUPTED)


@contextlib.contextmanager
def plain_output() -> Iterator[None]:
    """Print to any terminal and any pipe: characters that it cannot show become `?`, and a closed pipe ends quietly.

    A program whose reader has gone, as in `supernet plan | head`, exits with `CLOSED_PIPE` and without a traceback.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        try:
            yield
        finally:
            # Otherwise Python would flush when it ends, and report the closed pipe itself.
            sys.stdout.flush()
    except BrokenPipeError:
        if not _reader_has_gone():
            raise  # another pipe or socket
        # Python flushes once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(CLOSED_PIPE)


def _reader_has_gone() -> bool:
    """Return whether standard output is a pipe without a reader; a second write would only tell if it is buffered."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), select.POLLOUT)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def _recorded(main: Callable[[Sequence[str]], None]) -> contextlib.AbstractContextManager[None]:
    """Record files that are read and written, under the name of the file that defines `main`, however it is started.

    Code without a file (`python -c`) has no name and is not recorded.
    """
    file = getattr(sys.modules[main.__module__], "__file__", None)
    return contextlib.nullcontext() if file is None else recording(Recorder(Path(file)))


@contextlib.contextmanager
def open_log(path: Path | str | None, *, append: bool = False) -> Iterator[None]:
    """Redirect stdout, warnings and `supernet` log records (INFO and above) to a file; without a path, to stdout.

    Errors are written to the file as well and then raised, so that `run` also prints them to stderr, which is never
    redirected. Output of child processes is not captured. With `append`, the file keeps the log of earlier runs.
    Raises UserError if the file cannot be opened.
    """
    if path is None:
        with _logging_to(sys.stdout):
            yield
        return
    with _opened(Path(path), append) as stream, contextlib.redirect_stdout(stream), _logging_to(stream):
        try:
            yield
        except UserError as error:
            stream.write(f"error: {error}\n")
            raise
        except BaseException:
            traceback.print_exc(file=stream)
            raise


@contextlib.contextmanager
def _opened(path: Path, append: bool) -> Iterator[TextIO]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Line-buffered: the last lines are kept if the job is killed.
        stream = path.open("a" if append else "w", buffering=1, encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"{path}: this log file cannot be written: {error.strerror}; choose another with --log"
        ) from error
    with stream:
        yield stream


@contextlib.contextmanager
def _logging_to(stream: TextIO) -> Iterator[None]:
    """Write records of the logger `supernet` and its children, and warnings of all modules; no other records."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter(_FORMAT, datefmt="%Y-%m-%d %H:%M:%S"))
    ours, warnings = logging.getLogger("supernet"), logging.getLogger("py.warnings")
    level, propagate = ours.level, ours.propagate
    ours.setLevel(logging.INFO)
    ours.propagate = False
    for logger in (ours, warnings):
        logger.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        for logger in (ours, warnings):
            logger.removeHandler(handler)
        ours.setLevel(level)
        ours.propagate = propagate
