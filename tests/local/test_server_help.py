"""The help pages of `modicum-server`: paragraphs take the whole width, at every usual one."""

from itertools import pairwise

import pytest
import typer
from modicum_server.cli import app
from typer.testing import CliRunner

MARGIN = 2
"""Columns that a page leaves free: one on each side."""


def pages(group, path=()):
    yield " ".join(path)
    for name, command in group.commands.items():
        yield from pages(command, (*path, name)) if hasattr(command, "commands") else (" ".join((*path, name)),)


PAGES = list(pages(typer.main.get_command(app)))


def prose(name, width):
    """The lines of a page above its first box."""
    done = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": str(width)})
    assert done.exit_code == 0, done.output
    return [line.strip() for line in done.output.partition("╭")[0].splitlines()]


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", PAGES)
def test_a_line_ends_where_the_next_word_has_no_room(name, width):
    lines = prose(name, width)

    short = [
        line
        for line, following in pairwise(lines)
        if line and following and len(f"{line} {following.split()[0]}") <= width - MARGIN
    ]
    assert short == []


def test_paragraphs_stay_apart():
    lines = prose("migrate", 120)
    begin = next(number for number, line in enumerate(lines) if line.startswith("If MODICUM_OWNER_DATABASE_URL"))

    assert lines[begin - 1] == ""
    assert lines[begin - 2].endswith("the schema of this release.")


@pytest.mark.parametrize("name", ["backup", "token rotate", "endpoint add"])
def test_an_argument_has_neither_braces_nor_a_python_type(name):
    shown = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "120"}).output

    assert not [sign for sign in ("{", "<str>", "<path>") if sign in shown]
