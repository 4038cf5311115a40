"""Lists that are read by key."""

from typing import TypeVar

T = TypeVar("T")
Keyed = tuple[str, T]
"""The key of a row, and the row."""
