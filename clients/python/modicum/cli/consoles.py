"""The consoles: results go to stdout, everything else to stderr."""

import json
import sys
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any

from rich.console import Console

#: Columns of a table that is written to a file or a pipe.
PLAIN_WIDTH = 140


def stdout() -> Console:
    """The console of stdout. It is wide if stdout is not a terminal, so that tables are not cut."""
    return Console(emoji=False) if sys.stdout.isatty() else Console(width=PLAIN_WIDTH, no_color=True, emoji=False)


def stderr() -> Console:
    """The console of stderr."""
    return Console(stderr=True, highlight=False, emoji=False)


def print_error(text: str) -> None:
    """Print an error to stderr."""
    stderr().print(f"modicum: {text}", markup=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Print a dataclass or a plain value to stdout as JSON."""
    sys.stdout.write(json.dumps(value, indent=2, default=_plain, ensure_ascii=False) + "\n")


def print_json_line(value: Any) -> None:
    """Print a value to stdout as one line of JSON, without delay."""
    sys.stdout.write(json.dumps(value, default=_plain, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
