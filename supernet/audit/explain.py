"""Explanation of a result, or of rows of it, in sentences: runs, settings, code, machines, hours and downloads."""

import os
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from supernet.audit.file_status import FileStatus, State
from supernet.audit.lineage import Job, Node, format_duration, jobs, lineage, read_object
from supernet.audit.printable import printable
from supernet.audit.rows import Selection, cell
from supernet.config.artifacts import (
    RunFolder,
    is_part,
    is_stored,
    is_stored_supernet,
    run_name,
    shared_folder,
)
from supernet.provenance.folders import Folders
from supernet.provenance.record import inputs_digest

ROWS = 5
"""Number of rows and of inputs that are printed; further ones are counted."""
WIDTH = 110
_TRAINING = "scripts/train.py"
_PACKAGES = ("torch", "numpy", "pandas", "scipy", "matplotlib")
_STAGES = {
    "scripts/truth.py": "stand-alone trainings",
    "scripts/proxies.py": "zero-cost proxies",
    "scripts/train.py": "super-nets",
    "scripts/score.py": "scores",
    "scripts/search.py": "random searches",
    "scripts/systems.py": "search systems",
    "scripts/landscape.py": "loss landscapes",
    "scripts/features.py": "batch-norm statistics",
    "scripts/standalone.py": "stand-alone networks with swept values",
}
"""Programs that take long, in the order in which they run."""


@dataclass(frozen=True)
class Section:
    """A heading with sentences below it."""

    title: str
    lines: tuple[str, ...]


def explanation(
    status: FileStatus,
    folders: Folders,
    selection: Selection | None,
    is_left_out: Callable[[str], bool] = lambda path: False,
) -> list[Section]:
    """Return sections about a result: its current status and its lineage, or the lineage of selected rows.

    `is_left_out` is as for `lineage`.
    """
    nodes = lineage(status.path, folders, is_left_out)
    found = jobs(nodes)
    target = nodes[status.path]
    trained = [_where_trained(job, found) for job in found if _is_training(job)]
    if selection is not None:
        trained = [job for job in trained if selection.may_use(*_run(job))]
    sections = [
        Section("Status", (_status(status),)),
        Section("The numbers", tuple(_numbers(selection))),
        Section("How it was made", tuple(_made(target, found))),
        Section("Super-nets it depends on", tuple(_runs(trained))),
        Section("Their baselines", tuple(_baselines(trained))),
        Section("Shared with other studies", tuple(_shared(nodes, found))),
        Section("How long it took", tuple(_hours(found, trained, selection))),
        Section("Code and packages", tuple(_code(found))),
        Section("Downloads", tuple(_downloads(nodes))),
        Section("Unknown", tuple(_gaps(nodes))),
        Section("Digests", tuple(_digests(target))),
    ]
    return [section for section in sections if section.lines]


def text(sections: Iterable[Section]) -> str:
    """Return sections as text to print."""
    return "\n\n".join("\n".join([one.title, *map(_wrapped, one.lines)]) for one in sections)


def _wrapped(line: str) -> str:
    # Paths are not broken, so that they can be copied to a command line.
    return textwrap.fill(
        printable(line),
        WIDTH,
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _status(status: FileStatus) -> str:
    if status.state is State.INTACT:
        return "Intact: files are as recorded, back to the downloads; code, environment and study have not changed."
    meaning = (
        "files are as recorded, but something has changed since" if status.state is State.STALE else "do not trust it"
    )
    return f"{status.state.name.capitalize()}: {meaning}. {status.cause}."


def _numbers(selection: Selection | None) -> Iterable[str]:
    if selection is None:
        return
    shown = selection.rows.drop(columns="setting") if "name" in selection.rows else selection.rows
    for row in shown.head(ROWS).to_dict("records"):
        yield ", ".join(f"{name} {_shown(value)}" for name, value in row.items() if not pd.isna(value))
    if len(shown) > ROWS:
        yield f"… and {len(shown) - ROWS} more rows."


def _made(target: Node, found: Sequence[Job]) -> Iterable[str]:
    if target.record is None:
        return
    (job,) = (one for one in found if target.path in one.files)
    ran = job.circumstances
    when, how_long = _time(ran["ended"]), format_duration(job.seconds)
    yield f"{job.program} wrote it at {when} on {ran['host']}, in {how_long}, from {_commit(ran)}."
    if isinstance(job.config, dict) and (choice := job.config.get("table") or job.config.get("figure")):
        study = job.config.get("study")
        name = study.get("study") if isinstance(study, dict) else study
        yield f"It made {choice!r} of study {name!r}."
    direct = ", ".join(sorted(target.inputs)[:ROWS])
    more = f" and {len(target.inputs) - ROWS} more" if len(target.inputs) > ROWS else ""
    yield f"It read {direct}{more}." if target.inputs else "It read no files."


def _runs(trained: Sequence[Job]) -> Iterable[str]:
    """Yield one line per space and setting."""
    settings: dict[tuple[str, str], list[Job]] = {}
    for job in trained:
        space, setting, _ = _run(job)
        settings.setdefault((space, setting), []).append(job)
    for (space, setting), group in sorted(settings.items()):
        seeds = sorted((_run(job)[2] for job in group), key=int)
        outcomes = ", ".join(dict.fromkeys(_outcome(job) for job in group))
        yield f"{space}, {setting}: seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}; {outcomes}; {_place(group)}."


def _outcome(job: Job) -> str:
    summary = next((path for path in job.files if path == RunFolder(os.path.dirname(path)).summary), None)
    if summary is None:
        return f"{job.config['setting']['epochs']} epochs"
    run = read_object(summary, "status", "diverged_at", "steps", "images")
    end = "" if run["status"] == "complete" else f", diverged at step {run['diverged_at']}"
    return f"{run['steps']} steps, {run['images']} images{end}"


def _place(group: Sequence[Job]) -> str:
    """Return how long these jobs took in total, and where they ran."""
    machines = dict.fromkeys(_machine(job) for job in group)
    return f"{format_duration(sum(job.seconds for job in group))} on {' and '.join(machines)}"


def _machine(job: Job) -> str:
    host, timing = job.circumstances["host"], job.timing
    threads = f", {timing['threads']} thread{'s' * (timing['threads'] != 1)}" if "threads" in timing else ""
    slurm = job.circumstances["environment"].get("SLURM_JOB_ID")
    return f"{host} ({timing.get('device', 'cpu')}{threads}{f', SLURM job {slurm}' if slurm else ''})"


def _baselines(trained: Sequence[Job]) -> Iterable[str]:
    """Yield the values of all factors at the baseline of each space; settings change one of them."""
    seen: dict[str, str] = {}
    for job in trained:
        space, setting, _ = _run(job)
        values = ", ".join(f"{name} {value}" for name, value in job.config["setting"].items())
        if setting == "baseline":
            seen[space] = f"{space}: {values}."
        else:
            seen.setdefault(space, f"{space}, values of setting {setting}, the only one that was read: {values}.")
    yield from (seen[space] for space in sorted(seen))


def _shared(nodes: Mapping[str, Node], found: Sequence[Job]) -> Iterable[str]:
    """Yield one line per recipe of ground truth, and per space of super-nets, that it has from the store."""
    others = {path for job in found if all(map(is_stored, job.files)) for path in job.files}
    folders: dict[tuple[str, str], list[str]] = {}
    for path in sorted(nodes):
        if is_part(path):
            folders.setdefault((os.path.dirname(path), "stand-alone training"), []).append(path)
        elif is_stored_supernet(path) and path == RunFolder(os.path.dirname(path)).summary:
            folders.setdefault((os.path.dirname(shared_folder(path)), "super-net"), []).append(path)
    for (folder, kind), paths in folders.items():
        count = sum(path in others for path in paths)
        named = f"{len(paths)} {kind}{'s' * (len(paths) > 1)}"
        yield f"{folder}: {named}, {count} from before its jobs ran."


def _shown(value: Any) -> str:
    """Format a value of a row: four significant digits, of which the file has all."""
    return f"{value:.4g}" if isinstance(value, float) and not value.is_integer() else cell(value)


def _hours(found: Sequence[Job], trained: Sequence[Job], selection: Selection | None) -> Iterable[str]:
    for program, stage in _STAGES.items():
        group = [job for job in found if job.program == program]
        if group:
            own = f", of which {format_duration(sum(job.seconds for job in trained))}" if program == _TRAINING else ""
            chosen = own if selection is not None else ""
            yield f"{stage}: {len(group)} job{'s' * (len(group) > 1)}, {_place(group)}{chosen}."
    if found:
        first = min(job.circumstances["started"] for job in found)
        last = max(job.circumstances["ended"] for job in found)
        total = format_duration(sum(job.seconds for job in found))
        yield f"{len(found)} jobs, {total} in total, from {_time(first)} to {_time(last)}."


def _code(found: Sequence[Job]) -> Iterable[str]:
    if not found:
        return
    commits = "; ".join(dict.fromkeys(_commit(job.circumstances) for job in found))
    yield f"{commits[:1].upper()}{commits[1:]}."
    versions: dict[str, set[str]] = {}
    for job in found:
        for name, code in job.made["modules"].items():
            versions.setdefault(name, set()).add(code)
    several = sorted(name for name, codes in versions.items() if len(codes) > 1)
    same = "the same in all jobs" if not several else f"not the same in all jobs: {', '.join(several)}"
    yield f"{len(versions)} files of code, {same}."
    pythons = ", ".join(sorted({job.made["python"] for job in found}))
    packages = [f"{name} {_versions(found, name)}" for name in _PACKAGES if _versions(found, name)]
    locks = ", ".join(sorted({(job.made["lock"] or "none")[:12] for job in found}))
    yield f"Python {pythons}; {', '.join(packages)}; lock {locks}."


def _versions(found: Sequence[Job], package: str) -> str:
    return " and ".join(sorted({job.made["packages"][package] for job in found if package in job.made["packages"]}))


def _downloads(nodes: Mapping[str, Node]) -> Iterable[str]:
    downloads = [node for node in nodes.values() if node.kind == "download"]
    for node in sorted(downloads, key=lambda one: one.path):
        yield f"{node.path}, identified by its {node.pinned['algorithm']} {node.pinned['digest']}."
    if not downloads and not _gapped(nodes):
        yield "None: it was not made from any download."


def _gaps(nodes: Mapping[str, Node]) -> Iterable[str]:
    return (f"{node.path}: {node.problem}; its inputs are unknown." for node in _gapped(nodes))


def _gapped(nodes: Mapping[str, Node]) -> list[Node]:
    return [node for node in nodes.values() if node.problem]


def _digests(target: Node) -> Iterable[str]:
    if target.record is None:
        return
    yield f"{target.record['digest']}, of its record."
    if inputs := target.record["made"]["inputs"]:
        yield f"{inputs_digest(inputs)}, of its inputs; captions have the first characters."


def _is_training(job: Job) -> bool:
    """Return whether a job trained a super-net; the config in a forged record may be that of something else."""
    config = job.config if isinstance(job.config, dict) else {}
    setting, seed = config.get("setting"), config.get("seed")
    known = isinstance(config.get("space"), str) and isinstance(seed, int)
    return job.program == _TRAINING and known and isinstance(setting, dict) and "epochs" in setting


def _where_trained(job: Job, found: Sequence[Job]) -> Job:
    """Return the job of a run, with time and place of the job that trained its super-net, if it was taken over."""
    names = {one["file"] for one in job.made["inputs"]}
    trainer = next((one for one in found if one is not job and one.made["file"] in names and _trains(one)), None)
    return job if trainer is None else replace(job, circumstances=trainer.circumstances, timing=trainer.timing)


def _trains(job: Job) -> bool:
    """Return whether all files of a job are super-nets in the store."""
    return job.program == _TRAINING and all(map(is_stored_supernet, job.files))


def _run(job: Job) -> tuple[str, str, str]:
    """Return space, setting and seed of a run; only the path of its files names the setting."""
    space, seed, name = str(job.config["space"]), str(job.config["seed"]), run_name(job.files[0])
    return space, "unnamed setting" if name is None or name.space != space else name.setting, seed


def _commit(ran: Mapping[str, Any]) -> str:
    if ran["commit"] is None:
        return "no git checkout"
    return f"commit {ran['commit'][:12]}{' with uncommitted changes' if ran['dirty'] else ''}"


def _time(stamp: str) -> str:
    return f"{stamp[:10]} {stamp[11:16]} UTC"
