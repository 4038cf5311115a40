"""Options and arguments that were renamed work by their old names for one release, and say the new ones."""

import pytest
from modicum.cli.command import app
from modicum.cli.renamed_options import NEW_NAMES
from modicum.errors import InvalidArgument
from modicum.renamed_arguments import renamed
from typer.testing import CliRunner

from tests.client.test_help import COMMANDS, page

TAKEN = {
    "--classes": ("plan", "7", 7),
    "--labels": ("audit", "names.txt", "names.txt"),
    "--ood": ("ensemble check", "outside", "outside"),
    "--ood-labels": ("ensemble check", "labels.csv", "labels.csv"),
    "--passes-per-second": ("plan", "12", 12),
    "--stop-at": ("audit", "accuracy>=0.9", ["accuracy>=0.9"]),
    "--target": ("audits create", "random_other", ["random_other"]),
}
REQUIRED = {
    "plan": [],
    "audit": ["photos"],
    "ensemble check": ["photos", "--member", "a", "--member", "b"],
    "audits create": ["--model", "m", "--dataset", "d"],
}


@pytest.mark.parametrize("old", NEW_NAMES)
@pytest.mark.parametrize("form", ["{} {}", "{}={}"])
def test_an_option_takes_its_value_by_its_old_name_and_says_the_new_one(old, form, capsys):
    command, value, taken = TAKEN[old]
    new = NEW_NAMES[old]

    context = COMMANDS[command].make_context(command, [*REQUIRED[command], *form.format(old, value).split()])

    given = context.params[new.removeprefix("--").replace("-", "_")]
    assert (given if isinstance(given, list) else type(taken)(given)) == taken
    assert f"modicum: {old} is called {new} now" in capsys.readouterr().err


@pytest.mark.parametrize("old", NEW_NAMES)
def test_no_help_shows_an_old_name(old):
    assert old not in page(TAKEN[old][0], 120).replace("│", " ").split()


def test_the_new_name_says_nothing_and_a_value_is_no_name(capsys):
    words = ["--model", "m", "--dataset", "d", "--target-rule", "predicted", "--name", "--target"]

    assert COMMANDS["audits create"].make_context("create", words).params["name"] == "--target"
    assert capsys.readouterr().err == ""


def test_a_command_without_the_option_does_not_know_its_old_name():
    done = CliRunner().invoke(app, ["models", "list", "--target", "predicted"])

    assert done.exit_code == 2
    assert "No such option: --target" in done.output


class Things:
    @renamed(labels="class_labels")
    async def register(self, *, class_labels=None):
        return class_labels


async def test_an_argument_is_taken_by_its_old_name_with_a_warning():
    with pytest.warns(DeprecationWarning, match="labels is called class_labels now") as warned:
        assert await Things().register(labels="names.txt") == "names.txt"

    assert warned[0].filename == __file__


async def test_both_names_of_an_argument_are_refused():
    with pytest.raises(TypeError, match="labels and class_labels, which are the old and the new name"):
        await Things().register(labels="a", class_labels="b")


def test_the_synchronous_client_takes_old_names_too(client, tmp_path):
    with (
        pytest.warns(DeprecationWarning, match="labels is called class_labels now") as warned,
        pytest.raises(InvalidArgument, match="architecture"),
    ):
        client.models.register("m", weights=tmp_path / "w.safetensors", labels=["cat"])

    assert warned[0].filename == __file__
