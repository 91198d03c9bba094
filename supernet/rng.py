"""Named random streams: every random choice of a study has a name, so that no choice shifts another."""

import hashlib

import numpy as np


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """A generator that depends on the seed and the names alone.

    Streams are addressed (`stream(seed, "batches", epoch)`), not consumed in turn: a run that is resumed in
    the middle redraws what it needs instead of restoring generator states. The study seed feeds `pool` and
    `split`; a run seed feeds `init`, `paths`, `landmarks`, `batches`, `augmentation`, `layers`, `evaluation`,
    `search`, `landscape` and `features`.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=tuple(map(_key, names)))))


def torch_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed for torch's generators, from the stream of that name."""
    return int(stream(seed, *names).integers(2**63 - 1))


def _key(name: str | int) -> int:
    text = f"{type(name).__name__}:{name}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
