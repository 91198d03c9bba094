"""What every program under scripts/ shares: one way to fail, one way to log."""

import contextlib
import logging
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
"""Exit code of a UserError: the same as argparse's for a wrong argument."""
INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 + SIGINT, as shells expect."""
_FORMAT = "%(asctime)s %(levelname)s %(message)s"


def run(main: Callable[[Sequence[str]], None], arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a program on arguments (default: the command line's) and exit: 0, 2 after a UserError, 130 after Ctrl-C.

    A UserError is the user's to correct: its message goes to stderr as `error: …`, without a traceback. Any
    other exception is ours: it keeps its traceback and Python's exit code 1. What the program reads and writes is
    recorded (`supernet.provenance.recorder`).
    """
    freeze_imports()
    try:
        with _recorded(main):
            main(sys.argv[1:] if arguments is None else arguments)
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(USER_ERROR)
    except OSError as error:
        if not is_full(error):
            raise
        # Not a result, which `publish` names: a log, a progress file, a claim.
        where = "" if error.filename is None else f"{error.filename}: "
        sys.stderr.write(f"error: {where}{error.strerror}; {HINT}\n")
        sys.exit(USER_ERROR)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(INTERRUPTED)
    sys.exit(0)


def _recorded(main: Callable[[Sequence[str]], None]) -> contextlib.AbstractContextManager[None]:
    """Record what is read and written; the program's name is the file that defines `main`, however it was started.

    Code that is in no file (`python -c`) has no name to record.
    """
    file = getattr(sys.modules[main.__module__], "__file__", None)
    return contextlib.nullcontext() if file is None else recording(Recorder(Path(file)))


@contextlib.contextmanager
def open_log(path: Path | str | None, *, append: bool = False) -> Iterator[None]:
    """Send stdout, warnings and `supernet` log records (INFO and up) to a file; without a path, to stdout.

    Errors are written to the file as well and then raised, so that `run` also shows them on stderr, which is
    never redirected. Output of child processes is not caught. `append` keeps what a resumed run had logged
    before. Raises UserError if the file cannot be opened.
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
        # Line-buffered: the last lines survive a job that is killed.
        stream = path.open("a" if append else "w", buffering=1, encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"{path}: this log file cannot be written: {error.strerror}; choose another with --log"
        ) from error
    with stream:
        yield stream


@contextlib.contextmanager
def _logging_to(stream: TextIO) -> Iterator[None]:
    """Records of the logger `supernet` and its children, and warnings of all modules.

    Others' chatter stays out.
    """
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
