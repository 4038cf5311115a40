"""Wraps long lines of a generated page. Tables, pictures and headings stay on one line."""

import re
import textwrap

LONGEST_LINE_CHARACTERS = 120
_KEPT = ("|", "!", "#")
_BULLET = re.compile(r"(- )?")


def wrapped(page: str) -> str:
    """The page with no line of prose over 120 characters."""
    return "\n".join(_broken(line) for line in page.split("\n"))


def _broken(line: str) -> str:
    if len(line) <= LONGEST_LINE_CHARACTERS or line.startswith(_KEPT):
        return line
    bullet = _BULLET.match(line)
    return textwrap.fill(
        line,
        LONGEST_LINE_CHARACTERS,
        subsequent_indent=" " * len(bullet.group() if bullet else ""),
        break_long_words=False,
        break_on_hyphens=False,
    )
