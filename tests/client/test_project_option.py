"""`--project` of the commands: it goes before MODICUM_PROJECT, for one command alone."""

import os
from collections.abc import Iterator

import pytest
import typer
from modicum.cli.command import app
from typer.testing import CliRunner

WITHOUT_A_SERVER = {"policy init", "policy check", "policy explain", "render", "attest"}


def commands(group, names: tuple[str, ...] = ()) -> Iterator[tuple[str, object]]:
    """Every command with its words."""
    for name, one in getattr(group, "commands", {}).items():
        words = (*names, name)
        if getattr(one, "commands", None):
            yield from commands(one, words)
        else:
            yield " ".join(words), one


def test_every_command_that_calls_a_server_has_it():
    every = dict(commands(typer.main.get_command(app)))

    without = {words for words, one in every.items() if not any("--project" in option.opts for option in one.params)}
    assert without == WITHOUT_A_SERVER
    assert len(every) > 40


@pytest.fixture
def served(address, monkeypatch):
    """Commands find the scripted server."""
    monkeypatch.setenv("MODICUM_ADDRESS", address)


@pytest.mark.parametrize(
    ("variable", "option", "project"),
    [("team-a", "team-b", "team-b"), ("", "team-b", "team-b"), ("team-a", "", "team-a"), ("", "", "default")],
)
def test_it_goes_before_the_variable(served, script, variable, option, project):
    words = ["models", "list", *(["--project", option] if option else [])]

    done = CliRunner().invoke(app, words, env={"MODICUM_PROJECT": variable or None})

    assert done.exit_code == 0, done.output
    assert script.calls["ListModels"][0].parent == f"projects/{project}"


def test_the_variable_is_as_before_when_the_command_has_ended(served, monkeypatch):
    monkeypatch.setenv("MODICUM_PROJECT", "team-a")

    CliRunner().invoke(app, ["models", "list", "--project", "team-b"])

    assert os.environ["MODICUM_PROJECT"] == "team-a"
