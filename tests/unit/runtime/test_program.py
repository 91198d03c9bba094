"""Exit codes, messages and logs of all programs."""

import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import pytest

from supernet.errors import UserError
from supernet.runtime import program


def exit_code(error: BaseException | None) -> int:
    def main(arguments: Sequence[str]) -> None:
        assert list(arguments) == sys.argv[1:]
        if error is not None:
            raise error

    with pytest.raises(SystemExit) as stopped:
        program.run(main)
    return int(stopped.value.code or 0)


def test_exit_codes_and_messages(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(None) == 0
    assert exit_code(UserError("a.yaml:3: epochs: found 0; expected more")) == 2
    assert capsys.readouterr().err == "error: a.yaml:3: epochs: found 0; expected more\n"
    assert exit_code(KeyboardInterrupt()) == 130


def test_our_own_mistakes_keep_their_traceback() -> None:
    def main(arguments: Sequence[str]) -> None:
        raise ZeroDivisionError(arguments)

    with pytest.raises(ZeroDivisionError):
        program.run(main)


def test_log_takes_stdout_warnings_and_our_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "logs" / "a.log"
    with program.open_log(path):
        sys.stdout.write("a line\n")
        logging.getLogger("supernet.training.trainer").info("epoch 3")
        logging.getLogger("another.library").info("chatter")
        warnings.warn("careful", stacklevel=1)
        sys.stderr.write("seen\n")
    text = path.read_text(encoding="utf-8")
    assert "a line" in text
    assert "INFO epoch 3" in text
    assert "careful" in text
    assert "chatter" not in text
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "seen\n")
    sys.stdout.write("after\n")
    assert capsys.readouterr().out == "after\n"


def test_without_a_file_records_go_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    with program.open_log(None):
        logging.getLogger("supernet.x").info("hello")
    logging.getLogger("supernet.x").info("gone")
    assert capsys.readouterr().out.endswith("INFO hello\n")


def test_errors_reach_the_log_and_the_caller(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with pytest.raises(UserError), program.open_log(path):
        raise UserError("wrong")
    assert path.read_text(encoding="utf-8") == "error: wrong\n"
    with pytest.raises(KeyError), program.open_log(path, append=True):
        raise KeyError("ours")
    text = path.read_text(encoding="utf-8")
    assert text.startswith("error: wrong\nTraceback")
    assert "KeyError: 'ours'" in text


def test_a_log_that_cannot_be_opened_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"), program.open_log(tmp_path):
        pass


def test_a_full_disk_under_a_log_is_the_users_to_correct(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(OSError) as full, open("/dev/full", "w") as log:
        log.write("line")
        log.flush()
    assert exit_code(full.value) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: No space left on device; free some space") and said.count("\n") == 1


def test_other_system_errors_are_ours() -> None:
    def main(arguments: Sequence[str]) -> None:
        raise PermissionError(13, "Permission denied")

    with pytest.raises(PermissionError):
        program.run(main)
