"""The part of the report's start page that depends on the study, as reStructuredText."""

from pathlib import Path

from supernet.config.datasets import DATASETS
from supernet.config.factors import FACTORS
from supernet.config.study import Study
from supernet.paper.costs import costs, total_sentence
from supernet.paper.load import Results
from supernet.paper.names import listed
from supernet.provenance.record import root_digest


def start_page(study: Study, folder: Path) -> str:
    """Sections `The study` and `What it cost`; `folder` holds its results."""
    factors = ", ".join(FACTORS[name].label for name in study.factors()) or "none"
    root = root_digest(folder)
    facts = {
        "Study": f"{study.study}: {study.title.rstrip('.')}.",
        "Images": f"{DATASETS[study.data.name].title}.",
        "Spaces": f"{listed(study.spaces)}.",
        "Factors": f"{factors}.",
        "Super-nets": f"{sum(1 for _ in study.runs())}, one for each space, setting and seed.",
        "Pool": f"{study.pool.size} architectures a space, which every super-net of the space scores.",
        "Root digest": f"{root}, of all that was measured, back to the downloads."
        if root
        else "none, because metrics.parquet has no provenance record.",
    }
    lines = ["The study", "---------", ""]
    lines += [f":{name}: {_escape(text)}" for name, text in facts.items()]
    lines += ["", "What it cost", "------------", "", _escape(total_sentence(costs(Results(study, folder))))]
    lines += ["", "The table *costs* has them by space and stage."]
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    """Text without the meanings that reStructuredText gives to `*`, `` ` ``, `|`, `_` and the backslash."""
    return "".join(f"\\{character}" if character in "\\*`|_" else character for character in text)
