"""Path templates of `google.api.http`, such as `/v1/{name=projects/*/models/*}:verb`, and the paths that match them.

Reads only the syntax that the contract uses: literals, variables of `*` and literals, and a custom verb at the end.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote

from modicum_server.errors import FieldInvalid

_PART = re.compile(r"\{(?P<field>[a-z_.]+)(?:=(?P<pattern>[^{}]+))?\}|(?P<literal>[^{}]+)")
_ONE_SEGMENT = "[^/:]+"


@dataclass(frozen=True)
class PathTemplate:
    """A template; `text` is its text in the contract."""

    text: str

    @cached_property
    def variables(self) -> tuple[tuple[str, str], ...]:
        """Return the bound fields, each with its pattern."""
        return tuple((part["field"], part["pattern"] or "*") for part in _parts(self.text) if part["field"])

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        return re.compile("".join(_expression_of(part) for part in _parts(self.text)))

    def match(self, path: str) -> dict[str, str] | None:
        """Return the bound fields, still percent-encoded; None when the path does not match."""
        found = self._expression.fullmatch(path)
        return None if found is None else dict(zip((field for field, _ in self.variables), found.groups(), strict=True))

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """Return the segments of the path, with patterns in place of variables: `("v1", "projects", "*", ...)`."""
        flat = "".join(part["literal"] or part["pattern"] or "*" for part in _parts(self.text))
        return tuple(flat.strip("/").split("/"))


def decoded(field: str, value: str) -> str:
    """Return a percent-decoded part of a path or query.

    Raises:
        FieldInvalid: it is not UTF-8.
    """
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise FieldInvalid(field, "the path cannot be read; expected percent-encoded UTF-8") from None


def _parts(text: str) -> list[re.Match[str]]:
    return list(_PART.finditer(text))


def _expression_of(part: re.Match[str]) -> str:
    if part["field"] is None:
        return re.escape(part["literal"])
    pattern = part["pattern"] or "*"
    return "(" + _ONE_SEGMENT.join(re.escape(literal) for literal in pattern.split("*")) + ")"
