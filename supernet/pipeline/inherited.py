"""What a study that extends another changes: each value that differs from the parent's, old and new."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from supernet.config.inheritance import OWN, StudyFile
from supernet.config.study import Study

LONGEST = 50
"""Characters of a value; longer ones are shortened."""


def inherited_lines(path: Path, root: Path, limit: int | None) -> Iterator[str]:
    """Yield the lines of `supernet plan` about a study of the checkout `root`, whose file is valid.

    There are none if it extends no other file; `limit` is the largest number of changed values, None for all.
    """
    file = StudyFile.read(path, root / "workflow" / "studies")
    if file.parent is None:
        return
    found = list(changes(file, file.parent))
    named = " extends ".join(one.path.stem for one in file.files)
    yield f"\n{named} and changes {len(found)} of its values{':' if found else '.'}"
    yield from (f"  {key}: {old} → {new}" for key, old, new in found[:limit])
    if limit is not None and len(found) > limit:
        yield f"  … and {len(found) - limit} more (--all)"


def changes(file: StudyFile, parent: StudyFile) -> Iterator[tuple[str, str, str]]:
    """Yield (key, old value, new value) of each value that differs, defaults included.

    A key that one of the two does not have is null there. If the parent is not a complete study, which has no defaults,
    the values are those of the files.
    """
    own = {name: file.data[name] for name in OWN}
    authored = {**parent.data, **own}
    complete = _completed(authored)
    if complete is None:
        yield from _differences(authored, file.data, "")
    else:
        yield from _differences(complete, _completed(file.data) or {}, "")


def _completed(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the data of a study with defaults; None if they are not those of a valid study."""
    try:
        return Study.model_validate(data).model_dump(mode="json")
    except ValidationError:
        return None


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], place: str) -> Iterator[tuple[str, str, str]]:
    for name in dict.fromkeys((*new, *old)):
        before, after = old.get(name), new.get(name)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _differences(before, after, f"{place}{name}.")
        elif before != after:
            yield f"{place}{name}", _shown(before), _shown(after)


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False).replace('"', "")
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
