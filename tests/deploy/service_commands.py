"""The commands and options of `modicum-server`, by introspection."""

import click
from modicum_server.cli import app
from typer.main import get_command


def commands() -> set[tuple[str, ...]]:
    """Return every command, including those in groups with the group's name first."""
    return set(_below(get_command(app), ()))


def options(words: tuple[str, ...]) -> set[str]:
    """Return the options of one command."""
    found = get_command(app)
    for word in words:
        found = found.commands[word]
    return {name for parameter in found.params for name in parameter.opts}


def _below(command: click.Command, words: tuple[str, ...]) -> list[tuple[str, ...]]:
    children = getattr(command, "commands", None)
    if children is None:
        return [words]
    return [found for name, child in children.items() for found in _below(child, (*words, name))]
