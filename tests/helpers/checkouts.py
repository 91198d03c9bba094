"""Copies of this checkout, so that a workflow that a test runs does not lock the real one."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = (
    "Snakefile",
    "config.yaml",
    "workflow",
    "profiles",
    "scripts",
    "supernet",
    "snakemake_logger_plugin_supernet",
    "envs",
    "slurm",
    "tests/studies",
    "docs/published.csv",
)


def copy_checkout(folder: Path) -> Path:
    """Copy the parts of a clone that the workflow needs, without results, into the folder."""
    for name in CODE:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)
    return folder
