"""Programs that an executor of Snakemake calls, and whether they are installed."""

import shlex
import shutil
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from supernet.errors import UserError

_PROGRAMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        # sacct finds the account of a user who names none.
        "slurm": ("sbatch", "squeue", "scancel", "sacct"),
        "lsf": ("bsub", "bjobs", "bkill"),
    }
)
"""Programs by the name of the executor plugin; other plugins call none, or are given commands."""


def check_executor(name: str, commands: Iterable[str] = ()) -> None:
    """Raise UserError if a program is missing that an executor calls for each job.

    Args:
        name: name of the executor plugin, such as `slurm`.
        commands: the commands that the profile gives to a generic executor; the first word of each is its program.
    """
    programs = [*_PROGRAMS.get(name, ()), *(words[0] for words in map(shlex.split, commands) if words)]
    missing = [program for program in dict.fromkeys(programs) if shutil.which(program) is None]
    if missing:
        raise UserError(
            f"executor {name}: {', '.join(missing)} not found in PATH; start Snakemake where jobs are submitted (on a "
            "cluster the login node, perhaps after `module load`), or run on this machine: without --profile, with "
            "--cores N"
        )
