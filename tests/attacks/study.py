"""The finished study that is attacked: every expected file with its record, made without training."""

import json
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from attacks.attack import Outcome, Target, Verdict
from attacks.execution import CommandResult, command
from supernet.audit.expected import Expected, expected
from supernet.commands import audit
from supernet.config.artifacts import run_name
from supernet.config.jobs import truth_job
from supernet.io.atomic import publish
from supernet.pipeline.files import StudyFiles
from supernet.pipeline.plan import Plan
from supernet.pools.trainings import Training
from supernet.provenance.closure import ROOT
from supernet.provenance.recorder import Recorder, note_config, note_input, recording
from supernet.training.store.supernets import SupernetStore
from supernet.training.store.truth import StandAloneResult, TruthStore

STUDY = """\
study: one
title: One space
data: {name: digits, scoring_portion: 0.25}
pool: {size: 12}
proxies: {names: []}
scoring: {bn_modes: [batch]}
search: {architectures: 10, retrain: 2}
spaces:
  nasbench201:
    truth: {channels: 8, layers: 1, epochs: 2, train_portion: 0.75}
    baseline: {channels: 8, layers: 1, epochs: 4, train_portion: 0.75}
    seeds: [0]
    sweep: {learning_rate: [0.1]}
"""
STUDY_FILE = "one.yaml"
RESULTS = "results/one"
PARTS = "results/store/truth/nasbench201"
SUPERNETS = "results/store/supernets/nasbench201"
IMAGES = "resources/data/digits.safetensors"
PUBLISHED = "published-digest.txt"
"""Root digest of the study before the attack, as a reader finds it in a paper."""
_CODES = {Verdict.INTACT: 0, Verdict.BROKEN: 1, Verdict.REFUSED: 2, Verdict.STALE: 3, Verdict.UNEXPECTED: 4}
"""Exit codes of `supernet audit`."""


def load_plan() -> Plan:
    """Return the plan of the study in the current folder."""
    return Plan.load({"study": STUDY_FILE}, ROOT)


def make_study(content: str = "content") -> None:
    """Make the finished study in the current folder: contents are made up, the chain of records is as in a real one."""
    Path(STUDY_FILE).write_text(STUDY, encoding="utf-8")
    plan = load_plan()
    key = partial(_key, plan)
    for (job, _), files in groupby(sorted(expected(plan), key=key), key):
        made = list(files)
        with recording(Recorder(ROOT / "scripts" / job.program, ROOT)):
            note_config(made[0].config)
            for path in job.inputs:
                note_input(path)
            for stored in _stored(plan, job.program, made[0], content):
                note_input(stored)
            for one in made:
                with publish(one.path) as temporary:
                    temporary.write_text(f"{content} of {one.path}")
    Path(PUBLISHED).write_text(str(json.loads(run_audit().text)["root_digest"]), encoding="utf-8")


def _stored(plan: Plan, program: str, made: Expected, content: str) -> list[Path]:
    """Add to the store what a job takes over from it, and return the files."""
    if program == "truth.py":
        return add_parts(plan, content)
    return add_supernet(plan, made.path, content) if program == "train.py" else []


def add_supernet(plan: Plan, path: str, content: str = "content") -> list[Path]:
    """Add a made-up super-net to the store for the run of a file, and return its files."""
    name = run_name(path)
    assert name is not None, path
    with SupernetStore(Path(plan.artifacts.store), plan.study.run(*name), Path(IMAGES)).adding() as folder:
        for file in folder.training:
            with publish(file) as temporary:
                temporary.write_text(f"{content} of {file}")
    return list(map(Path, folder.training))


def add_parts(plan: Plan, content: str = "content", names: str = "ab") -> list[Path]:
    """Add made-up trainings of architectures of these names to the store, and return their parts."""
    store = TruthStore(Path(plan.artifacts.store), truth_job(plan.study, "nasbench201"), Path(IMAGES))
    trainings = [Training(name, name, 0) for name in names]
    for one in trainings:
        store.add(one, StandAloneResult(len(content) / 100, None, 10, 20, 15))
    return store.parts(trainings)


def parts() -> list[str]:
    """Return the parts in the store of the current folder, sorted."""
    return sorted(map(str, Path(PARTS).glob("*/*.parquet")))


def supernets() -> list[str]:
    """Return the weights in the store of the current folder, sorted."""
    return sorted(map(str, Path(SUPERNETS).glob("*/*/weights.safetensors")))


def judge_study() -> Outcome:
    """Audit the study as its owner does; an intact one is compared with the published root digest."""
    return judged(run_audit())


def judged(result: CommandResult) -> Outcome:
    """Return the verdict of an audit with `--json`, and its findings as `path: text`."""
    verdict = next(verdict for verdict, code in _CODES.items() if code == result.code)
    if verdict is Verdict.REFUSED:
        return Outcome(verdict, result.text)
    report = json.loads(result.text)
    if verdict is Verdict.INTACT and report["root_digest"] != Path(PUBLISHED).read_text(encoding="utf-8"):
        verdict = Verdict.OTHER_DIGEST
    found = [f"{one['path']}: {finding['text']}" for one in report["targets"] for finding in one["findings"]]
    return Outcome(verdict, "\n".join(found))


def run_audit(*arguments: str) -> CommandResult:
    """Run `supernet audit --json` on the study in the current folder, or with other arguments."""
    return command(audit.main, "--json", *(arguments or ("--study", STUDY_FILE)))


STUDY_TARGET = Target("study", make_study, judge_study)


class _Job(NamedTuple):
    """The job that makes a result. Jobs are sorted by stage: inputs first."""

    stage: int
    program: str
    inputs: tuple[str, ...]


def _job(plan: Plan, path: str) -> _Job:
    paths, files = plan.artifacts, StudyFiles(plan)
    drawn, pools = list(map(paths.drawn_pool, plan.pools)), list(map(paths.pool, plan.pools))
    truth = [paths.truth(*shard).table for shard in plan.truth_shards]
    runs = [paths.run(*run) for run in plan.runs]
    shown = [*paths.measured, *files.searches]
    jobs = {
        "data": _Job(0, "data.py", ()),
        "drawn": _Job(1, "pool.py", ()),
        "truth": _Job(2, "truth.py", (IMAGES, *drawn)),
        "pools": _Job(3, "pool_truth.py", (*drawn, *truth)),
        "runs": _Job(4, "train.py", (IMAGES,)),
        "search": _Job(6, "search.py", (IMAGES, *(run.weights for run in runs))),
        "effects.parquet": _Job(8, "effects.py", (paths.metrics,)),
        "tables": _Job(9, "table.py", tuple(shown)),
        "figures": _Job(9, "figure.py", tuple(shown)),
    }
    if any(path in run.scoring for run in runs):
        own = next(run for run in runs if path in run.scoring)
        return _Job(5, "score.py", (IMAGES, *drawn, own.weights, own.summary))
    folder = paths.resources if path.startswith(paths.resources) else paths.results
    return jobs.get(
        Path(path).relative_to(folder).parts[0], _Job(7, "metrics.py", (*pools, *(run.scores for run in runs)))
    )


def _key(plan: Plan, one: Expected) -> tuple[_Job, str]:
    return _job(plan, one.path), json.dumps(one.config)
