"""What the commands of `modicum-server` share: how help pages look, and how they read settings, print and end."""

import os
import sys
from typing import Any, NoReturn, TextIO

import typer
from modicum.cli.help_pages import hide_types
from typer.core import TyperCommand, TyperGroup

from modicum_server.settings import Settings

USAGE = 2
NOT_COMPLETED = 3


class Group(TyperGroup):
    """A group whose --help is listed as a flag, and whose help takes the width of the page."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.help = _unwrapped(self.help)

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option --help."""
        return _as_flag(super().get_help_option(ctx))


class Command(TyperCommand):
    """A command whose --help is listed as a flag, whose arguments have no braces, and whose help takes the width."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.help = _unwrapped(self.help)
        hide_types(self.params)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the parts of the usage line."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option --help."""
        return _as_flag(super().get_help_option(ctx))


def _unwrapped(text: str | None) -> str:
    """Return a help with each paragraph on one line: the page wraps it."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in (text or "").split("\n\n"))


def _as_flag(option: Any) -> Any:
    if option is not None:
        option.metavar = ""
    return option


def settings_with(**given: Any) -> Settings:
    """Return the settings from the environment, overridden by the options."""
    return Settings(**{name: value for name, value in given.items() if value is not None})


def required(settings: Settings) -> Settings:
    """Return settings that name a database and an artifact store, or end the command with a message."""
    missing = (
        [] if settings.database_url.get_secret_value() else ["MODICUM_DATABASE_URL (postgresql://user@host/database)"]
    )
    if not settings.artifacts_url:
        missing.append("MODICUM_ARTIFACTS_URL (a folder or an fsspec URL)")
    if missing:
        end(
            USAGE,
            f"not set: {', '.join(missing)}; set it, or run a whole server on this machine with `modicum-server up`",
        )
    return settings


def say(text: str) -> None:
    """Print a line to stdout, for a command whose exit code is a verdict: printing never changes it.

    Where the reader left, this line and all later ones are discarded. Another failure is also told on stderr.
    """
    try:
        typer.echo(text)
    except BrokenPipeError:
        _discard(sys.stdout)
    except OSError as error:
        _discard(sys.stdout)
        _tell(f"stdout could not be written: {error.strerror}; the exit code is still valid")


def end(code: int, message: str) -> NoReturn:
    """End the command with a message on stderr, if somebody reads that."""
    _tell(message)
    raise SystemExit(code)


def _tell(message: str) -> None:
    try:
        typer.echo(message, err=True)
    except OSError:
        _discard(sys.stderr)


def _discard(stream: TextIO) -> None:
    """Send what the stream still holds, and all that follows, to /dev/null."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
