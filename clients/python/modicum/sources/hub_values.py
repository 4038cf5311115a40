"""Single values in the files of Hugging Face that say how pictures are prepared, each checked as it is read."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from modicum.errors import InvalidArgument
from modicum.sources.configurations import MOST_NUMBER

OWN_FILE = "give the preprocessing as a file: --input FILE.toml"


class InputUnknown(InvalidArgument):
    """What the folder says about its preprocessing has no input specification."""


def number(values: Mapping[str, Any], key: str, default: float) -> float:
    """The number of a key, or the default without the key. Null is not a number.

    Raises:
        InputUnknown
    """
    value = values.get(key, default)
    if not _is_number(value):
        raise InputUnknown(f"{key}: expected a number of at most {MOST_NUMBER:,}, got {str(value)[:64]}; {OWN_FILE}")
    return float(value)


def per_channel(given: Any, key: str, channels: int) -> tuple[float, ...]:
    """One number for each channel; a single one counts for all.

    Raises:
        InputUnknown
    """
    numbers: Sequence[Any] = given if isinstance(given, list | tuple) else [given] * channels
    if not all(map(_is_number, numbers)):
        raise InputUnknown(f"{key}: expected a number for each channel, got {str(given)[:64]}; {OWN_FILE}")
    return tuple(float(one) for one in numbers)


def whole_numbers(values: Mapping[str, Any], key: str, count: int) -> tuple[int, ...]:
    """So many whole numbers of a key.

    Raises:
        InputUnknown
    """
    given = values.get(key)
    if not isinstance(given, list | tuple) or len(given) != count or not all(map(_is_whole, given)):
        raise InputUnknown(f"{key}: expected {count} whole numbers, got {str(given)[:64]}; {OWN_FILE}")
    return tuple(given)


def length(values: Mapping[str, Any], key: str, within: str = "") -> int:
    """A number of pixels. `within` begins its name in messages.

    Raises:
        InputUnknown
    """
    value = values.get(key)
    if not _is_whole(value):
        raise InputUnknown(f"{within}{key}: expected a number of pixels, got {str(value)[:64]}; {OWN_FILE}")
    return value


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST_NUMBER


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_NUMBER
