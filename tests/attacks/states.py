"""Attacks on what a killed job continues from: checkpoints, finished trainings, finished searches, measured rows."""

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from tiny import SPACES
from torch import Tensor, nn
from trainings import SPLITS, KilledError, Watcher, run_of, trainer_of

from attacks.attack import Attack, Outcome, Target, Verdict
from attacks.mutations import CONTENTS as MUTATIONS
from attacks.mutations import LINKED, MISSING, PLACES, WRONG_VALUES, changed, replaced
from supernet.analysis.landscape import Plane, Surface, scan
from supernet.config.jobs import TruthJob
from supernet.io.sealed import KEY, UNSEALED, seal, sealed_line
from supernet.pools.truth import cost_columns
from supernet.search.results import FinishedSearches
from supernet.spaces.base import NetworkSize
from supernet.training.checkpoint import Checkpoint
from supernet.training.fingerprint import Fingerprint
from supernet.training.standalone import TruthLog, result_problem
from supernet.training.store.truth import StandAloneResult

TRAINING, TRAININGS, SEARCH, ROWS = "training.safetensors", "trainings.jsonl", "spos.json", "surfaces.safetensors"
PRISTINE = "pristine"
"""Folder with a copy of the victim."""
WEIGHTS = "weights.sha256"
"""Hash of the weights of a training that was not interrupted."""
SPACE = SPACES["nasbench201"]
ARCH = SPACE.sample(np.random.default_rng(0))
TORN = MappingProxyType(
    {
        "emptied": Verdict.STARTED_ANEW,
        "cut off": Verdict.STARTED_ANEW,
        "filled with zeros": Verdict.STARTED_ANEW,
        "extended": Verdict.INTACT,
    }
)
"""Mutations after which the log of trainings is that of a job that was killed while it wrote its last line."""
FLIPS = 12
"""Flipped bits per file, at random places."""


def fingerprint() -> Fingerprint:
    """Return the fingerprint of this process for the inputs in the current folder."""
    return Fingerprint.of_process("config", "cpu", {"images": Path("images"), "pool": Path("pool")})


def make_training() -> None:
    """Leave the state of a training after step 4 of 6, and the hash of what it would become."""
    for name in ("images", "pool"):
        Path(name).write_text(name, encoding="utf-8")
    whole = trainer_of(run_of())
    whole.run()
    Path(WEIGHTS).write_text(_sha256(whole.network), encoding="utf-8")
    try:
        trainer_of(run_of()).run(Checkpoint(Path(TRAINING), fingerprint(), 0), Watcher(kill_at=5))  # type: ignore[arg-type]
    except KilledError:
        return


def judge_training() -> Outcome:
    """Continue the training; whether it starts anew or not, it must end with the weights of the undisturbed one."""
    trainer, watcher = trainer_of(run_of()), Watcher()
    with _Messages() as messages:
        trainer.run(Checkpoint(Path(TRAINING), fingerprint(), 1e9), watcher)  # type: ignore[arg-type]
    if watcher.seen[:1] == [1]:
        right = _sha256(trainer.network) == Path(WEIGHTS).read_text(encoding="utf-8")
        return Outcome(Verdict.STARTED_ANEW if right else Verdict.WRITTEN, str(messages))
    return Outcome(Verdict.INTACT, f"continued after step {watcher.seen[0] - 1 if watcher.seen else 'the last'}")


def _log() -> TruthLog:
    return TruthLog(Path(TRAININGS), Fingerprint("recipe"))


def _results() -> dict[str, StandAloneResult]:
    costs = cost_columns(SPACE, ARCH, NetworkSize(4, 1, 5, 2), 8)
    return {name: StandAloneResult(number / len(SPLITS.test), None, **costs) for number, name in enumerate("abc", 1)}


def make_trainings() -> None:
    """Leave three finished trainings."""
    log = _log()
    for name, result in _results().items():
        log.add(name, 0, result, 1.0)


def judge_trainings() -> Outcome:
    """Read the finished trainings as scripts/truth.py does; those that are not in the file are trained again."""
    with _Messages() as messages:
        log = _log()
        for name in _results():
            log.check(name, 0, partial(result_problem, _job(), SPACE, SPACE.format(ARCH), SPLITS))
    found = {name: log.get(name, 0) for name in _results()}
    if any(found[name] not in (None, result) for name, result in _results().items()):
        return Outcome(Verdict.WRITTEN, str(found))
    return Outcome(Verdict.STARTED_ANEW if None in found.values() else Verdict.INTACT, str(messages))


def _job() -> TruthJob:
    truth = {"channels": 4, "layers": 1, "epochs": 2, "batch_size": 8, "train_portion": 0.54}
    rest = {"study_seed": 0, "data": {"name": "digits", "crop_padding": 2}, "protocol": {}, "evaluation": {}}
    return TruthJob.model_validate({"space": SPACE.name, "truth": truth, **rest})


def make_search() -> None:
    """Leave a finished search."""
    row = {
        "system": "spos", "status": "complete", "rank": 1, "arch_id": "a", "encoding": "b", "score": 0.5,
        "truth": 0.5, "truth_quantile": 0.25, "parameters": 10, "macs": 20, "forward_passes": 3, "backward_passes": 3,
        "images": 48, "multiply_adds": 9, "trained": 96.0, "baseline_trained": 100,
        "architectures": 2, "invalid": 0, "passed_over": 0, "source": "x", "kind": "pool",
        "population": 6,
    }  # fmt: skip
    _searches().save("spos", [row], {"seconds": 1.0, "peak_bytes": None})


def judge_search() -> Outcome:
    """Read the result of the search as scripts/systems.py does."""
    with _Messages() as messages:
        found = _searches().load("spos")
    return Outcome(Verdict.STARTED_ANEW if found is None else Verdict.INTACT, str(messages))


def _searches() -> FinishedSearches:
    return FinishedSearches(Path(), Fingerprint("search"))


class _Slope(nn.Module):
    """A network of one weight, whose accuracy on its plane lies between 0 and 1."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, 1, dtype=torch.float64))
        self.measured = 0

    def measure(self) -> tuple[float, float]:
        self.measured += 1
        return float(self.weight), 0.5 + float(self.weight) / 10


def _surface() -> tuple[Surface, _Slope]:
    network = _Slope()
    direction = {"weight": torch.ones(1, 1, dtype=torch.float64)}
    return Surface("slope", network, Plane(direction, direction), network.measure), network


def make_rows() -> None:
    """Leave the first two of five rows of a landscape."""
    found = torch.from_numpy(scan([_surface()[0]], 5))
    found[0, 2:] = torch.nan
    Checkpoint(Path(ROWS), Fingerprint("landscape"), 0).save({"found": found}, {"done": 2})


def judge_rows() -> Outcome:
    """Measure the other rows; the landscape must be that of an undisturbed scan."""
    surface, network = _surface()
    with _Messages() as messages:
        found = scan([surface], 5, Checkpoint(Path(ROWS), Fingerprint("landscape"), 1e9))
    if not np.array_equal(found, scan([_surface()[0]], 5)):
        return Outcome(Verdict.WRITTEN, str(messages))
    return Outcome(Verdict.STARTED_ANEW if network.measured == 25 else Verdict.INTACT, str(messages))


def _alone(function: Callable[[], Any]) -> Any:
    """Call a function with one thread: the threads of the program that started this process do not exist in it."""
    torch.set_num_threads(1)
    return function()


def _target(name: str, make: Callable[[], None], judge: Callable[[], Outcome]) -> Target:
    def make_and_keep() -> None:
        make()
        files = list(Path().iterdir())
        Path(PRISTINE).mkdir()
        for path in files:
            shutil.copy2(path, PRISTINE)

    return Target(name, partial(_alone, make_and_keep), partial(_alone, judge))


TARGETS = MappingProxyType(
    {
        TRAINING: _target("training", make_training, judge_training),
        TRAININGS: _target("trainings", make_trainings, judge_trainings),
        SEARCH: _target("search", make_search, judge_search),
        ROWS: _target("landscape", make_rows, judge_rows),
    }
)


def attacks() -> list[Attack]:
    """Return the attacks of this module."""
    whole = [Attack("nothing is changed", "C0", target, lambda: None, Verdict.INTACT) for target in TARGETS.values()]
    found = [*whole, *_damages(), *_other_trainings(), *_contradictions(), *_lost(), *_forgery()]
    return [replace(one, mutate=partial(_anew, one.mutate)) for one in found]


def _anew(mutate: Callable[[], None]) -> None:
    """Mutate the state as it was made: the victim itself was judged, which continued it to its end."""
    for path in Path(PRISTINE).iterdir():
        shutil.copy2(path, path.name)
    mutate()


def _damages() -> Iterator[Attack]:
    """C1: any other bytes, or something that is not a file."""
    for path, target in TARGETS.items():
        for seed in range(FLIPS):
            yield Attack(f"bit {seed} flipped", "C1", target, _flip(path, seed), Verdict.REFUSED, path)
        for name, change in MUTATIONS.items():
            if path != TRAININGS or name not in TORN:
                yield Attack(name, "C1", target, changed(path, change, 3), Verdict.REFUSED, path)
        for name, place in PLACES.items():
            if name != "deleted":
                yield Attack(name, "C1", target, partial(place, Path(path)), Verdict.REFUSED, path)
        for name, place in LINKED.items():
            yield Attack(name, "C0", target, partial(place, Path(path)), Verdict.INTACT)
        yield Attack("grown to 3 GB", "C1", target, partial(_grow, path), Verdict.REFUSED, path)


def _flip(path: str, seed: int) -> Callable[[], None]:
    def flip() -> None:
        content = bytearray(Path(path).read_bytes())
        # Without the last byte: a log whose last line does not end is that of a killed job.
        content[np.random.default_rng(seed).integers(len(content) - 1)] ^= 1 << seed % 8
        Path(path).write_bytes(content)

    return flip


def _grow(path: str) -> None:
    with Path(path).open("r+b") as file:
        file.truncate(3 << 30)


def _other_trainings() -> Iterator[Attack]:
    """C2: a state of other code, inputs or environment."""
    for name in ("images", "pool"):
        change = partial(Path(name).write_text, "other")
        yield Attack(f"other {name}", "C2", TARGETS[TRAINING], change, Verdict.STARTED_ANEW, f"other {name}")  # type: ignore[arg-type]
    others: dict[str, tuple[tuple[str, ...], Any]] = {
        "other code of supernet/training/trainer.py": (("code", "supernet/training/trainer.py"), ["0" * 64, "0" * 64]),
        "other code of supernet/nn/conv.py": (("code", "supernet/nn/conv.py"), ["0" * 64, "0" * 64]),
        "other code of supernet/gone.py": (("code", "supernet/gone.py"), ["0" * 64, "0" * 64]),
        "other config": (("config",), "another"),
        "other torch": (("environment", "torch"), "1.0"),
        "other lock file": (("environment", "lock file"), "0" * 64),
        "other device": (("environment", "device"), "NVIDIA H200, 1 threads"),
    }
    for name, (place, value) in others.items():
        change = _rewrite(TRAINING, lambda _, state, at=place, to=value: _put(state["fingerprint"], at, to))
        yield Attack(f"saved with {name}", "C2", TARGETS[TRAINING], change, Verdict.STARTED_ANEW, name)
    for path in (TRAININGS, SEARCH):
        change = _edit(path, 0, ("fingerprint", "config"), "another")
        yield Attack("saved with other config", "C2", TARGETS[path], change, Verdict.STARTED_ANEW, "other config")


def _contradictions() -> Iterator[Attack]:
    """C3: values with a right checksum that no such training has."""
    for name, (place, value) in NOTES.items():
        change = _rewrite(TRAINING, lambda _, state, at=place, to=value: _put(state["note"], at, to))
        yield Attack(name, "C3", TARGETS[TRAINING], change, Verdict.REFUSED, TRAINING)
    for name, (key, to) in TENSORS.items():
        change = _rewrite(TRAINING, lambda tensors, _, key=key, to=to: _put(tensors, (key,), to))
        yield Attack(name, "C3", TARGETS[TRAINING], change, Verdict.REFUSED, TRAINING)
    for number, value in enumerate([*WRONG_VALUES, MISSING]):
        change = _rewrite(TRAINING, lambda _, state, to=value: _put(state["note"], ("done",), to))
        yield Attack(f"wrong value {number} as steps", "C3", TARGETS[TRAINING], change, Verdict.REFUSED, TRAINING)
        edit = _edit(TRAININGS, 2, ("result", "accuracy"), value)
        if value is not None:  # it diverged, with the step in another key
            yield Attack(
                f"wrong value {number} as accuracy", "C3", TARGETS[TRAININGS], edit, Verdict.REFUSED, TRAININGS
            )
        edit = _edit(SEARCH, 0, ("rows", 0, "status"), value)
        yield Attack(f"wrong value {number} as status", "C3", TARGETS[SEARCH], edit, Verdict.REFUSED, SEARCH)
    for name, value in (("17", 17), ("percent", 71.5), ("not a share of the test images", 0.123)):
        edit = _edit(TRAININGS, 2, ("result", "accuracy"), value)
        yield Attack(f"an accuracy of {name}", "C3", TARGETS[TRAININGS], edit, Verdict.REFUSED, TRAININGS)
        edit = _edit(TRAININGS, 2, ("result", "macs"), value)
        yield Attack(f"multiply-adds of {name}", "C3", TARGETS[TRAININGS], edit, Verdict.REFUSED, TRAININGS)
    change = _rewrite(ROWS, lambda _, state: _put(state["note"], ("done",), 5))
    yield Attack("all rows done", "C3", TARGETS[ROWS], change, Verdict.REFUSED, ROWS)
    change = _rewrite(ROWS, lambda tensors, _: tensors["found"][0, 0, 0].fill_(17))
    yield Attack("an accuracy of 17", "C3", TARGETS[ROWS], change, Verdict.REFUSED, ROWS)


NOTES: MappingProxyType[str, tuple[tuple[str | int, ...], Any]] = MappingProxyType(
    {
        "all steps done after 4 of 6": (("done",), 6),
        "more steps than the training has": (("done",), 400),
        "a step less": (("done",), 3),
        "no row of the curve": (("curve",), []),
        "a curve of 10 000 rows": (("curve",), [{}] * 10_000),
        "a training accuracy of 17": (("curve", 0, "accuracy"), 17.0),
        "a loss below zero": (("curve", 0, "loss"), -1.0),
        "a loss that is not a number": (("curve", 0, "loss"), float("nan")),
        "another learning rate": (("curve", 0, "learning_rate"), 0.5),
        "passes of another training": (("passes",), 400),
        "passes of another epoch": (("epoch_passes",), 3),
    }
)
"""Edits of the note of a training: name, place and value."""
TENSORS: MappingProxyType[str, tuple[str, Any]] = MappingProxyType(
    {
        "a lost tensor": ("network.stem.conv.weight", MISSING),
        "a tensor more": ("network.more", torch.ones(1)),
        "weights of another shape": ("network.stem.conv.weight", torch.ones(2, 2)),
        "momentum of another type": ("momentum.stem.conv.weight", torch.ones(4, 2, 3, 3, dtype=torch.float64)),
        "more right than images": ("correct_sum", torch.tensor(9.0, dtype=torch.float64)),
        "diverged long ago": ("first_bad", torch.tensor(0)),
    }
)
"""Edits of the tensors of a training: name, tensor and value."""


def _lost() -> Iterator[Attack]:
    """C4: missing work is repeated."""
    for path, target in TARGETS.items():
        yield Attack("deleted", "C4", target, partial(PLACES["deleted"], Path(path)), Verdict.STARTED_ANEW)
    for name, verdict in TORN.items():
        yield Attack(name, "C4", TARGETS[TRAININGS], changed(TRAININGS, MUTATIONS[name], 3), verdict)


def _forgery() -> Iterator[Attack]:
    """L3: a state that agrees with itself is not recognised as forged."""
    change = _rewrite(TRAINING, lambda tensors, _: tensors["network.stem.conv.weight"].mul_(2))
    yield Attack("other weights with a right checksum", "L3", TARGETS[TRAINING], change, Verdict.INTACT)


def _rewrite(path: str, change: Callable[[dict[str, Tensor], dict[str, Any]], Any]) -> Callable[[], None]:
    """Return a function that changes tensors and state of a checkpoint, with a right checksum."""

    def rewrite() -> None:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            state = json.loads(file.metadata()["state"])
        change(tensors, state)
        save_file(tensors, path, {"state": json.dumps(state), **UNSEALED})
        seal(Path(path))

    return rewrite


def _edit(path: str, number: int, place: tuple[str | int, ...], to: Any) -> Callable[[], None]:
    """Return a function that changes a value in a line of JSON, with a right checksum if JSON has the value."""

    def edit() -> None:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        value = json.loads(lines[number])
        del value[KEY]
        value = replaced(value, place, to)
        try:
            lines[number] = sealed_line(value)
        except ValueError:  # a lone surrogate has no digest
            lines[number] = json.dumps(value)
        Path(path).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    return edit


def _put(parent: Any, place: tuple[str | int, ...], to: Any) -> None:
    for key in place[:-1]:
        parent = parent[key]
    if to is MISSING:
        del parent[place[-1]]
    else:
        parent[place[-1]] = to


def _sha256(network: nn.Module) -> str:
    tensors = network.state_dict().items()
    return hashlib.sha256(b"".join(name.encode() + value.numpy().tobytes() for name, value in tensors)).hexdigest()


class _Messages(logging.Handler):
    """Collects what programs would write to their log."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []

    def __enter__(self) -> "_Messages":
        logging.getLogger("supernet").addHandler(self)
        return self

    def __exit__(self, *error: object) -> None:
        logging.getLogger("supernet").removeHandler(self)

    def __str__(self) -> str:
        return "\n".join(self._lines)

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())
