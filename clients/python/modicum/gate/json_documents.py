"""Documents in JSON, as results, verdicts and baselines are stored. Must not know what they hold."""

import json
import math
import re
from typing import Any

from modicum.errors import InvalidSource

MAY_BE_HALF = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]")
"""What half of a surrogate pair begins with in JSON; whole pairs begin so, too."""
MOST_SHOWN = 60
"""Characters of a number that a message shows."""


def json_document(data: bytes, source: str, *, called: str) -> dict[str, Any]:
    """Return the document in a file's bytes. Messages name the `source`, and what was expected as `called`.

    Raises:
        InvalidSource: it is no JSON object.
    """
    try:
        document = json.loads(
            data, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_whole, object_pairs_hook=_once
        )
        _refuse_halves(data, document)
    except UnicodeEncodeError as error:
        why = "it has text that is not Unicode (half of a surrogate pair)"
        raise InvalidSource(f"{source}: expected {called} in JSON; {why}") from error
    except RecursionError as error:
        raise InvalidSource(f"{source}: expected {called} in JSON; it has too many levels of lists") from error
    except ValueError as error:
        raise InvalidSource(f"{source}: expected {called} in JSON; {error}") from error
    if not isinstance(document, dict):
        raise InvalidSource(f"{source}: expected {called}, got {type(document).__name__}")
    return document


def _refuse_halves(data: bytes, document: Any) -> None:
    """Refuse text that no output can hold.

    Raises:
        UnicodeEncodeError: there is some.
    """
    if MAY_BE_HALF.search(data):
        json.dumps(document, ensure_ascii=False).encode()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these keys and values. Of a key that stands twice, other programs may read the other value."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} occurs twice in one object")
    return found


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is not valid JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        shown = text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}… ({len(text):,} characters)"
        raise ValueError(f"{shown} is too large a number")
    return number


def _whole(text: str) -> int:
    _finite(text)
    return int(text)
