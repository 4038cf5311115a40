"""Many values a few at a time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Value = TypeVar("Value")


def batches(values: Iterable[Value], size: int) -> Iterator[list[Value]]:
    """Yield the values in their order, so many at once, and the rest at the end. Of no values it yields nothing."""
    left = iter(values)
    while some := list(islice(left, size)):
        yield some
