"""Table of the costs of a study by space, stage and device, compared with the paper's 700 GPU days."""

from pathlib import Path

from supernet.config.artifacts import Kind
from supernet.paper import captions
from supernet.paper.costs import PAPER_GPU_DAYS, costs, total_sentence
from supernet.paper.load import Results
from supernet.paper.names import SPACE_NAMES, count, number
from supernet.paper.render import Caption, Table, write
from supernet.paper.summary import frame

INPUTS: tuple[Kind, ...] = (
    "run_timings",
    "truth_timings",
    "proxy_timings",
    "search_timings",
    "system_timings",
    "analysis_timings",
)

_ALL = "All"


def make(results: Results, out_stem: Path) -> None:
    """Write the table, with one row per space, stage and device, then the sum for each device."""
    found = costs(results)
    devices = dict.fromkeys(cost.device for cost in found)
    rows = [(SPACE_NAMES[one.space], one.space, one.stage, one.device, one.jobs, one.hours) for one in found]
    for device in devices:
        own = [one for one in found if one.device == device]
        rows.append((_ALL, "all", "sum", device, sum(one.jobs for one in own), sum(one.hours for one in own)))
    text = [
        {"Space": name, "Stage": stage, "Device": device, "Jobs": count(jobs), "Hours": number(hours, 2)}
        for name, _, stage, device, jobs, hours in rows
    ]
    numbers = [
        {"space": space, "stage": stage, "device": device, "jobs": jobs, "hours": hours}
        for _, space, stage, device, jobs, hours in rows
    ]
    table = Table(
        frame(text, ["Space", "Stage", "Device", "Jobs", "Hours"]),
        frame(numbers, ["space", "stage", "device", "jobs", "hours"]),
        Caption.of(
            "Hours of all jobs of the study that train or score networks, summed over jobs.",
            (
                captions.study_sentence(results),
                "Attempts that were stopped and resumed are included. Tables and figures are not: they take seconds.",
                f"{total_sentence(found)} {PAPER_GPU_DAYS} GPU days are {count(24 * PAPER_GPU_DAYS)} hours.",
            ),
        ),
        group="Space",
        left=frozenset({"Stage", "Device"}),
    )
    write(table, out_stem)
