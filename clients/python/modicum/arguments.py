"""Checks of arguments: lists, paths, seconds, True or False. A string is not a list here, though Python iterates it."""

import os
from collections.abc import Iterable
from numbers import Real
from typing import TypeGuard, TypeVar

from modicum.errors import InvalidArgument

T = TypeVar("T")
#: Eleven days. gRPC would end a call with a far longer deadline at once.
LONGEST_CALL_SECONDS = 1_000_000


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


def checked_flag(given: object, argument: str) -> bool:
    """The argument, which must be True or False. A text such as "no" would count as true.

    Raises:
        InvalidArgument: it is something else.
    """
    if not isinstance(given, bool):
        raise InvalidArgument(f"{argument}: expected True or False, got {given!r}")
    return given


def checked_path(given: object, argument: str, way_out: str) -> None:
    """Check that an argument is a path. An array or a module, for example, must be saved to a file first.

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


def check_deadline(given: object, argument: str = "timeout_seconds") -> None:
    """Check the deadline of a call.

    Raises:
        InvalidArgument: it is not a number above 0, or is longer than `LONGEST_CALL_SECONDS`.
    """
    if not _is_number(given) or not 0 < given <= LONGEST_CALL_SECONDS:
        raise InvalidArgument(
            f"{argument}: expected a number of seconds above 0 and at most {LONGEST_CALL_SECONDS:,}, e.g. 60; "
            f"got {given!r}"
        )


def check_wait(given: object, argument: str = "timeout_seconds") -> None:
    """Check a time to wait, in seconds. It may be 0, or infinite.

    Raises:
        InvalidArgument: it is not a number, or is below 0.
    """
    if not _is_number(given) or not given >= 0:
        raise InvalidArgument(f"{argument}: expected a number of seconds, 0 or more, e.g. 600; got {given!r}")


def _is_number(given: object) -> TypeGuard[float]:
    return isinstance(given, Real) and not isinstance(given, bool)
