"""The workflow as a module of another one: the documented example, and a deployment as snakedeploy writes it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from checkouts import ROOT, copy_checkout

EXAMPLE = Path("docs", "use", "module")
# What `snakedeploy deploy-workflow https://github.com/owner/supernet . --tag v1` writes; it also copies `config/`.
DEPLOYED = """
from snakemake.utils import min_version


min_version("6.10.0")


configfile: "config/config.yaml"


# declare https://github.com/owner/supernet as a module
module supernet:
    snakefile: 
        github("owner/supernet", path="Snakefile", tag="v1")
    config:
        config


# use all rules from https://github.com/owner/supernet
use rule * from supernet
"""


def snakemake(folder: Path, *arguments: str, **variables: str) -> str:
    """Run Snakemake, which must succeed, and return its output."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | variables
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout + result.stderr


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The folder of the example, in a copy of the checkout."""
    shutil.copytree(ROOT / EXAMPLE, copy_checkout(tmp_path / "checkout") / EXAMPLE)
    return tmp_path / "checkout" / EXAMPLE


def test_the_example_plans_all_files_and_makes_one(example: Path) -> None:
    planned = snakemake(example, "-n", "--printshellcmds")
    assert planned.count("STORE=supernet/results/store; ") > 20 and "STORE=results" not in planned
    assert re.search(r"^supernet_train +30$", planned, re.MULTILINE)
    assert re.search(r"^skips +1$", planned, re.MULTILINE)
    missing = re.findall(r"^Reason: Missing output files: ([^;\n]*)", planned, re.MULTILINE)
    assert {path.split("/")[0] for line in missing for path in line.split(", ")} == {"supernet", "skips.csv"}

    snakemake(example, "skips.csv")
    table = pd.read_csv(example / "skips.csv")
    assert len(table) == 64
    assert table["skips"].tolist() == [arch.count("skip_connect") for arch in table["arch_id"]]
    # Results, state and nothing else of the module are in its folder.
    assert {path.name for path in (example / "supernet").iterdir()} == {"results", "state"}
    assert {path.name for path in (example / "supernet" / "state" / "mini" / "locks").iterdir()} == {"workflow"}

    # Snakemake's own options, for what exists.
    assert "in a good condition" in snakemake(example, "--lint")
    snakemake(example, "--report", "report.html", "--", "skips.csv")
    assert "Weight sharing trains one super-net" in (example / "report.html").read_text(encoding="utf-8")


def test_rules_of_the_other_workflow_run_as_without_the_module(example: Path) -> None:
    with (example / "Snakefile").open("a") as file:
        file.write('\nrule other:\n    output: "other.txt"\n    shell: "env > {output}"\n')
    snakemake(example, "other.txt")
    variables = {line.split("=")[0] for line in (example / "other.txt").read_text().splitlines()}
    assert not variables & {"PYTHONPATH", "GLIBC_TUNABLES", "STATE", "DEVICE"}


def test_a_deployment_runs_the_version_that_it_names(tmp_path: Path) -> None:
    source = copy_checkout(tmp_path / "source")

    def git(*arguments: str) -> str:
        who = ("-c", "user.name=test", "-c", "user.email=test@example.org")
        return subprocess.run(["git", *who, *arguments], cwd=source, check=True, capture_output=True, text=True).stdout

    for arguments in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "-m", "v1"), ("tag", "v1")):
        git(*arguments)
    commit = git("rev-parse", "HEAD").strip()
    (source / "Snakefile").write_text("an edit after the tag\n")
    git("commit", "--quiet", "--all", "-m", "later")
    # Snakemake's clone of the repository, so that nothing is downloaded.
    cache = tmp_path / "cache"
    clone = (
        cache / "snakemake" / "snakemake" / "source-cache" / "snakemake-git-cache" / "github.com" / "owner" / "supernet"
    )
    clone.parent.mkdir(parents=True)
    git("clone", "--quiet", "--bare", str(source), str(clone))

    deployed = tmp_path / "deployed"
    (deployed / "workflow").mkdir(parents=True)
    (deployed / "workflow" / "Snakefile").write_text(DEPLOYED)
    shutil.copytree(ROOT / "config", deployed / "config")
    pool = "results/mini/drawn/nasbench201.parquet"
    snakemake(deployed, pool, XDG_CACHE_HOME=str(cache))
    record = json.loads((deployed / f"{pool}.prov.json").read_text())
    assert (record["circumstances"]["commit"], record["circumstances"]["dirty"]) == (commit, False)


def test_modules_of_two_checkouts_are_refused(example: Path) -> None:
    second = f'module second:\n    snakefile: "{ROOT}/Snakefile"\n    config: config["supernet"]\n'
    with (example / "Snakefile").open("a") as file:
        file.write(f"\n\n{second}\n\nuse rule * from second as second_*\n")
    command = [sys.executable, "-m", "snakemake", "-n", "--cores", "1", "skips.csv"]
    result = subprocess.run(command, cwd=example, capture_output=True, text=True)
    assert result.returncode == 2
    loaded = f"has already loaded the package supernet from {example.parents[2]}/supernet; expected one version"
    assert f"{ROOT}: this workflow {loaded}" in result.stderr
