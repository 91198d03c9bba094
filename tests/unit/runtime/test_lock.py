"""The lock across nodes: real processes that hold it, end, hang, and compete for it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from supernet.errors import UserError
from supernet.provenance.closure import ROOT
from supernet.runtime.lock import LOCK_LOST, Claim, LockTiming, sole_writer, sole_writer_of, unreleased
from supernet.runtime.process import ProcessIdentity

NEW = ("since", "checkout")
"""Keys that lock files of earlier versions lack."""
QUICK = LockTiming(heartbeat=0.05, stale=1.0, poll=0.02, wait=5.0)
HOLD = """
import sys, time
from pathlib import Path
from supernet.runtime.lock import LockTiming, sole_writer
with sole_writer(Path(sys.argv[1]), LockTiming(heartbeat=0.05, stale=1.0, poll=0.02, wait=30.0)):
    print("held", flush=True)
    sys.stdin.readline()
"""
COUNT = """
import sys
from pathlib import Path
from supernet.runtime.lock import LockTiming, sole_writer
folder, counter = Path(sys.argv[1]), Path(sys.argv[2])
for _ in range(int(sys.argv[3])):
    with sole_writer(folder, LockTiming(heartbeat=5.0, stale=60.0, poll=0.001, wait=60.0)):
        counter.write_text(str(int(counter.read_text()) + 1))
"""


def start(folder: Path) -> subprocess.Popen[str]:
    """Start a process that holds the lock until its standard input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = start(tmp_path)
    yield process
    process.kill()
    process.communicate()


def lock_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def holder_of(folder: Path) -> ProcessIdentity | None:
    """Return the holder in the latest lock file; None if the lock was released."""
    text = max(folder.glob("[0-9]*.json")).read_text()
    return ProcessIdentity(**json.loads(text)) if text else None


def elsewhere(folder: Path, **changes: str) -> None:
    """Make the lock's holder look like a process of another machine."""
    lock = max(folder.glob("[0-9]*.json"))
    holder = ProcessIdentity(**json.loads(lock.read_text()))
    lock.write_text(json.dumps(vars(replace(holder, host="other", machine="other boot", **changes))))


def fake_squeue(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Install a squeue that answers as SLURM 22.05 does; it fails unless it is asked about job 17."""
    folder.mkdir()
    program = folder / "squeue"
    program.write_text(f'#!/bin/sh\ncase "$*" in *--jobs=17*) ;; *) exit 9;; esac\n{script}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_without_a_folder_nothing_is_locked() -> None:
    with sole_writer(None):
        pass


def test_a_lock_file_names_this_process_and_is_released(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    with sole_writer(folder, QUICK):
        assert holder_of(folder) == ProcessIdentity.current()
        assert ProcessIdentity.current().pid == os.getpid()
    assert holder_of(folder) is None
    with sole_writer(folder, QUICK):
        assert lock_files(folder) == ["000002.json"]


def test_an_error_releases_the_lock(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), sole_writer(tmp_path, QUICK):
        raise ZeroDivisionError
    assert holder_of(tmp_path) is None


def test_a_running_holder_is_waited_for(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    second = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert second.stdin is not None and second.stdout is not None
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(0.7)
    assert len(lock_files(tmp_path)) == 1
    holder.communicate("end\n")
    assert holder.returncode == 0
    assert second.stdout.readline() == "held\n"
    second.communicate("end\n")
    assert second.returncode == 0


def test_a_wait_ends_with_an_error_that_names_the_holder(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    who = rf"process {holder.pid} on .*, since 20\d\d-.*, of the checkout {ROOT}"
    said = rf"{who} writes the same outputs.*kill {holder.pid} on"
    with pytest.raises(UserError, match=said), sole_writer(tmp_path, replace(QUICK, wait=0.1)):
        pass
    assert holder.poll() is None


def test_lock_files_of_earlier_versions_are_read(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    lock = max(tmp_path.glob("[0-9]*.json"))
    lock.write_text(json.dumps({key: one for key, one in json.loads(lock.read_text()).items() if key not in NEW}))
    with (
        pytest.raises(UserError, match=rf"process {holder.pid} on \S+ writes"),
        sole_writer(tmp_path, replace(QUICK, wait=0.0)),
    ):
        pass


def test_several_folders_are_locked_together_and_released_if_one_is_held(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    others = [tmp_path / "results", tmp_path / "state"]
    with sole_writer_of(others, QUICK):
        assert all(holder_of(folder) == ProcessIdentity.current() for folder in others)
    with pytest.raises(UserError), sole_writer_of([*others, tmp_path], replace(QUICK, wait=0.0)):
        pass
    assert all(holder_of(folder) is None for folder in others)


def test_a_stopped_process_of_this_machine_keeps_its_lock(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGSTOP)
    # Longer than `stale`: the heartbeat is stale, but /proc shows the process.
    with pytest.raises(UserError), sole_writer(tmp_path, replace(QUICK, wait=1.5)):
        pass
    holder.send_signal(signal.SIGCONT)


def test_the_lock_of_a_killed_process_is_taken_over_at_once(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()  # not collected: a zombie counts as ended
    os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
    with sole_writer(tmp_path, replace(QUICK, stale=1000.0, wait=0.0)):
        assert lock_files(tmp_path) == ["000002.json"]


@pytest.fixture
def macos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without /proc, whose sysctl knows the boot."""
    monkeypatch.setattr("supernet.io.writers._PROC", tmp_path / "proc")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "sysctl").write_text("#!/bin/sh\n[ \"$*\" = '-n kern.bootsessionuuid' ] && echo 1B2C\n")
    (programs / "sysctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.usefixtures("macos")
def test_without_proc_ps_shows_whether_a_process_runs() -> None:
    me = ProcessIdentity.current()
    assert me.machine == "1B2C" and me.is_running(me) is True
    assert replace(me, started="Mon Jan  1 00:00:00 2024").is_running(me) is False
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with child:
        shown = subprocess.run(["ps", "-o", "lstart=", "-p", str(child.pid)], capture_output=True, text=True,
                               env={**os.environ, "LC_ALL": "C"})  # fmt: skip
        other = replace(me, pid=child.pid, started=shown.stdout.strip())
        assert other.is_running(me) is True
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert other.is_running(me) is False, "a zombie counts as ended"
    assert other.is_running(me) is False


def test_without_proc_and_sysctl_only_heartbeats_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("supernet.io.writers._PROC", tmp_path / "proc")
    monkeypatch.setenv("PATH", str(tmp_path))
    me = ProcessIdentity.current()
    assert (me.machine, me.started, me.is_running(me)) == ("", "", None)


def test_a_reused_pid_is_another_process() -> None:
    me = ProcessIdentity.current()
    assert me.is_running(me) is True
    assert replace(me, started=f"{me.started}1").is_running(me) is False


def test_of_another_machine_a_heartbeat_keeps_the_lock_and_a_stale_one_does_not(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    elsewhere(tmp_path)
    with pytest.raises(UserError), sole_writer(tmp_path, replace(QUICK, wait=2.0)):
        pass
    holder.send_signal(signal.SIGSTOP)
    begin = time.monotonic()
    with sole_writer(tmp_path, QUICK):
        assert time.monotonic() - begin >= QUICK.stale
        # The former holder continues, notices the takeover, and exits without writing.
        holder.send_signal(signal.SIGCONT)
        assert holder.wait(30) == LOCK_LOST
    assert holder.stderr is not None and "took over" in holder.stderr.read()


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo RUNNING", True),
        ("echo SUSPENDED", True),
        ("echo COMPLETING", True),
        ("echo CANCELLED", False),
        ("echo TIMEOUT", False),
        ("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1", False),
        ("echo PENDING", None),
        ("echo NODE_FAIL", None),
        ("echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1", None),
    ],
)
def test_of_another_node_squeue_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, expected: bool | None
) -> None:
    fake_squeue(tmp_path / "bin", monkeypatch, script)
    me = replace(ProcessIdentity.current(), job="18", cluster="c")
    other = replace(me, host="n2", machine="another", job="17")
    assert other.is_running(me) is expected
    # This squeue does not report on the earlier run of a requeued job, nor on a job of another cluster.
    assert other.is_running(replace(me, job="17")) is None
    assert replace(other, cluster="d").is_running(me) is None


def test_the_message_about_a_slurm_job_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_squeue(tmp_path / "bin", monkeypatch, "echo RUNNING")
    folder = tmp_path / "lock"
    process = start(folder)
    elsewhere(folder, job="17")
    said = r"on other, SLURM job 17, since 20.*scancel 17"
    with pytest.raises(UserError, match=said), sole_writer(folder, replace(QUICK, wait=0.0)):
        pass
    process.kill()
    process.communicate()


def test_of_many_processes_one_at_a_time_writes(tmp_path: Path) -> None:
    counter, times = tmp_path / "counter", 25
    counter.write_text("0")
    command = [sys.executable, "-c", COUNT, str(tmp_path / "lock"), str(counter), str(times)]
    processes = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    # An update that two made at once would be lost.
    assert counter.read_text() == str(4 * times)


def test_a_late_lock_file_with_an_old_number_is_not_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that saw no lock file is slow: before it creates number 1, others have released 1 and hold 2."""
    link, others = os.link, contextlib.ExitStack()

    def late(source: Path, target: Path) -> None:
        monkeypatch.setattr(os, "link", link)
        with sole_writer(tmp_path, QUICK):
            pass
        others.enter_context(sole_writer(tmp_path, QUICK))
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    said = "writes the same outputs"
    with others:
        with pytest.raises(UserError, match=said), sole_writer(tmp_path, replace(QUICK, wait=0.0)):
            pass
        assert lock_files(tmp_path) == ["000002.json"]


def test_a_damaged_lock_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "000001.json").write_text('{"host": ')
    said = r"000001.json: not a valid lock file .*delete the file"
    with pytest.raises(UserError, match=said), sole_writer(tmp_path, QUICK):
        pass


def test_without_a_wait_a_holder_on_another_machine_is_observed_until_its_heartbeat(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    elsewhere(tmp_path)
    begin = time.monotonic()
    with pytest.raises(UserError, match="writes the same outputs"), sole_writer(tmp_path, replace(QUICK, wait=0.0)):
        pass
    assert time.monotonic() - begin < QUICK.stale
    holder.kill()
    holder.wait()
    # That machine cannot be asked: only the stale heartbeat shows it, without a wait as well.
    with sole_writer(tmp_path, replace(QUICK, wait=0.0)):
        assert lock_files(tmp_path) == ["000002.json"]


CLAIM = """
import sys
from pathlib import Path
from supernet.runtime.lock import Claim, LockTiming
claim = Claim(Path(sys.argv[1]), LockTiming(heartbeat=0.05, stale=1.0))
print(claim.take(), flush=True)
sys.stdin.readline()
claim.release()
"""
SHARE = """
import sys
from pathlib import Path
from supernet.runtime.lock import Claim
folder, done = Path(sys.argv[1]), Path(sys.argv[2])
for number in range(int(sys.argv[3])):
    claim, result = Claim(folder / str(number)), done / str(number)
    while not result.exists():
        if claim.take():
            if not result.exists():
                with result.open("x"):
                    pass
            claim.release()
"""


def test_locks_and_claims_without_a_release_are_found_below_a_folder(tmp_path: Path) -> None:
    with sole_writer(tmp_path / "released"):
        pass
    claim = Claim(tmp_path / "deeper" / "claim")
    assert claim.take()
    with sole_writer(tmp_path / "held"), claiming(tmp_path / "killed") as process:
        process.kill()
        process.wait()
        assert unreleased(tmp_path) == [tmp_path / "deeper" / "claim", tmp_path / "held", tmp_path / "killed"]
    claim.release()
    assert unreleased(tmp_path) == [tmp_path / "killed"] and unreleased(tmp_path / "missing") == []
    (tmp_path / "released" / "000002.json").write_text("{")
    with pytest.raises(UserError, match=r"000002\.json: not a valid lock file"):
        unreleased(tmp_path)


@contextlib.contextmanager
def claiming(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a claim until its standard input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", CLAIM, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "True\n"
    yield process
    process.kill()
    process.communicate()


def test_a_claim_is_taken_once_never_waited_for_and_leaves_no_files(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "claims" / "a"
    with claiming(folder) as process:
        claim = Claim(folder, QUICK)
        begin = time.monotonic()
        assert [claim.take() for _ in range(3)] == [False] * 3
        assert time.monotonic() - begin < 1
        assert caplog.text.count(f"process {process.pid} on") == 1 and "coming back to it later" in caplog.text
        process.communicate("end\n")
        assert not folder.exists()
        assert claim.take() and holder_of(folder) == ProcessIdentity.current()
    claim.release()
    claim.release()
    assert list(folder.parent.iterdir()) == []


def test_the_claim_of_a_killed_process_is_taken_over_at_once(tmp_path: Path) -> None:
    with claiming(tmp_path / "a") as process:
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        claim = Claim(tmp_path / "a")
        assert claim.take()
        claim.release()


def test_the_claim_of_another_machine_is_taken_over_when_its_heartbeat_is_stale(tmp_path: Path) -> None:
    with claiming(tmp_path / "a") as process:
        elsewhere(tmp_path / "a")
        claim = Claim(tmp_path / "a", QUICK)
        end = time.monotonic() + 1.5 * QUICK.stale
        while time.monotonic() < end:
            assert not claim.take()
            time.sleep(QUICK.poll)
        process.send_signal(signal.SIGSTOP)
        while not claim.take():
            time.sleep(QUICK.poll)
        claim.release()


def test_a_process_goes_on_if_its_claim_is_taken_over(tmp_path: Path) -> None:
    with claiming(tmp_path / "a") as process:
        os.link(tmp_path / "a" / "000001.json", tmp_path / "a" / "000002.json")
        time.sleep(0.3)
        assert process.poll() is None
        process.communicate("end\n")
        assert process.returncode == 0 and lock_files(tmp_path / "a") == ["000002.json"]


def test_competing_processes_do_each_work_once(tmp_path: Path) -> None:
    """`open("x")` fails if two processes hold the same claim."""
    done = tmp_path / "done"
    done.mkdir()
    command = [sys.executable, "-c", SHARE, str(tmp_path / "claims"), str(done), "60"]
    workers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    errors = [worker.communicate(timeout=60)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * 3, errors
    assert len(list(done.iterdir())) == 60
