"""The identity of a training: all that its result depends on, and the digest of it, which names a folder of the store.

Records of results distinguish what no study file names, such as other images with the same name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from supernet.config.artifacts import HASH_DIGITS
from supernet.config.base import Model
from supernet.config.jobs import TruthJob
from supernet.config.study import Run
from supernet.provenance.record import digest

_STANDALONE_PROTOCOL = frozenset(
    {"momentum", "final_learning_rate", "clip", "bn_momentum", "channels_last", "precision"}
)
"""Keys of `protocol` on which stand-alone trainings of all spaces depend."""
_STANDALONE_EVALUATION = frozenset({"batch_size"})


@dataclass(frozen=True)
class Identity:
    """What a training depends on, as JSON values by section and key."""

    values: Mapping[str, Any]
    """All of them."""
    chosen: Mapping[str, Any]
    """Those that differ from the default of their key, and those whose key has no default."""

    @classmethod
    def of(cls, sections: Mapping[str, Any], only: Mapping[str, frozenset[str]] | None = None) -> Self:
        """Return the identity of sections by name: models, or JSON values, which have no default.

        `only` has the keys of a section on which the training depends, if they are not all.
        """
        kept = {name: None if only is None else only.get(name) for name in sections}
        values = {name: _json(one, kept[name], defaults=True) for name, one in sections.items()}
        chosen = {name: _json(one, kept[name], defaults=False) for name, one in sections.items()}
        return cls(values, {name: one for name, one in chosen.items() if one != {}})

    @property
    def digest(self) -> str:
        """Start of the SHA-256 of `chosen` in canonical form.

        A new key does not change it as long as the key has its default. A new default of an old key does not change it
        either: compare the recorded values as well (`changed`).
        """
        return digest(self.chosen)[:HASH_DIGITS]

    def changed(self, recorded: Any) -> list[str]:
        """Return the dotted keys whose values differ from recorded `values`, except keys that did not exist then."""
        return list(_changed(completed(recorded, self.values), self.values, ""))


def standalone_identity(job: TruthJob) -> Identity:
    """Return the identity of the stand-alone trainings of a job; architecture and seed distinguish them further."""
    widths = {"nasbench101_widths"} if job.space == "nasbench101" else set()
    sections = {
        "space": job.space,
        "truth": job.truth,
        "study_seed": job.study_seed,
        "data": job.data,
        "protocol": job.protocol,
        "evaluation": job.evaluation,
    }
    return Identity.of(sections, {"protocol": _STANDALONE_PROTOCOL | widths, "evaluation": _STANDALONE_EVALUATION})


def supernet_identity(run: Run) -> Identity:
    """Return the identity of the training of a super-net; images and landmarks distinguish it further."""
    return Identity.of({"run": run})


def inputs_digest(hashes: Mapping[str, str], reference: bool) -> str:
    """Return the digest of the inputs of a training, given by the SHA-256 of each, and of the kernels."""
    kernels = {"reference_kernels": True} if reference else {}
    return digest({**hashes, **kernels})[:HASH_DIGITS]


def completed(recorded: Any, now: Any) -> Any:
    """Return recorded values, with keys that did not exist then at their values of now."""
    if not isinstance(recorded, Mapping) or not isinstance(now, Mapping):
        return recorded
    return {**now, **{key: completed(value, now.get(key)) for key, value in recorded.items()}}


def _json(section: Any, only: frozenset[str] | None, *, defaults: bool) -> Any:
    if not isinstance(section, Model):
        return section
    return section.model_dump(mode="json", include=None if only is None else set(only), exclude_defaults=not defaults)


def _changed(old: Any, new: Any, key: str) -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in dict.fromkeys([*old, *new]):
            yield from _changed(old.get(name), new.get(name), f"{key}.{name}" if key else str(name))
    elif old != new:
        yield key or "all"
