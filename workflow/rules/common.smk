# The validated study, the paths of its results and the start of each program, which the other rule files share.
import atexit
import contextlib
import os
import shlex
import signal
import sys
from pathlib import Path

from snakemake.logging import logger

from supernet.config.artifacts import (
    run_path,
    search_path,
    system_path,
    truth_path,
)
from supernet.errors import UserError
from supernet.provenance.clock import wait_for_clock
from supernet.runtime.executors import check_executor
from supernet.runtime.leftovers import clear_leftovers
from supernet.runtime.lock import LockTiming, sole_writer_of
from supernet.runtime.slurm import forward_signal
from supernet.paper.catalogue import heading, section
from supernet.paper.inputs import modules
from supernet.pipeline.files import StudyFiles
from supernet.pipeline.plan import Plan
from supernet.pipeline.workflow_config import expect_one_config
from supernet.provenance.closure import Closure
from supernet.provenance.folders import RESOURCES_VARIABLE, RESULTS_VARIABLE
from supernet.runtime.startup import TUNABLES


def load_plan():
    """Load the plan of this workflow; a mistake in the config ends Snakemake with its message before any job starts."""
    try:
        expect_one_config(sys.argv)
        return Plan.load(config, ROOT, located)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None


def python():
    """Return the interpreter of jobs: that of their conda environment, or the one that runs Snakemake."""
    methods = {str(method) for method in workflow.deployment_settings.deployment_method}
    return "python" if "conda" in methods else shlex.quote(sys.executable)


def source(path):
    """Return a file of the checkout as an input: a relative path if Snakemake runs this workflow in the checkout."""
    return path if Path.cwd() == ROOT == Path(workflow.basedir) else str(ROOT / path)


def located(path):
    """Return the path of a result as Snakemake uses it: with the prefix of the module, if this is a module."""
    return str(workflow.modifier.modify_path(path))


def modules_of(module):
    """Return a module and everything that it imports, as inputs."""
    return [source(path) for path in modules(CLOSURE, module)]


def minutes(base):
    """Return `runtime` of a job, which grows with each attempt."""
    return lambda wildcards, attempt: base * attempt


def megabytes(base):
    """Return `mem_mb` of a job, which grows with each attempt."""
    return lambda wildcards, attempt: base * attempt


def print_estimate():
    """Print the cost of the study at the end of a dry run; rules are parsed before Snakemake knows that it is one."""
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
    """Return the landmarks of the setting of a run."""
    return landmarks_of(wildcards.space, wildcards.setting)


def first_pool(wildcards):
    """Return the pool of the baseline of a space, with its ground truth."""
    return ARTIFACTS.pool(str(STUDY.main_pool(wildcards.space)))


def first_runs(wildcards):
    """Return the folders of the runs whose feature statistics are measured, the baseline first."""
    return [ARTIFACTS.run(*run) for run in PLAN.first_runs(wildcards.space)]


def shown(path, name):
    """Return a table or figure as an output that `snakemake --report` shows with its caption."""
    table = path.endswith(".html")
    return report(
        path,
        caption="../report/table.rst" if table else "../report/figure.rst",
        category="Tables" if table else "Figures",
        subcategory=section(name),
        labels={"table" if table else "figure": heading(name)},
    )


def lock_study():
    """Lock the study's results and state against another Snakemake in any folder, checkout or machine, until the end.

    Jobs on nodes belong to this run: they are not the main process, and never lock the study.
    """
    folders = [Path(LOCKS, "workflow"), Path(STATE, "locks", "workflow")]
    STUDY_LOCK.enter_context(sole_writer_of(folders, LockTiming(wait=0)))
    atexit.register(STUDY_LOCK.close)


def check_programs():
    """Stop before the first job if the programs are missing that its executor calls."""
    settings = workflow.executor_settings
    keys = ("submit_cmd", "status_cmd", "cancel_cmd")
    commands = [command for key in keys if (command := getattr(settings, key, None))]
    check_executor(workflow.executor_plugin.name, commands)


def wake_for_jobs_only():
    """Take away Snakemake's limit of 100 new jobs per second if jobs run on this machine and nobody chose a limit.

    With a limit, each finished job starts a timer that wakes the scheduler every second until the end (Snakemake 9.27):
    a fifth of a core after a hundred jobs.
    """
    limiter = getattr(workflow.scheduler, "job_rate_limiter", None)
    is_default = limiter is not None and (limiter.max_jobs, limiter.timespan) == (
        100,
        1,
    )
    if is_default and workflow.executor_plugin.name == "local":
        workflow.scheduler.job_rate_limiter = None


def first_inputs():
    """Return all inputs of the jobs that will run, except those that other jobs will make."""
    jobs = list(workflow.dag.needrun_jobs())
    made = {str(path) for job in jobs for path in job.output}
    return sorted({str(path) for job in jobs for path in job.input} - made)


def in_slurm_step():
    """Return whether this Snakemake runs inside a step of a SLURM job, as the parent of the job's program."""
    return workflow.remote_exec and "SLURM_STEP_ID" in os.environ


# Before it kills a job (preemption, scancel), SLURM signals only Snakemake, which waits for the job's program.
if in_slurm_step():
    forward_signal(signal.SIGTERM)

STUDY_LOCK = contextlib.ExitStack()
PLAN = load_plan()
atexit.register(print_estimate)
STUDY = PLAN.study
ARTIFACTS = PLAN.artifacts
STATE = located(PLAN.state)
LOCKS = located(ARTIFACTS.locks)
STORE = located(ARTIFACTS.store)
FILES = StudyFiles(PLAN)
CLOSURE = Closure()


# What `--logger supernet` shows; without that option the record prints nothing.
logger.info(
    "",
    extra={
        "supernet": {
            "study": STUDY.study,
            "results": located(PLAN.results),
            "state": STATE,
        }
    },
)


# Priorities: jobs that long jobs wait for start first, then long jobs; short jobs fill the cores at the end. No job has a
# lower priority than a job that needs its output.
AT_ONCE, FIRST, SOON, EARLY = 4, 3, 2, 1


wildcard_constraints:
    space="|".join(STUDY.spaces),
    setting="[^/]+",
    seed=r"\d+",
    shard=r"\d+",
    part=r"\d+",
    pool="|".join(PLAN.pools),


# The start of each program's command line. It is not `shell.prefix`, which would apply to the rules of a workflow that uses
# this one as a module. Options that do not change results are not `params`: a new folder or device must not cause
# results to be made again. Programs import the package from this checkout, whatever Snakemake's working directory is.
LIMIT = 'echo "--limit-minutes $1"' if workflow.remote_exec else ":"
START = (
    "set -euo pipefail; "
    f"export PYTHONPATH={shlex.quote(str(ROOT))}; "
    f"export GLIBC_TUNABLES=${{GLIBC_TUNABLES:+$GLIBC_TUNABLES:}}{TUNABLES}; "
    # Provenance records name files by these folders.
    f"export {RESULTS_VARIABLE}={shlex.quote(located(PLAN.config.results))}; "
    f"export {RESOURCES_VARIABLE}={shlex.quote(located(PLAN.resources))}; "
    f"STATE={shlex.quote(STATE)}; LOCKS={shlex.quote(LOCKS)}; STORE={shlex.quote(STORE)}; "
    f"STUDY_FILE={shlex.quote(str(PLAN.study_file))}; "
    f"DEVICE={PLAN.config.device}; CHECKPOINT_SECONDS={PLAN.config.checkpoint_seconds}; "
    # False does not change the environment variable.
    f"{'export SUPERNET_REFERENCE_KERNELS=1; ' if PLAN.config.reference_kernels else ''}"
    # A cluster enforces `runtime`, so programs stop before it is reached. Local jobs have no limit.
    f"limit() {{ {LIMIT}; }}; "
    # The program replaces the shell. Otherwise a signal of SLURM would end the shell first, and SLURM would kill its
    # children.
    f'program() {{ exec {python()} -P -m supernet.runtime.start "$PYTHONPATH/scripts/$1.py" "${{@:2}}"; }}; '
    "program"
)
# Snakemake formats the command, so braces of the shell are doubled.
START = START.replace("{", "{{").replace("}", "}}")
AHEAD = f"--ahead {shlex.quote(PLAN.ahead(located(ARTIFACTS.drawn_pool())))}"
AHEAD = AHEAD.replace("{", "{{").replace("}", "}}")
# The address of a mirror may hold a password, so it is not on the command line, which logs and `ps` show.
os.environ.update(SUPERNET_MIRROR=PLAN.mirror)


# Snakemake locks its working directory, but results can be elsewhere. With --no-hooks, only the jobs have locks. Snakemake
# does not run this for a module: the workflow that uses it can call `supernet.onstart()` (docs/use/module.md).
onstart:
    try:
        check_programs()
        lock_study()
        wake_for_jobs_only()
        folders = (PLAN.results, PLAN.state, PLAN.resources, ARTIFACTS.store)
        clear_leftovers(*(Path(located(folder)) for folder in folders))
        # Snakemake would delete what is made of an input from the future.
        wait_for_clock(first_inputs())
    except UserError as error:
        logger.error(str(error))
        raise SystemExit(1) from None
