"""Named random streams: each random choice of a study has its own stream, so that choices do not affect each other."""

import hashlib

import numpy as np


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return a generator that depends only on the seed and the names.

    Streams are addressed by name (`stream(seed, "batches", epoch)`), so that a resumed run draws the same values again
    and stores no generator states. The study seed is used for the streams `pool` and `split`; a run seed for `init`,
    `paths`, `landmarks`, `batches`, `augmentation`, `layers`, `evaluation`, `search`, `landscape`, `features` and
    `standalone`.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=tuple(map(_key, names)))))


def torch_seed(seed: int, *names: str | int) -> int:
    """Return a 63-bit seed for a generator of torch, drawn from the stream of these names."""
    return int(stream(seed, *names).integers(2**63 - 1))


def _key(name: str | int) -> int:
    text = f"{type(name).__name__}:{name}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
