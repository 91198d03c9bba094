"""Whether an earlier result was made by the code and the packages that this process would make it with."""

import os
import platform

from supernet.provenance.closure import ROOT
from supernet.provenance.hashes import digests
from supernet.provenance.installed import Installed
from supernet.provenance.record import LOCK
from supernet.provenance.recorder import VARIABLES, code_of_process
from supernet.training.store.parts import Record


def made_otherwise(record: Record) -> str:
    """Return what differs from the process that made a recorded result, as a phrase; an empty text if nothing does.

    Only code that both processes have is compared: a training also has code that scoring does not use.
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
    installed = Installed()
    if others := [f"{name} {version}" for name, version in made["packages"].items() if installed.other(name, version)]:
        return f"made with {', '.join(others)}"
    if made["variables"] != (now := {name: os.environ[name] for name in VARIABLES if name in os.environ}):
        return f"made with the environment variables {made['variables']}, now {now}"
    return ""
