"""The reader of run.json, the summary of a run, which has the run's config."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from supernet.config.study import Run
from supernet.errors import UserError
from supernet.provenance.recorder import note_input

IDENTITY = ("space", "setting", "seed", "study_seed")
"""Keys of the config of a run that tell it from the other runs of its study."""


def read_summary(path: Path | str, run: Run) -> dict[str, Any]:
    """Read the summary of a run.

    Raises UserError if the file is damaged, or if it is the summary of another run than `run`: the files of two runs
    may have been exchanged.
    """
    try:
        summary = json.loads(note_input(Path(path)).read_text(encoding="utf-8"))
        config = _completed(summary["run"])
        found = {key: config[key] for key in IDENTITY}
        checked: dict[str, Any] = {**summary, "status": summary["status"], "diverged_at": summary["diverged_at"]}
    except (ValueError, LookupError, TypeError, RecursionError):
        raise UserError(
            f"{path}: expected JSON with the keys run, status and diverged_at; delete the file and make it again"
        ) from None
    expected = run.model_dump(mode="json", include=set(IDENTITY))
    different = [f"{key} {json.dumps(found[key])[:200]}" for key in IDENTITY if found[key] != expected[key]]
    if different:
        raise UserError(
            f"{path}: is the summary of another run, with {', '.join(different)}: put back its own, or make it again"
        )
    return checked


def _completed(config: dict[str, Any]) -> dict[str, Any]:
    """Return the config of a run with the defaults of keys that did not exist when it was written."""
    try:
        return Run.model_validate_json(json.dumps(config)).model_dump(mode="json")
    except ValidationError:
        return config
