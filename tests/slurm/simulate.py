"""Measure how many jobs per hour Snakemake and SLURM handle, with trainings that do nothing, on the test cluster.

With `--no-startups`, jobs write their files without starting Snakemake, so the rate is that of the controlling
Snakemake.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "helpers"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import yaml
from checkouts import copy_checkout
from cluster import Shape, Unavailable, cluster
from controller import environment

from benchmarks.harness.dag import SEEDS, study
from supernet.config.study import load_study

OUTPUTS = ("curve.parquet", "weights.safetensors", "run.json", "timing.json")
# Replaces scripts/train.py: writes the declared outputs at once, without torch.
STUB = """import sys
from pathlib import Path
words = sys.argv[1:]
for name in ("--curve", "--weights", "--summary", "--timing", "--log"):
    Path(words[words.index(name) + 1]).write_text("stub")
"""
# Replaces sbatch: calls the real one with a command that makes the outputs of the job.
SBATCH = """#!{python}
import os, re, shlex, sys
words = sys.argv[1:]
wrap = next(word for word in words if word.startswith("--wrap="))
space, setting, seed = re.search(r"train:space=(.*?),setting=(.*?),seed=(\\d+)", wrap).groups()
run = f"{{space}}/{{setting}}/seed{{seed}}"
files = [f"results/simulation/runs/{{run}}/{{name}}" for name in {outputs}]
files.append(f"results/simulation/benchmarks/train/{{run}}.tsv")
folders = sorted({{os.path.dirname(file) for file in files}})
words[words.index(wrap)] = f"--wrap=mkdir -p {{shlex.join(folders)}} && touch {{shlex.join(files)}}"
os.execv("{real}", ["{real}", *words])
"""


def stubbed(folder: Path, runs: int, startups: bool) -> tuple[Path, dict[str, str]]:
    """Return a copy of the checkout with stubs, and its environment."""
    clone = copy_checkout(folder / "clone")
    (clone / "simulation.yaml").write_text(yaml.safe_dump(study(runs)))
    (clone / "scripts" / "train.py").write_text(STUB)
    variables = environment()
    if not startups:
        shim = folder / "bin" / "sbatch"
        shim.parent.mkdir()
        shim.write_text(SBATCH.format(python=sys.executable, outputs=OUTPUTS, real=shutil.which("sbatch")))
        shim.chmod(0o755)
        variables["PATH"] = f"{shim.parent}:{variables['PATH']}"
    return clone, variables


def simulate(clone: Path, variables: dict[str, str], options: list[str]) -> dict[str, float]:
    """Run the simulation; returns seconds, processor seconds and memory (MB) of the controlling Snakemake."""
    targets = [
        f"results/simulation/runs/{space}/{setting}/seed{seed}/run.json"
        for space, setting, seed in load_study(clone / "simulation.yaml").runs()
    ]
    command = [sys.executable, "-m", "snakemake", "--profile", "slurm", *targets, *options]
    command += ["--config", "study=simulation.yaml"]
    prepared = [sys.executable, "-m", "snakemake", "--cores", "1", "resources/data/digits.safetensors"]
    prepared += ["results/simulation/drawn/nasbench201.parquet", "--config", "study=simulation.yaml"]
    subprocess.run(prepared, cwd=clone, env=variables, check=True, capture_output=True)
    start, before = time.monotonic(), processor_seconds()
    with (clone / "snakemake.out").open("w") as log:
        subprocess.run(command, cwd=clone, env=variables, stdout=log, stderr=log, check=True)
    seconds = time.monotonic() - start
    return {
        "runs": len(targets),
        "seconds": round(seconds, 1),
        "jobs_per_hour": round(3600 * len(targets) / seconds),
        "controller_cpu_seconds": round(processor_seconds() - before, 1),
        "controller_megabytes": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
    }


def processor_seconds() -> float:
    """Return the processor seconds of ended child processes; jobs are children of SLURM's daemons and not included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500, help=f"a multiple of {SEEDS} (default: %(default)s)")
    parser.add_argument("--cpus", type=int, default=4, help="CPUs that each of both nodes claims to have")
    parser.add_argument("--no-startups", action="store_true", help="jobs without a Snakemake inside")
    parser.add_argument("options", nargs="*", help="Snakemake's, behind --")
    found = parser.parse_args()
    if found.runs < SEEDS or found.runs % SEEDS:
        parser.error(f"--runs: found {found.runs}; expected a multiple of {SEEDS}")
    # The minimum: memory and GPUs are not simulated.
    fewer = ["--set-resources", "train:mem_mb=600", "--default-resources", "slurm_partition=cpu", "runtime=30"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            with cluster(folder / "cluster", Shape(found.cpus, 4000 * found.cpus)):
                clone, variables = stubbed(folder, found.runs, not found.no_startups)
                figures = simulate(clone, variables, [*fewer, *found.options])
        except Unavailable as reason:
            sys.exit(f"no test cluster here: {reason}")
        except subprocess.CalledProcessError as error:
            log = folder / "clone" / "snakemake.out"
            said = log.read_text()[-3000:] if log.exists() else error.stderr.decode()
            sys.exit(f"the simulation failed:\n{said}")
    print(json.dumps({**figures, "load": os.getloadavg()[1]}, indent=2))


if __name__ == "__main__":
    main()
