"""Arguments that are lists: checked before anything is sent, since a text is a list of characters to Python."""

from collections.abc import Iterable
from typing import TypeVar

from modicum.errors import InvalidArgument

T = TypeVar("T")


def checked_list(given: Iterable[T], argument: str, items: str) -> tuple[T, ...]:
    """What is `given`, in its order.

    Args:
        given: any iterable but a text.
        argument: its name, for the message.
        items: what it is a list of, with an example.

    Raises:
        InvalidArgument: it is a single text, number or object.
    """
    if isinstance(given, (str, bytes)) or not hasattr(type(given), "__iter__"):
        raise InvalidArgument(f"{argument}: expected a list of {items}, got {given!r}")
    return tuple(given)
