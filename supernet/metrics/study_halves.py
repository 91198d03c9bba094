"""The rows of halves.parquet: measures of each run on halves of the main pool of its space."""

from collections.abc import Iterator
from typing import Any

from supernet.config.artifacts import Artifacts, RunName
from supernet.config.study import Study
from supernet.io.atomic import read_json
from supernet.io.parquet import read_table
from supernet.metrics.halves import FEWEST, Halves
from supernet.metrics.run_scores import compared_scores
from supernet.metrics.same_function import SameFunction
from supernet.provenance.recorder import note_input
from supernet.rng import stream

COLUMNS = {
    "space": "str",
    "setting": "str",
    "seed": "int64",
    "half": "int64",
    "accuracy": "float64",
    "s_kdt": "float64",
    "final_mean": "float64",
}
"""Of halves.parquet; `half` counts the first halves, two per split. It is the same half in every run of a space."""


def half_rows(study: Study, paths: Artifacts) -> Iterator[dict[str, Any]]:
    """Yield the rows of all runs that score the main pool and have not diverged, in the order of the study.

    A space with fewer than `FEWEST` architectures with a ground truth has none. Raises UserError if a file is missing.
    """
    facts = read_json(note_input(paths.spaces))
    for space in study.spaces:
        name = study.main_pool(space)
        pool = read_table(paths.pool(str(name))).dropna(subset="truth").sort_values("arch_id", ignore_index=True)
        if len(pool) < FEWEST:
            continue
        halves = Halves.draw(len(pool), stream(study.seed, "halves", str(name)))
        same = SameFunction.of(study, space, pool["encoding"])
        truth, threshold = pool["truth"].to_numpy(dtype=float), float(facts[str(name)]["threshold"])
        for run in (RunName(*run) for run in study.runs()):
            if run.space != space or study.pool_of(*run) != name:
                continue
            scores = compared_scores(study, paths, run, pool["arch_id"], same)
            if scores is None:
                continue
            measured = halves.measure(*scores, truth, threshold, study.metrics.top)
            for half, (accuracy, s_kdt, final) in enumerate(zip(*measured, strict=True)):
                values = {"half": half, "accuracy": accuracy, "s_kdt": s_kdt, "final_mean": final}
                yield {**run._asdict(), **values}
