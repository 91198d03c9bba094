"""A study as event files of TensorBoard: one folder per run, with its curve, scores, metrics and hyperparameters.

Records are written with the package `tensorboard`, which is not installed by default and does not need TensorFlow.
"""

import importlib
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from supernet.config.artifacts import RunName
from supernet.errors import UserError
from supernet.io.folders import replaced
from supernet.paper.export.tables import finished, run_row
from supernet.paper.load import Results
from supernet.paper.summary import main_selection

PROGRAM = "supernet export tensorboard"
_MARK = ".supernet-tensorboard"
"""The file that marks a folder of this program."""
FILE = "events.out.tfevents.0.supernet"
"""Name of the event file in each folder; TensorBoard reads files whose name contains `tfevents`."""
COMPARED = ("s_kdt", "kdt", "accuracy", "p_surpass", "final_mean")
"""Metrics of the main selection of scores, which the page of hyperparameters compares."""
_BINS = 30
_OUTCOMES = ("seconds", "device", "status", "diverged_at", "steps", "passes", "images", "parameters")
"""Columns of a run that are not hyperparameters."""


class _TensorBoard(NamedTuple):
    """Modules of the package `tensorboard`."""

    event: Any
    summary: Any
    record_writer: Any
    hparams: Any
    hparams_data: Any
    hparams_api: Any
    hparams_metadata: Any


def write_events(results: Results, folder: Path) -> int:
    """Write one event file per finished run and one for the study; return the number of runs.

    Numbers have single precision. Times are those at which the runs were written. The folder is replaced as a whole.
    Raises UserError if `tensorboard` is not installed, if the folder has files of others, or if no run is finished.
    """
    board = _library()
    runs = finished(results)
    if not runs:
        raise UserError(
            f"{results.folder}: has no finished run of the study {results.study.study}; make run makes them"
        )
    with replaced(folder, _MARK, PROGRAM) as temporary:
        times = []
        for run in runs:
            files = results.artifacts.run(*run)
            times.append(os.path.getmtime(files.summary))
            place = temporary.joinpath(*Path(str(run)).parts)
            place.mkdir(parents=True)
            _write(board, place / FILE, times[-1], _run_summaries(board, results, run, times[-1]))
        _write(board, temporary / FILE, max(times), [(0, _experiment(board, results, runs, max(times)))])
    return len(runs)


def _library() -> _TensorBoard:
    names = (
        "tensorboard.compat.proto.event_pb2",
        "tensorboard.compat.proto.summary_pb2",
        "tensorboard.summary.writer.record_writer",
        "tensorboard.plugins.hparams.summary_v2",
        "tensorboard.plugins.hparams.plugin_data_pb2",
        "tensorboard.plugins.hparams.api_pb2",
        "tensorboard.plugins.hparams.metadata",
    )
    try:
        return _TensorBoard(*map(importlib.import_module, names))
    except ModuleNotFoundError as error:
        raise UserError(
            f"event files need a package that is not installed ({error}); "
            "run `pip install tensorboard`, or use supernet export csv"
        ) from error


def _write(board: _TensorBoard, path: Path, time: float, summaries: Any) -> None:
    """Write (step, summary) pairs as an event file; equal contents give equal bytes."""
    with path.open("wb") as stream:
        writer = board.record_writer.RecordWriter(stream)
        writer.write(board.event.Event(wall_time=time, file_version="brain.Event:2").SerializeToString())
        for step, summary in summaries:
            writer.write(board.event.Event(wall_time=time, step=step, summary=summary).SerializeToString())
        writer.flush()


def _run_summaries(board: _TensorBoard, results: Results, run: RunName, time: float) -> Iterator[tuple[int, Any]]:
    row = run_row(results, run)
    yield 0, board.hparams.hparams_pb(_hyperparameters(row), trial_id=str(run), start_time_secs=time)
    curve = results.curve(*run)
    for epoch in curve.to_dict("records"):
        for name in ("loss", "accuracy", "learning_rate"):
            yield int(epoch["step"]), _scalar(board, f"training/{name}", epoch[name])
    last = int(curve["step"].max()) if len(curve) else 0
    for (bn_mode, split), scores in results.scores(*run).groupby(["bn_mode", "split"]):
        for name in ("accuracy", "loss"):
            values = scores[name].to_numpy(float)
            if np.isfinite(values).all():
                yield last, _histogram(board, f"scores/{bn_mode}/{split}/{name}", values)
    for tag, value in _metrics(results, run).items():
        yield last, _scalar(board, tag, value)
    outcome = board.hparams_api.STATUS_SUCCESS if row["status"] == "complete" else board.hparams_api.STATUS_FAILURE
    yield last, _session_end(board, outcome, time)


def _hyperparameters(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return space, setting, seed and factors; a factor that the space lacks is the text `none`."""
    return {name: "none" if value is None else value for name, value in row.items() if name not in _OUTCOMES}


def _metrics(results: Results, run: RunName) -> dict[str, float]:
    """Return the metrics of a run by tag; undefined ones, and those of a diverged run, are left out.

    A short tag has a metric of the main selection of scores, a long one names batch-norm mode, split and score.
    """
    if not os.path.exists(results.artifacts.metrics):
        return {}
    table = results.metrics
    own = table[(table["space"] == run.space) & (table["setting"] == run.setting) & (table["seed"] == run.seed)]
    own = own[np.isfinite(own["estimate"])]
    main = main_selection(results.study)
    chosen = (own["bn_mode"] == main.bn_mode) & (own["split"] == main.split)
    short = own[chosen & own["metric"].isin(COMPARED) & ((own["score"] == main.score) | (own["metric"] == "loss"))]
    tags = own.assign(tag="all/" + own["bn_mode"] + "/" + own["split"] + "/" + own["score"] + "/" + own["metric"])
    both = pd.concat([short.assign(tag="metrics/" + short["metric"]), tags])
    return dict(zip(both["tag"], both["estimate"].astype(float), strict=True))


def _experiment(board: _TensorBoard, results: Results, runs: tuple[RunName, ...], time: float) -> Any:
    """Return the columns of the page of hyperparameters, with the values that occur."""
    rows = [_hyperparameters(run_row(results, run)) for run in runs]
    values = {name: {row[name] for row in rows} for name in rows[0]}
    hparams = [board.hparams.HParam(name, board.hparams.Discrete(_of_one_type(own))) for name, own in values.items()]
    metrics = [board.hparams.Metric(f"metrics/{name}", display_name=name) for name in COMPARED]
    return board.hparams.hparams_config_pb(hparams, metrics, time)


def _of_one_type(values: set[Any]) -> set[float] | set[str]:
    numbers = all(isinstance(value, int | float) for value in values)
    return set(map(float, values)) if numbers else set(map(str, values))


def _session_end(board: _TensorBoard, outcome: Any, time: float) -> Any:
    end = board.hparams_data.SessionEndInfo(status=outcome, end_time_secs=time)
    content = board.hparams_data.HParamsPluginData(session_end_info=end)
    metadata = board.hparams_metadata.create_summary_metadata(content)
    tag = board.hparams_metadata.SESSION_END_INFO_TAG
    null = board.hparams_metadata.NULL_TENSOR
    return board.summary.Summary(value=[board.summary.Summary.Value(tag=tag, metadata=metadata, tensor=null)])


def _scalar(board: _TensorBoard, tag: str, value: float) -> Any:
    return board.summary.Summary(value=[board.summary.Summary.Value(tag=tag, simple_value=value)])


def _histogram(board: _TensorBoard, tag: str, values: Any) -> Any:
    """Return the distribution of values (n,), in bins of equal width."""
    counts, edges = np.histogram(values, bins=_BINS)
    histogram = board.summary.HistogramProto(
        min=values.min(),
        max=values.max(),
        num=len(values),
        sum=math.fsum(values),
        sum_squares=math.fsum(values**2),
        bucket_limit=edges[1:].tolist(),
        bucket=counts.tolist(),
    )
    return board.summary.Summary(value=[board.summary.Summary.Value(tag=tag, histo=histogram)])
