"""Enums of modicum.v1 and of the domain, matched by name. The names differ only in a prefix.

Generated enums and their numbers share no type that mypy knows. Both are Any in this module.
"""

from enum import StrEnum
from typing import Any, TypeVar

E = TypeVar("E", bound=StrEnum)


def enum_number(wrapper: Any, prefix: str, value: StrEnum | None) -> Any:
    """Return the number of a domain value, 0 for None."""
    return 0 if value is None else wrapper.Value(f"{prefix}_{value.name}")


def enum_value(wrapper: Any, prefix: str, number: int, kind: type[E]) -> E | None:
    """Return the domain value of a number, None for 0 and for an unknown number."""
    if number == 0 or number not in wrapper.values():
        return None
    return kind.__members__.get(wrapper.Name(number).removeprefix(f"{prefix}_"))
