"""`config.yaml` and `--config`: the study, the folders of its files, and how its jobs run. Imports no study model."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_core import PydanticCustomError

from supernet.config.base import Model
from supernet.config.validation import read_as
from supernet.config.yamlfile import YamlFile
from supernet.download.credentials import separate
from supernet.errors import UserError

DEFAULT_STUDY = "mini"
"""The study if config.yaml names none."""
_YAML = (".yaml", ".yml")


def _safe_in_rules(value: str) -> str:
    # The report's captions are read by a directive, which ends with the line.
    control = "control characters do not fit into Snakemake's report" if not value.isprintable() else ""
    if reason := control or unsafe_in_rules(value):
        raise PydanticCustomError("folder", "{reason}: use another name", {"reason": reason})
    return value


def unsafe_in_rules(path: str) -> str:
    """Return why Snakemake's file names and report cannot hold a path; empty if they can."""
    if "{" in path or "}" in path:
        return "braces mark wildcards in Snakemake's file names"
    # Snakemake's report writes paths and params into a script element without escaping.
    return "`<` starts an element in the pages of Snakemake's report" if "<" in path else ""


def _without_password(value: str) -> str:
    if separate(value)[1]:
        raise PydanticCustomError(
            _HIDDEN,
            "put an address with a password into the environment variable SUPERNET_MIRROR, which no log shows",
        )
    return value


def _truth_value(value: Any) -> Any:
    # `--config key=true` is text to Snakemake, which knows only Python's True.
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _as_text(value: Any) -> Any:
    """Refuse a name that Snakemake reads as a number or as true or false, also where it is quoted.

    Quotes do not help: Snakemake drops them when it passes its config to the jobs of a cluster.
    """
    if (kind := read_as(str(value))) in ("a number", "true or false"):
        message = "{kind} to YAML or Snakemake: expected a name that is text, such as `study-{name}` or `./{name}`"
        raise PydanticCustomError("text", message, {"kind": f"{value} is {kind}", "name": str(value)})
    return value


def _in_home(value: str) -> str:
    """Replace `~` by the home folder, as a shell does."""
    path = os.path.expanduser(value)
    if path.startswith("~"):
        raise PydanticCustomError("folder", "found an unknown user; write the path of the home folder")
    return path


_HIDDEN = "hidden"
Folder = Annotated[
    str, Field(min_length=1), BeforeValidator(_as_text), AfterValidator(_in_home), AfterValidator(_safe_in_rules)
]
Mirror = Annotated[str, Field(min_length=1), AfterValidator(_in_home), AfterValidator(_without_password)]


class WorkflowConfig(Model):
    """`config.yaml` and `--config`: the study, the folders of its files, and how its jobs run."""

    study: Folder = Field(description="Name of a file in workflow/studies, or the path of a YAML file.")
    results: Folder = Field(default="results", description="Folder of results, with one folder per study.")
    resources: Folder = Field(default="resources", description="Folder of data sets and published tables.")
    mirror: Mirror | None = Field(
        default=None,
        description="Folder or http(s) address that is asked for downloads first; null takes the environment "
        "variable SUPERNET_MIRROR, if there is one.",
    )
    state: Folder = Field(default="state", description="Folder of training checkpoints and progress.")
    checkpoint_seconds: float = Field(default=30.0, gt=0, description="Seconds between two checkpoints of a training.")
    device: str = Field(
        default="auto",
        pattern=r"^(auto|cpu|cuda(:\d+)?)$",
        description="auto (a GPU if the job sees one), cpu, cuda or cuda:N.",
    )
    reference_kernels: Annotated[bool, BeforeValidator(_truth_value)] = Field(
        default=False,
        description="Compute with torch's own functions instead of the fast kernels of supernet/nn/fast: slower, and "
        "equal up to rounding. Finished results are not made again; the audit reports them as stale. False leaves the "
        "choice to the environment variable SUPERNET_REFERENCE_KERNELS.",
    )
    gpu_tflops: Annotated[float, Field(gt=0)] | None = Field(
        default=None,
        description="Sustained teraflop/s of a GPU, for the GPU days that a dry run then prints "
        "(supernet/pipeline/estimate.py); null prints none.",
    )

    @classmethod
    def check(cls, config: Mapping[str, Any]) -> Self:
        """Validate Snakemake's config. UserError lists all mistakes."""
        try:
            return cls.model_validate(dict(config))
        except ValidationError as error:
            raise UserError("\n".join(_finding(one) for one in error.errors())) from None

    @classmethod
    def read(cls, file: Path, given: Mapping[str, Any]) -> Self:
        """Read config.yaml, which may be missing, with values of the command line. UserError lists all mistakes."""
        authored = YamlFile.read(file).data if file.exists() else {}
        return cls.check({"study": DEFAULT_STUDY, **authored, **given})

    @property
    def study_name(self) -> str:
        """The name of the study: that of its file."""
        return Path(self.study).stem if self.study.endswith(_YAML) else self.study

    def results_of(self, study: str) -> str:
        """Return the folder of a study's results."""
        return f"{self.results}/{study}"

    def state_of(self, study: str) -> str:
        """Return the folder of a study's checkpoints and progress."""
        return f"{self.state}/{study}"


def expect_one_config(arguments: Sequence[str]) -> None:
    """Raise UserError if Snakemake's command line has `--config` twice: Snakemake would take the last one only."""
    given = [argument for argument in arguments if argument in ("--config", "-C") or argument.startswith("--config=")]
    if len(given) > 1:
        raise UserError(
            f"--config: found {len(given)} of them, of which Snakemake would take the last; write all values after "
            "one: --config study=NAME device=cpu"
        )


def study_file(name: str, root: Path) -> Path:
    """Return the file of a study, given by name or as a path; UserError lists the names."""
    if name.endswith(_YAML):
        return Path(name)
    folder = root / "workflow" / "studies"
    file = folder / f"{name}.yaml"
    # Not file.exists(), which raises an error for a name that is too long.
    if not os.path.exists(file):
        known = ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))
        raise UserError(f"config.yaml: study: found {name!r}; expected one of {known}, or the path of a YAML file")
    return file


def expect_folder(folder: Path) -> None:
    """Raise UserError if a folder cannot exist, because a file is in its place or in that of a folder around it."""
    for path in (folder, *folder.parents):
        if path.is_dir():
            return
        if os.path.lexists(path):
            raise UserError(
                f"{folder}: {path} is not a folder: move it away, or choose another folder in config.yaml or --config"
            )


def expect_writable(folder: Path) -> None:
    """Raise UserError if nothing can be written into a folder, or if it does not exist and cannot be made."""
    expect_folder(folder)
    existing = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(
            f"{folder}: {existing} is not writable for this user: change its permissions, or choose another folder in "
            "config.yaml or --config"
        )


def _finding(error: Any) -> str:
    key = ".".join(map(str, error["loc"]))
    allowed = ", ".join(WorkflowConfig.model_fields)
    reason = f"unknown key; expected one of {allowed}" if error["type"] == "extra_forbidden" else error["msg"]
    found = "" if error["type"] == _HIDDEN else f"found {error['input']!r}; "
    return f"config.yaml or --config: {key}: {found}{reason}"
