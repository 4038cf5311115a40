"""What the commands of `modicum-server` share: how they list --help, read the settings, and end with a message."""

from typing import Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from modicum_server.settings import Settings

USAGE = 2
NOT_COMPLETED = 3


class Group(TyperGroup):
    """A group whose --help is listed as a flag."""

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option --help."""
        return _as_flag(super().get_help_option(ctx))


class Command(TyperCommand):
    """A command whose --help is listed as a flag."""

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option --help."""
        return _as_flag(super().get_help_option(ctx))


def _as_flag(option: Any) -> Any:
    if option is not None:
        option.metavar = ""
    return option


def settings_with(**given: Any) -> Settings:
    """Return the settings from the environment, overridden by the options."""
    return Settings(**{name: value for name, value in given.items() if value is not None})


def end(code: int, message: str) -> NoReturn:
    """End the command with a message on stderr."""
    typer.echo(message, err=True)
    raise SystemExit(code)
