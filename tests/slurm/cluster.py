"""A real SLURM cluster of two nodes on this machine: daemons of Debian's packages, stopped by process id.

Clients must find it in /etc/slurm: Snakemake's SLURM plugin removes SLURM_CONF from the environment of its job steps.
So an existing configuration is moved away and restored afterwards, and a cluster that answers is never touched.

As a program it starts a cluster to try things on, until Ctrl-C.
"""

import argparse
import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ETC = Path("/etc/slurm")
LOCK = Path("/run/lock/supernet-test-slurm")
MARK = "# A test cluster of the super-net pipeline; DIR="
SAVED = ".before-supernet-tests"
HANG = 900.0
"""Seconds after which a thing that was to happen never will. A busy machine takes ten times as long as an idle one."""
DAEMONS = ("slurmctld", "slurmd")
COMMANDS = (*DAEMONS, "munged", "sbatch", "scontrol", "squeue")


class Unavailable(Exception):  # noqa: N818 (a reason to skip, not an error)
    """The reason why no test cluster can run here."""


@dataclass(frozen=True)
class Shape:
    """The declared size of the nodes; SLURM does not check it, so a simulation can have many CPUs."""

    cpus: int = 2
    memory_mb: int = 16000


class Cluster:
    """Nodes n1 and n2; partitions `cpu` and `gpu`, and `high`, which preempts jobs of both."""

    def __init__(self, folder: Path, shape: Shape) -> None:
        self.folder, self.shape = folder, shape

    def start(self) -> None:
        """Start daemons and wait until both nodes are idle."""
        for name in ("run", "state", "log", "spool/n1", "spool/n2"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        # -c: do not restore earlier jobs; -i: do not report errors in their files.
        self._daemon("slurmctld", "-c", "-i")
        for node in ("n1", "n2"):
            self.start_node(node)
        wait(lambda: self.nodes() == {"n1": "idle", "n2": "idle"}, "both nodes idle", self.said)

    def stop(self) -> None:
        """Stop all jobs of the cluster, then the daemons, by process id."""
        jobs = [job for job in output("squeue", "--noheader", "--format=%A").split() if job]
        if jobs:
            subprocess.run(["scancel", "--signal=KILL", *jobs], check=False)
            subprocess.run(["scancel", *jobs], check=False)
            with contextlib.suppress(AssertionError):
                wait(lambda: not output("squeue", "--noheader"), "no jobs", seconds=20)
        stop_daemons(self.folder)

    def start_node(self, node: str) -> None:
        """Start the daemon of a node."""
        self._daemon("slurmd", "-N", node)

    def kill_node(self, node: str) -> None:
        """Simulate a power cut: kill the node's daemon and all processes that it started."""
        daemon = int((self.folder / "run" / f"slurmd.{node}.pid").read_text())
        for pid in [daemon, *self._processes(node)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def nodes(self) -> dict[str, str]:
        """State of each node."""
        lines = output("sinfo", "--noheader", "--Node", "--partition=cpu", "--format=%N %t").splitlines()
        return dict(line.split() for line in lines)

    def said(self) -> str:
        """Return the ends of the daemons' logs."""
        return "\n".join(f"{log.name}:\n{log.read_text(errors='replace')[-1500:]}" for log in self.logs())

    def logs(self, daemon: str = "") -> list[Path]:
        """Return the logs of all daemons, or of those with one name."""
        return sorted((self.folder / "log").glob(f"{daemon}*.log"))

    def configure(self) -> dict[str, str]:
        """Return the files of /etc/slurm by name."""
        return {
            "slurm.conf": self._slurm_conf(),
            "gres.conf": f"{MARK}{self.folder}\n{GRES}",
            "cgroup.conf": f"{MARK}{self.folder}\n{CGROUP}",
        }

    def _slurm_conf(self) -> str:
        folder, shape = self.folder, self.shape
        tracking = "proctrack/cgroup" if has_cgroups() else "proctrack/linuxproc"
        # Without cgroups SLURM ends a job that uses too much when it next looks.
        limits = (
            "TaskPlugin=task/cgroup" if has_cgroups() else "TaskPlugin=task/none\nJobAcctGatherParams=OverMemoryKill"
        )
        node = f"CPUs={shape.cpus} SocketsPerBoard=1 CoresPerSocket={shape.cpus} ThreadsPerCore=1"
        node += f" RealMemory={shape.memory_mb} Gres=gpu:a100:2"
        return f"""{MARK}{folder}
ClusterName=test
SlurmctldHost=localhost
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
# A requeued job waits until its old credential has expired: 120 s by default.
AuthInfo=cred_expire=5
ProctrackType={tracking}
{limits}
MpiDefault=none
ReturnToService=2
SlurmctldPort=16817
SlurmdPort=16818
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.%n.pid
SlurmdSpoolDir={folder}/spool/%n
StateSaveLocation={folder}/state
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.%n.log
# The nodes have what is declared here, whatever the machine has.
SlurmdParameters=config_overrides
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=0,sched_min_interval=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory,CR_LLN
GresTypes=gpu
MaxArraySize=1001
MinJobAge=3600
KillWait=5
CompleteWait=0
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
AccountingStorageType=accounting_storage/none
NodeName=n[1-2] NodeHostname=localhost Port=[17001-17002] {node} State=UNKNOWN
PartitionName=cpu Nodes=n[1-2] Default=YES DefaultTime=5 MaxTime=UNLIMITED PriorityTier=1 PreemptMode=REQUEUE
PartitionName=high Nodes=n[1-2] MaxTime=60 PriorityTier=10 PreemptMode=OFF
PartitionName=gpu Nodes=n[1-2] MaxTime=UNLIMITED PriorityTier=1 PreemptMode=REQUEUE
"""

    def _daemon(self, *command: str) -> None:
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if result.returncode:
            raise Unavailable(f"{' '.join(command)} does not start: {result.stdout}{result.stderr}\n{self.said()}")

    def _processes(self, node: str) -> list[int]:
        """Return the processes of the jobs on a node, after the daemons that supervise them."""
        jobs = output("squeue", "--noheader", f"--nodelist={node}", "--states=RUNNING", "--format=%A").split()
        tables = [output("scontrol", "listpids", job, node).splitlines()[1:] for job in jobs]
        rows = [line.split() for table in tables for line in table]
        # Only the first process of a step is a child of its slurmstepd; it has a LOCALID.
        watchers = {parent(int(row[0])) for row in rows if row[3] != "-"}
        return [pid for pid in [*watchers, *(int(row[0]) for row in rows)] if pid > 1]


GRES = """NodeName=n[1-2] Name=gpu Type=a100 File=/dev/null
NodeName=n[1-2] Name=gpu Type=a100 File=/dev/zero
"""
"""Two pretended GPUs a node, of the type that the profile asks for."""
CGROUP = """CgroupPlugin=cgroup/v1
CgroupAutomount=no
CgroupMountpoint=/sys/fs/cgroup
ConstrainRAMSpace=yes
ConstrainSwapSpace=no
ConstrainCores=no
"""


@contextlib.contextmanager
def cluster(folder: Path, shape: Shape | None = None) -> Iterator[Cluster]:
    """A running cluster with its files in `folder`; waits for that of another test. Raises Unavailable."""
    _check()
    with _alone(), _munge(), _configured(Cluster(folder, shape or Shape())) as one:
        try:
            one.start()
            yield one
        finally:
            one.stop()


def wait(condition: Callable[[], object], what: str, details: Callable[[], str] = str, seconds: float = HANG) -> None:
    """Wait until a condition holds; AssertionError with the missing condition and details otherwise."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:.0f} s: {what}\n{details()}")
        time.sleep(0.2)


def output(*command: str) -> str:
    """Return what a command prints; empty if it fails."""
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.strip()


def has_cgroups() -> bool:
    """Return whether this machine has the controllers with which SLURM limits memory."""
    return all((Path("/sys/fs/cgroup") / name).is_dir() for name in ("memory", "freezer"))


def stop_daemons(folder: Path) -> None:
    """Stop the SLURM daemons that have a log open in a folder, and wait for them; the folder may already be deleted."""
    daemons = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _is_daemon(pid, folder)]
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in daemons:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        with contextlib.suppress(AssertionError):
            wait(lambda: not any(_is_daemon(pid, folder) for pid in daemons), "end of the daemons", seconds=10)
            return


def parent(pid: int) -> int:
    """Return the parent's process id; 0 if the process has ended."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _is_daemon(pid: int, folder: Path) -> bool:
    process = Path(f"/proc/{pid}")
    try:
        # slurmd-wlm in Debian
        if not (process / "exe").readlink().name.startswith(DAEMONS):
            return False
        return any(str(file.readlink()).startswith(f"{folder}/") for file in (process / "fd").iterdir())
    except OSError:  # it has ended, or belongs to another user
        return False


def _check() -> None:
    if os.geteuid():
        raise Unavailable("only root can start SLURM's daemons")
    if missing := [name for name in COMMANDS if shutil.which(name) is None]:
        raise Unavailable(f"not installed: {', '.join(missing)} (make test-deps)")


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Allow one test cluster at a time per machine: they share ports and /etc/slurm."""
    with LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another test cluster is at work on this machine; waiting for its end", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _munge() -> Iterator[None]:
    """Start the daemon that authenticates SLURM's messages, unless one is running."""
    if _munge_answers():
        yield
        return
    folder = Path("/run/munge")
    folder.mkdir(exist_ok=True)
    shutil.chown(folder, "munge", "munge")
    folder.chmod(0o755)
    result = subprocess.run(["su", "-s", "/bin/sh", "munge", "-c", "munged"], capture_output=True, text=True)
    if result.returncode or not _munge_answers():
        raise Unavailable(f"munged does not start: {result.stdout}{result.stderr}")
    try:
        yield
    finally:
        os.kill(int((folder / "munged.pid").read_text()), signal.SIGTERM)


def _munge_answers() -> bool:
    return subprocess.run("munge -n | unmunge", shell=True, capture_output=True).returncode == 0


@contextlib.contextmanager
def _configured(one: Cluster) -> Iterator[Cluster]:
    """Put our files in /etc/slurm; remove those of a killed test first, and restore those of others afterwards."""
    ETC.mkdir(exist_ok=True)
    _clear_remains()
    # The configuration of another cluster, whose controller may run here or elsewhere.
    if (ETC / "slurm.conf").exists() and "UP" in output("scontrol", "ping"):
        raise Unavailable("this machine belongs to a SLURM cluster that answers")
    files = one.configure()
    try:
        for name, text in files.items():
            if (ETC / name).exists():
                (ETC / name).rename(ETC / f"{name}{SAVED}")
            (ETC / name).write_text(text)
        yield one
    finally:
        _restore(files)


def _clear_remains() -> None:
    """Stop the daemons of a killed test, found by the folder in its configuration, and undo its files."""
    names = [path.name for path in ETC.glob("*.conf") if path.read_text(errors="replace").startswith(MARK)]
    if "slurm.conf" in names:
        folder = Path((ETC / "slurm.conf").read_text().splitlines()[0].removeprefix(MARK))
        stop_daemons(folder)
    _restore({*names, *(path.name.removesuffix(SAVED) for path in ETC.glob(f"*{SAVED}"))})


def _restore(names: Iterable[str]) -> None:
    for name in names:
        saved = ETC / f"{name}{SAVED}"
        if saved.exists():
            saved.replace(ETC / name)
        else:
            (ETC / name).unlink(missing_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shape = Shape()
    parser.add_argument("--cpus", type=int, default=shape.cpus, help="of each node (default: %(default)s)")
    parser.add_argument("--memory", type=int, default=shape.memory_mb, help="MB of each node (default: %(default)s)")
    found = parser.parse_args()
    # As with Ctrl-C: the cluster is stopped, and /etc/slurm is restored.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with (
            contextlib.suppress(KeyboardInterrupt),
            tempfile.TemporaryDirectory(prefix="supernet-test-slurm-") as folder,
            cluster(Path(folder), Shape(found.cpus, found.memory)),
        ):
            print("Nodes n1 and n2 are up, in the partitions cpu, gpu and high. Ctrl-C stops the cluster.", flush=True)
            signal.pause()
    except Unavailable as reason:
        sys.exit(f"no test cluster here: {reason}")


if __name__ == "__main__":
    main()
