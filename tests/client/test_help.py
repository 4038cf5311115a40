"""The help pages of `modicum`: readable at every usual width, and every option of a group has its one declaration."""

from dataclasses import fields

import pytest
import typer
from modicum.cli import options
from modicum.cli.command import app
from modicum.sources.inputs import input_specification
from typer.testing import CliRunner

#: Commands that run audits, with the groups of options that each of them has.
SHARED = (options.SearchOptions, options.ControlOptions, options.StatisticsOptions, options.RunOptions)
GROUPS = {
    "audit": (*SHARED, options.MethodOptions, options.ModelOptions, options.ImageOptions, options.OutputOptions),
    "audits create": (*SHARED, options.MethodOptions),
    "ensemble check": (*SHARED, options.OutputOptions),
}


def commands(group, path=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(commands(typer.main.get_command(app)))


def page(name, width):
    done = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": str(width)})
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.long_after(12)
@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", COMMANDS)
def test_no_word_number_or_option_wraps_in_the_middle_of_itself(name, width):
    shown = set(page(name, width).replace("│", " ").split())

    for parameter in COMMANDS[name].params:
        names = {option for option in parameter.opts if option.startswith("--")}
        words = parameter.help.replace("\b", "").split()
        assert names | {*words, *parameter.metavar.split()} <= shown
    assert not [line for line in page(name, width).splitlines() if len(line) > width or "…" in line]


@pytest.mark.parametrize("name", GROUPS)
def test_the_options_of_a_long_command_stand_under_headings(name):
    shown = page(name, 80)

    for heading in ("Images", "Search", "Controls", "Statistics", "Run", "Output"):
        assert shown.count(f"─ {heading} ─") == 1
    assert "─ Options ─" not in shown


@pytest.mark.parametrize("name", GROUPS)
def test_a_command_has_every_option_of_its_groups(name):
    mine = {parameter.name for parameter in COMMANDS[name].params}

    for group in GROUPS[name]:
        assert {field.name for field in fields(group)} <= mine


def test_an_option_that_commands_share_is_the_same_in_each():
    for group in options.SearchOptions, options.ControlOptions:
        for field in fields(group):
            found = [
                (one.opts, one.help, one.metavar, one.rich_help_panel, one.default)
                for command in GROUPS
                for one in COMMANDS[command].params
                if one.name == field.name
            ]
            assert len(found) == len(GROUPS)
            assert all(one == found[0] for one in found)


@pytest.mark.parametrize(
    ("name", "others"),
    [("audits export-subsets", "export-fiftyone"), ("audits export-fiftyone", "export-subsets")],
)
def test_an_export_names_the_other_one_and_the_table(name, others):
    shown = page(name, 80)

    assert others in shown
    assert "Client().audits.get(AUDIT).result().to_pandas()" in shown


def test_paragraphs_of_a_help_page_take_its_width():
    lines = [line.strip() for line in page("ensemble check", 120).splitlines()]

    assert [len(line) > 100 for line in lines if line.startswith(("Exit codes", "At each threshold"))] == [True, True]


@pytest.mark.parametrize("name", ["audit", "gate", "models create"])
def test_the_example_of_an_input_file_can_be_pasted(name, tmp_path):
    lines = [line.strip(" │") for line in page(name, 80).splitlines()]
    begin = next(number for number, line in enumerate(lines) if line.endswith("height = 224"))
    example = [line.rsplit("  ", 1)[-1] for line in lines[begin : begin + 5]]
    (tmp_path / "input.toml").write_text("\n".join(example))

    assert input_specification(tmp_path / "input.toml") == input_specification("imagenet")


@pytest.mark.parametrize("name", ["audit", "plan", "models ensemble", "policy check"])
def test_an_argument_has_neither_braces_nor_a_python_type(name):
    shown = page(name, 120)

    assert not [sign for sign in ("{", "[[", "<str>", "<path>", "<list") if sign in shown]
