"""Seeded draws of an audit: which items it audits, and on which of them a control runs.

Equal seeds and equal data sets give equal draws on every machine, in whatever order they are made.
"""

import hashlib

import numpy as np


def draw_sample(*, seed: int, manifest_digest: str, item_count: int, sample: int) -> tuple[int, ...]:
    """Return the sorted data-set indices of the audited items: all of them when `sample` is 0 or at least the count."""
    if sample == 0 or sample >= item_count:
        return tuple(range(item_count))
    drawn = _generator("sample", seed, manifest_digest).choice(item_count, size=sample, replace=False)
    return tuple(sorted(drawn.tolist()))


def draw_order(*, seed: int, item_count: int) -> tuple[int, ...]:
    """Return the audit's positions in the order in which controls take them and searches work on them."""
    return tuple(_generator("controls", seed, "").permutation(item_count).tolist())


def _generator(purpose: str, seed: int, digest: str) -> np.random.Generator:
    entropy = hashlib.sha256(f"{purpose}:{seed}:{digest}".encode()).digest()
    return np.random.default_rng(int.from_bytes(entropy, "big"))
