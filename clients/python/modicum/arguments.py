"""Checks of arguments that must be lists. To Python a string is a list of characters, so one is refused here."""

from collections.abc import Iterable
from typing import TypeVar

from modicum.errors import InvalidArgument

T = TypeVar("T")


def checked_list(given: Iterable[T], argument: str, items: str) -> tuple[T, ...]:
    """The items of `given`, in order.

    Args:
        given: any iterable that is not a string.
        argument: name of the argument, for the message.
        items: what the list holds, with an example, for the message.

    Raises:
        InvalidArgument: it is a string, or cannot be iterated over.
    """
    if isinstance(given, (str, bytes)) or not hasattr(type(given), "__iter__"):
        raise InvalidArgument(f"{argument}: expected a list of {items}, got {given!r}")
    return tuple(given)
