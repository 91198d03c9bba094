"""The format of a record as types. `check` compares a JSON value with them."""

from datetime import datetime
from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from supernet.provenance.folders import is_plain

_STRICT = ConfigDict(strict=True, extra="forbid")


def _name(value: str) -> str:
    if "/" not in value or not is_plain(value):
        raise ValueError("expected the name of a file, such as results/mini/metrics.parquet")
    return value


def _time(value: str) -> str:
    if datetime.fromisoformat(value).tzinfo is None:
        raise ValueError("expected a time with a time zone")
    return value


Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256, hexadecimal."""
Name = Annotated[str, AfterValidator(_name)]
"""Name of a file: see `supernet.provenance.folders`."""
Time = Annotated[str, AfterValidator(_time)]
"""Time in ISO 8601, with a time zone."""
Size = Annotated[int, Field(ge=0, lt=1 << 63)]
"""Bytes."""


@with_config(_STRICT)
class Pinned(TypedDict):
    """The hash by which a download was identified, and its path in the sources."""

    path: str
    algorithm: Literal["sha256", "md5", "git_blob"]
    digest: str


@with_config(_STRICT)
class Input(TypedDict):
    """A file that the program read."""

    file: Name
    kind: Literal["result", "source", "download"]
    sha256: Digest
    size: Size
    record: NotRequired[Digest | None]
    """Of a result: digest of its record; None if it had none."""
    pinned: NotRequired[Pinned]
    """Of a download."""


@with_config(_STRICT)
class Made(TypedDict):
    """Everything that the content of a result depends on, and its hash."""

    file: Name
    sha256: Digest
    size: Size
    program: str
    modules: dict[str, Digest]
    config: Any
    inputs: list[Input]
    python: str
    packages: dict[str, str]
    lock: Digest | None
    variables: dict[str, str]


@with_config(_STRICT)
class Circumstances(TypedDict):
    """When, where and in which environment the program ran."""

    started: Time
    ended: Time
    host: str
    system: str
    environment: dict[str, str]
    files: dict[str, Digest]
    commit: str | None
    dirty: bool | None
    resumed: NotRequired[list[dict[str, Any]]]


@with_config(_STRICT)
class Record(TypedDict):
    """A record."""

    format: int
    made: Made
    digest: Digest
    circumstances: Circumstances
    seal: Digest


_RECORD = TypeAdapter(Record)


def check(value: Any) -> str:
    """Return what is wrong with a record, with the key, or an empty text."""
    try:
        record = _RECORD.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    for number, one in enumerate(record["made"]["inputs"]):
        if ("record" in one) != (one["kind"] == "result") or ("pinned" in one) != (one["kind"] == "download"):
            return f"made.inputs.{number}: expected `record` for a result, `pinned` for a download, and neither else"
    if record["made"]["modules"].keys() != record["circumstances"]["files"].keys():
        return "circumstances.files: expected the files of made.modules"
    return ""
