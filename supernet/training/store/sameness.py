"""Whether an earlier result was made by the code and the packages that this process would make it with."""

import os
import platform
from importlib import metadata

from supernet.provenance.closure import ROOT
from supernet.provenance.hashes import digests
from supernet.provenance.record import LOCK
from supernet.provenance.recorder import VARIABLES, code_of_process
from supernet.training.store.parts import Record


def made_otherwise(record: Record) -> str:
    """Return what differs from the process that made a recorded result, as a phrase; an empty text if nothing does.

    Only code that both processes have is compared: a training also has code that scoring does not use. Packages are
    compared without importing them, those whose distribution has the name of their module.
    """
    made = record["made"]
    code = code_of_process()
    changed = [name for name, one in made["modules"].items() if name in code and code[name].code != one]
    if changed:
        return f"made with other code of {', '.join(changed)}"
    lock = ROOT / LOCK
    if made["lock"] != (digests(lock, ["sha256"])["sha256"] if lock.exists() else None):
        return f"made with another {LOCK}"
    if made["python"] != platform.python_version():
        return f"made with Python {made['python']}"
    others = [f"{name} {version}" for name, version in made["packages"].items() if _is_other(name, version)]
    if others:
        return f"made with {', '.join(others)}"
    if made["variables"] != (now := {name: os.environ[name] for name in VARIABLES if name in os.environ}):
        return f"made with the environment variables {made['variables']}, now {now}"
    return ""


def _is_other(name: str, version: str) -> bool:
    try:
        now = metadata.version(name)
    except (metadata.PackageNotFoundError, ValueError):
        return False
    # The version of a module may have a local part (2.6.0+cpu) that its distribution lacks.
    return now not in (version, version.partition("+")[0]) and now.partition(".post")[0] != version
