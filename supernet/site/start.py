"""The study-specific part of the report's start page, as reStructuredText."""

from pathlib import Path

from supernet.config.datasets import DATASETS
from supernet.config.factors import FACTORS
from supernet.config.study import Study
from supernet.paper.captions import pool_sizes
from supernet.paper.costs import costs, total_sentence
from supernet.paper.load import Results
from supernet.paper.names import listed


def start_page(study: Study, folder: Path, root: str | None) -> str:
    """Return the sections `Study` and `Costs`; `folder` contains the results of the study, `root` is their digest."""
    factors = ", ".join(FACTORS[name].label for name in study.factors()) or "none"
    facts = {
        "Study": f"{study.study}: {study.title.rstrip('.')}.",
        "Images": f"{DATASETS[study.data.name].title}.",
        "Spaces": f"{listed(study.spaces)}.",
        "Factors": f"{factors}.",
        "Super-nets": f"{sum(1 for _ in study.runs())}, one per space, setting and seed.",
        "Pool": f"{pool_sizes(study)}, scored with every super-net of the space.",
        "Root digest": f"{root}, which covers all results and their inputs back to the downloads."
        if root
        else "none, because a result or its provenance record is missing.",
    }
    lines = ["Study", "-----", ""]
    lines += [f":{name}: {_escape(text)}" for name, text in facts.items()]
    lines += ["", "Costs", "-----", "", _escape(total_sentence(costs(Results(study, folder))))]
    lines += ["", "The table *costs* lists them by space and stage."]
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    """Escape the characters that are special in reStructuredText, which makes links of `javascript:…` and `a@b`."""
    return "".join(f"\\{character}" if character in "\\*`|_<>:@" else character for character in text)
