"""A short calibration of this machine, for the time of a study of which nothing is finished. Does not import torch.

`supernet.training.calibration` measures in a child process. Its results are kept in the folder `state`, with the
identity of the machine, so that each machine and size of networks is measured once.
"""

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from supernet.config.jobs import standalone_job
from supernet.errors import UserError
from supernet.io.atomic import JsonError, read_json, write_json
from supernet.pipeline.estimate import TRAINING_PASS, scored_work, standalone_work
from supernet.pipeline.plan import Plan
from supernet.pipeline.speed import Key, Speed, Speeds
from supernet.runtime.kernels import VARIABLE
from supernet.runtime.machine import available_cores, gpus, processor
from supernet.runtime.startup import TUNABLES
from supernet.training.measurements import Calibration, Case, Measurement, Pass

_FORMAT = 1
_LARGEST_PASS, _LARGEST_SUM = 4e9, 3e10
"""Multiply-adds of the largest pass that is measured, and of those of all architectures; a hundred times as many on a
GPU. Larger ones are extrapolated, so that the networks of `paper` take seconds too.
"""
_MOST_ARCHITECTURES, _FEWEST_ARCHITECTURES = 12, 3
_MOST_IMAGES, _FEWEST_IMAGES = 2_000, 40
_EPOCHS = 100_000
"""Epochs of the trainings that are measured, so that their steps suffice."""


def calibrated_speeds(plan: Plan, spaces: Sequence[str], say: Callable[[str], object]) -> Speeds:
    """Return the speeds of this machine for some spaces of a study, measured now or before.

    `say` is called with a text before something is measured. Raises UserError if the child process fails.
    """
    machine = machine_of(plan)
    cases = {space: case_of(plan, space, bool(machine["gpus"])) for space in spaces}
    keys = {space: _digest(_relevant(case)) for space, case in cases.items()}
    file = Path(plan.config.state) / "speed.json"
    known = _read(file)
    own = known.setdefault(_digest(machine), {"machine": machine, "start": 0.0, "device": "", "measured": {}})
    if lacking := [space for space in spaces if keys[space] not in own["measured"]]:
        named = ", ".join(lacking)
        say(f"Measuring the speed of this machine for {named}: some seconds, once (--no-calibration leaves it out).")
        found = _calibrate(plan, [cases[space] for space in lacking])
        own |= {"start": found.start, "device": found.device}
        measured = zip(lacking, found.measurements, strict=True)
        own["measured"] |= {keys[space]: one.model_dump(mode="json") for space, one in measured}
        with contextlib.suppress(OSError):  # Without the file, the next plan measures again.
            write_json(file, {"format": _FORMAT, "machines": known}, record=False)
    by_key: dict[Key, Speed] = {}
    for space in spaces:
        by_key |= _speeds(space, Measurement.model_validate_json(json.dumps(own["measured"][keys[space]])))
    named = f"{machine['processor']['name']}, {machine['cores']} cores, torch {machine['torch']}, {own['device']}"
    return Speeds(by_key, own["start"], f"a calibration of this machine ({named})", (own["device"],))


def machine_of(plan: Plan) -> dict[str, Any]:
    """Return what the speed of jobs depends on besides their networks, as JSON."""
    return {
        "processor": processor(),
        "cores": available_cores(),
        "gpus": [] if plan.config.device == "cpu" else gpus(),
        "torch": metadata.version("torch"),
        "device": plan.config.device,
        "kernels": "reference" if plan.reference_kernels else "fast",
        "threads": 1,
    }


def case_of(plan: Plan, space: str, gpu: bool) -> Case:
    """Return what is measured for a space: its baseline, without methods beyond the paper, which need more than it."""
    run, job = plan.study.run(space, "baseline", plan.seeds(space)[0]), standalone_job(plan.study, space)
    setting = run.setting.model_copy(update={"few_shot": "none", "landmarks": "none", "epochs": _EPOCHS})
    run = run.model_copy(update={"setting": setting})
    image, factor = scored_work(run, 1, 1), 100 if gpu else 1
    batch = _between(2, _LARGEST_PASS * factor / TRAINING_PASS / image, setting.batch_size)
    steps, macs = standalone_work(job, space)
    own = macs / (steps * job.truth.batch_size)
    alone = _between(2, _LARGEST_PASS * factor / own, job.truth.batch_size)
    count = _between(_FEWEST_ARCHITECTURES, _LARGEST_SUM * factor / (alone * own), _MOST_ARCHITECTURES)
    scored = _LARGEST_SUM * factor / (image * count)
    return Case(
        run=run,
        standalone=job.model_copy(update={"truth": job.truth.model_copy(update={"epochs": _EPOCHS})}),
        batches=_two(batch),
        standalone_batches=_two(alone),
        scored_batch=_between(2, scored, plan.study.scoring.batch_size),
        architectures=count,
        images=_between(_FEWEST_IMAGES, scored / run.data.scoring_portion, _MOST_IMAGES),
    )


def _between(fewest: int, wanted: float, most: int) -> int:
    return max(fewest, min(int(wanted), most))


def _two(batch: int) -> tuple[int, ...]:
    """Return a batch size and a smaller one, which tell the time of a pass from that of its images."""
    return tuple(dict.fromkeys((batch, max(2, batch // 4))))


def _relevant(case: Case) -> dict[str, Any]:
    """Return the values of a case on which its speed depends."""
    run, job = case.run, case.standalone
    factors = run.setting.values_for("layers")
    return {
        "space": run.own_space,
        "layers": {**factors, "channels": run.setting.channels, "layers": run.setting.layers},
        "batches": [*case.batches, *case.standalone_batches, case.scored_batch],
        "standalone": [job.truth.channels, job.truth.layers],
        "portions": [run.setting.train_portion, job.truth.train_portion],
        "data": run.data.model_dump(mode="json"),
        "protocol": run.protocol.model_dump(mode="json", include={"channels_last", "precision", "nasbench101_widths"}),
    }


def _speeds(space: str, measured: Measurement) -> dict[Key, Speed]:
    """Return the speeds that follow from the measurements of a space."""
    scoring = measured.scoring
    return {
        ("training", space): _speed(measured.training),
        ("scoring", space): Speed(0.0, scoring.seconds / (scoring.images * scoring.macs)),
        ("stand-alone", space): _speed(measured.standalone),
    }


def _speed(passes: Sequence[Pass]) -> Speed:
    """Return the line through the seconds of two passes against their multiply-adds; one pass has no constant part."""
    work, seconds = [TRAINING_PASS * one.images * one.macs for one in passes], [one.seconds for one in passes]
    per_mac = seconds[0] / work[0]
    if len(passes) > 1 and work[0] > work[1]:
        # Noise must not make a constant below zero.
        per_mac = min(per_mac, max(0.0, (seconds[0] - seconds[1]) / (work[0] - work[1])))
    return Speed(seconds[0] - per_mac * work[0], per_mac)


def _calibrate(plan: Plan, cases: Sequence[Case]) -> Calibration:
    command = [sys.executable, "-P", "-m", "supernet.training.calibration", "--device", plan.config.device]
    tunables = ":".join(filter(None, (os.environ.get("GLIBC_TUNABLES"), TUNABLES)))
    environment = {**os.environ, "PYTHONPATH": str(plan.root), "GLIBC_TUNABLES": tunables}
    if plan.reference_kernels:
        environment[VARIABLE] = "1"
    text = f"[{','.join(case.model_dump_json() for case in cases)}]"
    found = subprocess.run(command, input=text, capture_output=True, text=True, env=environment)
    if found.returncode:
        last = (found.stderr.strip().splitlines() or [f"exit code {found.returncode}"])[-1]
        raise UserError(f"the speed of this machine could not be measured: {last}; use --no-calibration for no times")
    return Calibration.model_validate_json(found.stdout)


def _read(file: Path) -> dict[str, Any]:
    """Return the calibrations of machines by digest; none if the file is missing, damaged or of another version."""
    try:
        content = read_json(file)
        machines = content["machines"] if content["format"] == _FORMAT else {}
        for one in machines.values():
            for measured in one["measured"].values():
                Measurement.model_validate_json(json.dumps(measured))
        return dict(machines)
    except (OSError, JsonError, ValidationError, KeyError, TypeError, AttributeError):
        return {}


def _digest(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
