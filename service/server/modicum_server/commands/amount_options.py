"""Amounts in options of the operator's commands: bytes, such as 50MB, and times, such as 30d."""

import re
from datetime import timedelta
from typing import Annotated

import typer

from modicum_server.command_parts import USAGE, end

BYTES = {"": 1, "kB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}
TIMES = {"m": "minutes", "h": "hours", "d": "days"}

Rate = Annotated[
    str, typer.Option("--rate", metavar="BYTES", help="Read at most this many bytes a second, such as 50MB.")
]


def rate_of(text: str) -> float | None:
    """Return the bytes a second in an option such as 50MB; None if it was not given."""
    return float(bytes_of("--rate", text)) if text else None


def bytes_of(option: str, text: str) -> int:
    """Return the bytes in an option such as 50MB."""
    found = re.fullmatch("([0-9]{1,9})(|kB|MB|GB)", text, re.ASCII)
    if found is None or int(found[1]) == 0:
        end(USAGE, f"{option}: expected a number of bytes, kB, MB or GB, such as 50MB; got {text!r}")
    return int(found[1]) * BYTES[found[2]]


def duration_of(option: str, text: str) -> timedelta:
    """Return the time in an option such as 30d."""
    found = re.fullmatch("([0-9]{1,6})([mhd])", text, re.ASCII)
    if found is None:
        end(USAGE, f"{option}: expected a number and m, h or d, such as 12h or 90d; got {text!r}")
    return timedelta(**{TIMES[found[2]]: int(found[1])})
