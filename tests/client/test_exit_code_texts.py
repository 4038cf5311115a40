"""Help texts and tables say of an exit code what the client's table of exit codes means by it."""

import re

import pytest
from modicum.cli import exit_codes
from modicum.cli.exit_codes import DONE, INCONCLUSIVE, INTERRUPTED, NOT_COMPLETED, REFUSED, USAGE, VIOLATED

from tests.client.test_help import COMMANDS
from tests.docs.documents import ROOT

CODES = {value for name, value in vars(exit_codes).items() if name.isupper() and isinstance(value, int)}
#: What a table says of each code, whatever else it says.
IN_TABLES = {
    DONE: "done",
    VIOLATED: "FAIL",
    USAGE: "wrong usage",
    NOT_COMPLETED: "not completed",
    INCONCLUSIVE: "INCONCLUSIVE",
    REFUSED: "refused",
    INTERRUPTED: "interrupted",
}
#: How a help text begins what it says of a code that means the same for every command.
IN_HELP = {
    USAGE: "wrong usage",
    NOT_COMPLETED: "not completed",
    REFUSED: "model or data refused",
    INTERRUPTED: "interrupted",
}
OF_EVERY_COMMAND = {DONE, USAGE, NOT_COMPLETED, INTERRUPTED}
NAMING_CODES = {name: command.help for name, command in COMMANDS.items() if "Exit codes:" in command.help}


def codes_in(help_text: str) -> dict[int, str]:
    said = help_text.partition("Exit codes:")[2].partition("\n")[0]
    return {int(code): words for code, words in re.findall(r"\b(\d+) ([^,;.]+)", said)}


@pytest.mark.parametrize("page", ["docs/reference/command.md"])
def test_a_table_has_every_exit_code_with_its_meaning(page):
    rows = dict(re.findall(r"^\| (\d+) \| (.*) \|$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE))

    assert {int(code) for code in rows} == CODES == set(IN_TABLES)
    for code, words in IN_TABLES.items():
        assert words in rows[str(code)]


def test_the_help_of_every_command_that_judges_names_exit_codes():
    assert {"audit", "gate", "judge", "verify", "ensemble check"} <= set(NAMING_CODES)


@pytest.mark.parametrize("name", NAMING_CODES)
def test_a_help_text_says_the_meaning_of_its_exit_codes(name):
    said = codes_in(NAMING_CODES[name])

    assert OF_EVERY_COMMAND <= set(said) <= CODES
    for code, meaning in IN_HELP.items():
        assert said.get(code, meaning).startswith(meaning)
