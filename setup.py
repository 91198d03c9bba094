"""Adds the project's other files to a wheel: what `supernet run` needs outside a clone. Metadata: pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

FILES = (
    "Snakefile",
    "config.yaml",
    "pyproject.toml",
    "LICENSE",
    "docs/published.csv",
    "envs",
    "profiles",
    "scripts",
    "slurm",
    "workflow",
)
"""Files and folders that programs read. MANIFEST.in has the same ones, for the source distribution."""


class BuildPy(build_py):
    """Copies the files to `supernet/_project`, where `supernet.runtime.checkout` finds them."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:  # the package is in the clone
            return
        folder = Path(self.build_lib) / "supernet" / "_project"
        shutil.rmtree(folder, ignore_errors=True)
        for name in FILES:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if Path(name).is_dir():
                shutil.copytree(name, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(name, target)


setup(cmdclass={"build_py": BuildPy})
