"""The scores of a run: which ones it has, which ones an earlier job has computed already, and the rows of its table.

Scores are kept below `results/store/scores/` as parts (`supernet.store.parts`), one folder per super-net and way to
evaluate it: a larger pool or another batch-norm mode computes only what is new. The training of a run may add the first
part, because it has the network in memory (`scripts/train.py`). This module does not import torch: a program that finds
all scores does without it.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from supernet.audit.current import Current
from supernet.config.identity import digest_of
from supernet.config.jobs import ScoringJob
from supernet.provenance.recorder import input_sha256
from supernet.store.parts import Columns, Key, Parts, Record, Values

COLUMNS = Columns({"arch_id": "text", "bn_mode": "text", "split": "text"}, {"accuracy": "numbers", "loss": "numbers"})
"""Columns of scores.parquet and of parts; accuracy (fraction) and mean cross-entropy (nats) are nan without a score."""
