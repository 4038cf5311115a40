"""The commands `modicum` and `modicum-server`, from their typer applications."""

from collections.abc import Iterator
from typing import Any

import typer
from modicum.cli.command import app as client
from modicum_server.cli import app as server

from docs.generators.markdown import code, table

UNGROUPED = "Options"
AS_IT_STANDS = "\b"
"""Begins a paragraph of a help whose lines are not wrapped."""


def client_page() -> str:
    """Every command of `modicum`."""
    return "\n".join(_sections(typer.main.get_command(client), "modicum"))


def server_page() -> str:
    """Every command of `modicum-server`."""
    return "\n".join(_sections(typer.main.get_command(server), "modicum-server"))


def _sections(command: Any, path: str) -> Iterator[str]:
    """The command's own section, unless it only groups others; then those of its commands."""
    inner = getattr(command, "commands", {})
    if not inner:
        yield from _section(command, path)
    for name, each in inner.items():
        if not each.hidden:
            yield from _sections(each, f"{path} {name}")


def _section(command: Any, path: str) -> Iterator[str]:
    context = typer.Context(command, info_name=path)
    usage = " ".join((path, *command.collect_usage_pieces(context)))
    yield f"## {code(path)}\n\n{command.help or ''}\n\n```text\n{usage}\n```\n"
    shown = [each for each in command.params if not getattr(each, "hidden", False) and each.help]
    arguments = [each for each in shown if each.param_type_name == "argument"]
    options = [each for each in shown if each.param_type_name == "option" and each.name != "help"]
    if arguments:
        yield table(("argument", "meaning"), ((code(each.name.upper()), each.help) for each in arguments))
    for heading in dict.fromkeys(map(_heading, options)):
        yield f"**{heading}**\n"
        yield table(("option", "meaning"), (_option(each, context) for each in options if _heading(each) == heading))


def _heading(option: Any) -> str:
    return getattr(option, "rich_help_panel", None) or UNGROUPED


def _option(option: Any, context: typer.Context) -> tuple[str, str]:
    written, said = option.get_help_record(context)
    meaning, _, example = said.partition(AS_IT_STANDS)
    lines = ", ".join(code(line) for line in example.splitlines() if line)
    return code(written), meaning.replace("*", "\\*") + lines
