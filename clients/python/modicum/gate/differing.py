"""Where two JSON values differ. Must not know what they say."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modicum.resource_names import printable

Differences = Iterator[tuple[str, Any, Any]]
"""The path of a field, what a document says, and what was counted."""
MOST_SHOWN = 100
"""Characters of a value that a message shows."""
CLOSE = 1e-9
"""How far two numbers may be apart, relative to the larger: sums of numbers depend on their order."""


def differing_fields(path: str, said: Mapping[str, Any], counted: Mapping[str, Any]) -> Differences:
    """Yield where a part of a document differs from what was counted. What it does not tell is not compared."""
    for name, value in counted.items():
        untold = name not in said or (said[name] is None and isinstance(value, Mapping))
        if not untold:
            yield from differing(f"{path}.{name}", said[name], value)


def differing(path: str, said: Any, counted: Any) -> Differences:
    """Yield where one value differs from what was counted."""
    if isinstance(said, Mapping) and isinstance(counted, Mapping):
        yield from differing_fields(path, said, counted)
    elif not _are_alike(said, counted):
        yield path, said, counted


def shown(value: Any) -> str:
    """Return a value in one short line."""
    text = printable(str(value)[: MOST_SHOWN + 1])
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def _are_alike(said: Any, counted: Any) -> bool:
    if isinstance(said, int | float) and isinstance(counted, int | float):
        return math.isclose(said, counted, rel_tol=CLOSE, abs_tol=CLOSE)
    if _is_list(said) and _is_list(counted):
        return len(said) == len(counted) and all(_are_alike(*both) for both in zip(said, counted, strict=True))
    return bool(said == counted)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
