"""The demo's commands are ones that the command line takes: one that is renamed must be renamed there too."""

import itertools
from pathlib import Path

import pytest
from modicum.cli.command import app
from modicum_server.demo import __main__ as demo
from modicum_server.demo.packaged import MODELS, DemoFiles
from typer.testing import CliRunner

FOLDER = Path("somewhere")
FILES = DemoFiles(FOLDER, FOLDER / "photos.csv", FOLDER / "classes.txt", {name: FOLDER / name for name in MODELS}, 20)
AUDIT = list(demo.audit_commands("lite0", FILES, passes=50, control_images=2))
CHECK = list(demo.ensemble_commands("lite0", FILES, passes=10))


@pytest.mark.parametrize("words", [*AUDIT, *CHECK], ids=lambda words: " ".join(words[:2]))
def test_every_command_of_the_demo_has_options_that_exist(words):
    done = CliRunner().invoke(app, [*words, "--help"])

    assert done.exit_code == 0, done.output


def test_the_ensemble_is_of_all_models_and_each_is_registered_once():
    created = [words[2] for words in (*AUDIT, *CHECK) if words[:2] == ["models", "create"]]
    checked = CHECK[-1]

    members = [word for before, word in itertools.pairwise(checked) if before == "--member"]
    assert members == sorted(created) == [f"efficientnet-{name}" for name in MODELS]


@pytest.mark.parametrize(("code", "ends"), [(0, False), (1, False), (4, False), (3, True), (5, True)])
def test_a_verdict_is_an_answer_and_anything_else_ends_the_demo(code, ends):
    assert (code not in demo.VERDICTS["ensemble"]) == ends
