"""The consoles: results go to stdout, everything else to stderr."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any, NoReturn, TextIO

from rich.console import Console

from modicum.errors import OutputNotWritten
from modicum.resource_names import printable
from modicum.wrapping import wrapped

#: Columns of a table that is written to a file or a pipe.
PLAIN_WIDTH = 140


class _Stdout(Console):
    """A console whose reader may leave. Rich would end the process, with a code of its own."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print, and say so where stdout cannot be written."""
        with _written():
            super().print(*objects, **options)

    def on_broken_pipe(self) -> NoReturn:
        """Leave the decision to the command."""
        raise BrokenPipeError


class _Stderr(Console):
    """A console that falls silent when its reader leaves: messages must not end the work."""

    def on_broken_pipe(self) -> None:
        """Discard this message and all later ones."""
        discard(sys.stderr)


def stdout() -> Console:
    """The console of stdout. It is wide if stdout is not a terminal, so that tables are not cut."""
    return _Stdout(emoji=False) if sys.stdout.isatty() else _Stdout(width=PLAIN_WIDTH, no_color=True, emoji=False)


def stderr() -> Console:
    """The console of stderr."""
    return _Stderr(stderr=True, highlight=False, emoji=False)


def print_text(console: Console, text: str) -> None:
    """Print text as it is. On a terminal a line that is too long ends between words; a file gets it whole.

    A word that is too long, such as a path, is left to the terminal, so that it can be copied.
    """
    lines = wrapped(text, console.width) if console.is_terminal else [text]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def printing() -> Iterator[None]:
    """Print a result whose exit code is decided. A stdout that cannot be written ends the block, not the command."""
    try:
        yield
        flush_results()
    except BrokenPipeError:
        discard(sys.stdout)
    except OutputNotWritten as error:
        print_error(f"{error}; the exit code is still valid")


def flush_results() -> None:
    """Write what stdout still holds, while a failure can still have an exit code.

    Raises:
        OutputNotWritten: its disk is full.
    """
    with _written():
        sys.stdout.flush()


@contextmanager
def _written() -> Iterator[None]:
    """Write to stdout. A full disk becomes an error of modicum; a reader that left raises BrokenPipeError as it is."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        discard(sys.stdout)
        raise OutputNotWritten(f"stdout could not be written: {error.strerror}") from error


def discard(stream: TextIO) -> None:
    """Send what the stream still holds, and all that follows, to /dev/null."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def print_error(text: str) -> None:
    """Print an error to stderr. Names in it cannot steer the terminal."""
    shown = "\n".join(map(printable, text.split("\n")))
    print_text(stderr(), f"modicum: {shown}")


def print_json(value: Any) -> None:
    """Print a dataclass or a plain value to stdout as JSON."""
    with _written():
        sys.stdout.write(json.dumps(value, indent=2, default=_plain, ensure_ascii=False) + "\n")


def say_deleted(name: str, *, as_json: bool) -> None:
    """Say that a resource is deleted: as JSON on stdout, or in words on stderr."""
    if as_json:
        print_json({"deleted": name})
    else:
        stderr().print(f"deleted {name}", markup=False)


def print_json_line(value: Any) -> None:
    """Print a value to stdout as one line of JSON, without delay."""
    with _written():
        sys.stdout.write(json.dumps(value, default=_plain, ensure_ascii=False) + "\n")
        sys.stdout.flush()


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
