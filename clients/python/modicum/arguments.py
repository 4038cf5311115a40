"""Checks of arguments that must be lists or paths. To Python a string is a list of characters, but here it is none."""

import os
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


def checked_path(given: object, argument: str, way_out: str) -> None:
    """Refuse what is no path, such as an object that is not yet a file.

    Args:
        given: the argument.
        argument: its name, for the message.
        way_out: what to do, for the message.

    Raises:
        InvalidArgument: it is neither text nor a path.
    """
    if not isinstance(given, (str, os.PathLike)):
        raise InvalidArgument(
            f"{argument}: expected the path of a file or folder, got {type(given).__name__}; {way_out}"
        )
