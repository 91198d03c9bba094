# Shared by the other rule files: the validated study, the folders, the start of programs.
import atexit
import contextlib
import os
import shlex
import signal
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, str(workflow.basedir))

from supernet.config.artifacts import run_path, search_path, system_path, truth_path
from supernet.errors import UserError
from supernet.runtime.lock import LockTiming, sole_writer
from supernet.runtime.slurm import forward_signal
from supernet.paper.catalogue import heading, section
from supernet.pipeline.files import StudyFiles
from supernet.pipeline.plan import Plan
from supernet.runtime.startup import TUNABLES


def load_plan():
    """The plan of this workflow; a mistake in a config ends Snakemake before any job, with a plain message."""
    try:
        return Plan.load(config, Path(workflow.basedir))
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None


def python():
    """The interpreter of the job: that of its conda environment, or the one that runs Snakemake."""
    methods = {str(method) for method in workflow.deployment_settings.deployment_method}
    return "python" if "conda" in methods else shlex.quote(sys.executable)


def source(path):
    """A file of this checkout as an input: relative where Snakemake runs in the checkout, as it should."""
    root = Path(workflow.basedir)
    return path if Path.cwd() == root else str(root / path)


def by_path(files):
    """The same files as plain paths, for rules with thousands of inputs.

    For a reference to another rule's output Snakemake hashes all inputs of the rule, once for each of them.
    """
    return [str(file) for file in files]


def minutes(base):
    """`runtime` of a job: more at each attempt."""
    return lambda wildcards, attempt: base * attempt


def megabytes(base):
    """`mem_mb` of a job: more at each attempt."""
    return lambda wildcards, attempt: base * attempt


def print_estimate():
    """What the study costs, after all else that a dry run prints. Whether it is one is not known while rules are read."""
    if workflow.is_main_process and workflow.dryrun:
        try:
            print(PLAN.estimate(), flush=True)
        except UserError as error:
            sys.stderr.write(f"no estimate of the super-nets: {error}\n")


def scored_pool(wildcards):
    """Return the pool that a run scores, without its ground truth."""
    return ARTIFACTS.drawn_pool(
        PLAN.pool(wildcards.space, wildcards.setting, wildcards.seed)
    )


def baseline_pool(wildcards):
    """Return the pool of the baseline run of a seed, with its ground truth."""
    return ARTIFACTS.pool(PLAN.pool(wildcards.space, "baseline", wildcards.seed))


def landmarks_of(space, setting):
    """Return the architectures of known accuracy that a setting trains with; most settings have none."""
    name = PLAN.landmarks(space, setting)
    return [] if name is None else ARTIFACTS.pool(name)


def landmarks(wildcards):
    """Return those of the setting of a run."""
    return landmarks_of(wildcards.space, wildcards.setting)


def first_pool(wildcards):
    """Return the pool of the baseline of a space, with its ground truth."""
    return ARTIFACTS.pool(str(STUDY.main_pool(wildcards.space)))


def first_runs(wildcards):
    """Return the folders of the runs of which feature statistics are taken: the baseline comes first."""
    return [ARTIFACTS.run(*run) for run in PLAN.first_runs(wildcards.space)]


def shown(path, name):
    """A table or figure that `snakemake --report` shows, with the caption that stands beside it."""
    table = path.endswith(".html")
    return report(
        path,
        caption="../report/table.rst" if table else "../report/figure.rst",
        category="Tables" if table else "Figures",
        subcategory=section(name),
        labels={"table" if table else "figure": heading(name)},
    )


def lock_study():
    """Lock the study's results against a Snakemake in another folder or on another machine, until this one ends."""
    try:
        STUDY_LOCK.enter_context(
            sole_writer(Path(PLAN.state, "locks", "workflow"), LockTiming(wait=0))
        )
    except UserError as error:
        raise WorkflowError(str(error)) from None
    atexit.register(STUDY_LOCK.close)


def in_slurm_step():
    """Whether this Snakemake runs inside a step of a SLURM job, as the parent of the job's program."""
    return workflow.remote_exec and "SLURM_STEP_ID" in os.environ


# Before it kills a job (preemption, scancel), SLURM signals only Snakemake, which waits for the job's program.
if in_slurm_step():
    forward_signal(signal.SIGTERM)

STUDY_LOCK = contextlib.ExitStack()
PLAN = load_plan()
atexit.register(print_estimate)
STUDY = PLAN.study
ARTIFACTS = PLAN.artifacts
FILES = StudyFiles(PLAN)


# Long jobs and inputs of other jobs come before short jobs, which fill all cores at the end. Inputs of long jobs come
# first. No job has a lower priority than a job that needs it.
AT_ONCE, FIRST, SOON, EARLY = 4, 3, 2, 1


wildcard_constraints:
    space="|".join(STUDY.spaces),
    setting="[^/]+",
    seed=r"\d+",
    shard=r"\d+",
    part=r"\d+",
    pool="|".join(PLAN.pools),


# Folders and devices are not in `params`: another one must not make results again. Programs import the package from this
# checkout, in any working directory of Snakemake.
LIMIT = 'echo "--limit-minutes $1"' if workflow.remote_exec else ":"
PREFIX = (
    "set -euo pipefail; "
    f"export PYTHONPATH={shlex.quote(str(workflow.basedir))}; "
    f"export GLIBC_TUNABLES=${{GLIBC_TUNABLES:+$GLIBC_TUNABLES:}}{TUNABLES}; "
    f"STATE={shlex.quote(PLAN.state)}; "
    f"DEVICE={PLAN.config.device}; CHECKPOINT_SECONDS={PLAN.config.checkpoint_seconds}; "
    # False does not change the environment variable.
    f"{'export SUPERNET_REFERENCE_KERNELS=1; ' if PLAN.config.reference_kernels else ''}"
    # A cluster enforces `runtime`, and programs stop before it; a local job has no limit.
    f"limit() {{ {LIMIT}; }}; "
    # exec replaces the shell: SLURM's signals would end a shell first, and SLURM then kills its children.
    f'program() {{ exec {python()} -P -m supernet.runtime.start "$PYTHONPATH/scripts/$1.py" "${{@:2}}"; }}; '
)
# Not on the command line, which Snakemake logs after a failure and `ps` shows: the address may contain a password.
os.environ.update(SUPERNET_MIRROR=PLAN.mirror)
shell.prefix(PREFIX.replace("{", "{{").replace("}", "}}"))


# Snakemake's lock covers only its working directory, and results can be elsewhere.
onstart:
    lock_study()
