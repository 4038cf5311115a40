"""The demo's commands are ones that the command line takes: one that is renamed must be renamed there too."""

import shlex
from itertools import pairwise
from pathlib import Path

import pytest
from modicum.cli.command import app
from modicum_server.demo import __main__ as demo
from modicum_server.demo.commands import (
    ENSEMBLE_IMAGES,
    WIDTH,
    DigitFiles,
    ensemble_command,
    gallery_command,
    gate_command,
    member_command,
    policy_command,
    printed,
)
from modicum_server.demo.digits import AUDITED
from modicum_server.demo.packaged import MODELS, Photographs
from typer.testing import CliRunner

FOLDER = Path("some where")
PHOTOGRAPHS = Photographs(FOLDER, FOLDER / "photos.csv", FOLDER / "classes.txt", dict.fromkeys(MODELS, FOLDER))
CLEAN, *OTHERS = (DigitFiles(name, FOLDER) for name in demo.MEMBERS)
COMMANDS = [
    policy_command(FOLDER),
    *(gate_command(DigitFiles(name, FOLDER)) for name in demo.EXPECTED),
    *(member_command(files) for files in OTHERS),
    ensemble_command(CLEAN, OTHERS, demo.ENSEMBLE_RESULT),
    *(gallery_command(model, PHOTOGRAPHS, demo.RESULT, passes=50) for model in MODELS),
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words[:2]))
def test_every_command_of_the_demo_has_options_that_exist(words):
    done = CliRunner().invoke(app, [*words, "--help"])

    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words[:2]))
def test_a_printed_command_can_be_pasted_and_fits_a_terminal_of_80_columns(words):
    shown = printed("modicum", words)

    assert shlex.split(shown.removeprefix("$ ").replace("\\\n", "")) == ["modicum", *words]
    assert max(map(len, shown.splitlines())) <= WIDTH < 80


def test_both_networks_are_judged_by_one_policy_and_differ_in_nothing_but_their_files():
    marked, clean = (
        [word.replace(name, "NAME") for word in gate_command(DigitFiles(name, FOLDER))] for name in demo.EXPECTED
    )

    assert marked == clean
    assert marked[marked.index("--policy") + 1] == policy_command(FOLDER)[-1]


def test_an_option_without_a_value_is_printed_by_itself():
    words = ["ensemble", "check", "--no-controls", "x", "--name", "a b", "--no-controls"]

    assert printed("modicum", words) == "$ modicum ensemble check --no-controls x --name 'a b' --no-controls"


def test_the_ensemble_has_the_clean_network_that_the_gate_registered_and_each_other_one_by_its_name():
    words = ensemble_command(CLEAN, OTHERS, demo.ENSEMBLE_RESULT)

    members = [value for option, value in pairwise(words) if option == "--member"]
    assert members == [gate_command(CLEAN)[3], *(member_command(files)[2] for files in OTHERS)]
    assert words[2] == gate_command(CLEAN)[1]
    assert ENSEMBLE_IMAGES <= AUDITED


@pytest.mark.parametrize("command", ["gate", "ensemble"])
@pytest.mark.parametrize(("code", "ends"), [(0, False), (1, False), (4, False), (3, True), (5, True)])
def test_a_verdict_is_an_answer_and_anything_else_ends_the_demo(command, code, ends):
    assert (code not in demo.VERDICTS[command]) == ends
