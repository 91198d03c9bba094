"""The list of all search systems."""

from typing import Any

from supernet.config.searches import Searches
from supernet.search.darts import FirstOrderDARTS, SecondOrderDARTS
from supernet.search.enas import ENAS
from supernet.search.fairnas import FairNAS
from supernet.search.fbnet import FBNet
from supernet.search.gaea import GAEA
from supernet.search.gdas import GDAS
from supernet.search.nao import NAO
from supernet.search.pc_darts import PCDARTS
from supernet.search.problem import Problem
from supernet.search.proxylessnas import ProxylessNAS
from supernet.search.random_nas import RandomNAS
from supernet.search.random_paths import RandomPaths
from supernet.search.robust_darts import RobustDARTS
from supernet.search.snas import SNAS
from supernet.search.spos import SPOS
from supernet.search.system import System
from supernet.search.xnas import XNAS

SYSTEMS: tuple[type[System[Any]], ...] = (
    RandomPaths,
    RandomNAS,
    SPOS,
    FairNAS,
    ENAS,
    NAO,
    FirstOrderDARTS,
    SecondOrderDARTS,
    SNAS,
    GDAS,
    FBNet,
    ProxylessNAS,
    PCDARTS,
    RobustDARTS,
    XNAS,
    GAEA,
)


def make_system(name: str, problem: Problem, searches: Searches) -> System[Any]:
    """Make the system of a name with the options of a study."""
    kind = next(system for system in SYSTEMS if system.name == name)
    return kind(problem, searches.options(name))
