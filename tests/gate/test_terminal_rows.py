"""A verdict takes ten rows of a terminal of 80 columns at most, and no number is broken between two of them."""

import io
import re

import pytest
from modicum.cli.consoles import print_text
from modicum.gate.rendering.terminal import MOST_LINES, next_step, terminal_lines
from rich.console import Console

from tests.gate.documents import CLEAN, document, place, row, share, verdict

LONG = "king penguin, Aptenodytes patagonica, of the southern islands"
NAMES = [f"fill-survival-{fill}" for fill in ("white", "black", "blur", "noise")]
RULES = "".join(f"  {name}: {{max: 0.9}}\n" for name in [*NAMES, "accuracy", "eligible-share"])
ACCEPTED = "".join(
    f"  - {{rule: spot, class: '{LONG} {at}', place: moving, reason: {'it is the bird itself ' * 9}, owner: us}}\n"
    for at in range(8)
)
FOUND = [row(at, place((20, 0), own=at < 8), label=f"{LONG} {at}") for at in range(9)]
VERDICTS = {
    "one rule": ("", [row(0, place((20, 0)), label="cat")]),
    "many rules": (f"rules:\n  spot: error\n{RULES}", FOUND),
    "many excuses": (f"rules:\n  spot: error\n{RULES}accept:\n{ACCEPTED}", FOUND),
}


def shown(lines, width) -> list[str]:
    """The rows of a terminal."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    for line in lines:
        print_text(console, line)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("name", VERDICTS)
def test_a_verdict_takes_ten_rows_of_eighty_columns(name):
    policy, found = VERDICTS[name]
    given = verdict(policy, document({"accuracy": share(90, 100)}, spots=(CLEAN[0], *found))).as_json()

    rows = shown(terminal_lines(given), 80)

    assert len(rows) <= MOST_LINES
    assert max(map(len, rows)) <= 80
    assert rows[0].startswith(given["summary"].split(":")[0])


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_number_of_a_verdict_is_broken(width):
    policy, found = VERDICTS["many excuses"]
    lines = terminal_lines(
        verdict(policy, document({"accuracy": share(9_000, 10_000)}, spots=(CLEAN[0], *found))).as_json()
    )

    rows = shown(lines, width)

    numbers = re.compile(r"\d[\d.,]*%?")
    assert numbers.findall(" ".join(rows)) == numbers.findall(" ".join(lines))


def test_what_is_cut_ends_between_words_and_says_so():
    policy, found = VERDICTS["many excuses"]
    given = verdict(policy, document({"accuracy": share(90, 100)}, spots=(CLEAN[0], *found))).as_json()

    lines = terminal_lines(given)

    whole = f"note: {given['excused'][0]}"
    assert lines[2].endswith(" …")
    assert whole.startswith(lines[2].removesuffix(" …"))
    assert lines[-1].startswith("and ")


@pytest.mark.parametrize(
    ("policy", "follow", "says"),
    [
        ("", (20, 0), ["accept"]),
        ("", (6, 34), ["modicum plan", "accept"]),
        ("rules:\n  spot: off\n  accuracy: {min: 0.95}\n", (20, 0), []),
        ("require: {passes: 9999}\nrules:\n  spot: off\n  accuracy: {min: 0.5}\n", (20, 0), ["modicum plan"]),
        ("rules:\n  spot: off\n  accuracy: {min: 0.5}\n", (20, 0), []),
    ],
    ids=["FAIL by a spot", "an open spot", "FAIL by another rule", "INCONCLUSIVE by another rule", "PASS"],
)
def test_the_next_step_is_told_where_there_is_one(policy, follow, says):
    found = [CLEAN[0], row(1, place(follow), label="dog"), CLEAN[2]]

    told = next_step(verdict(policy, document({"accuracy": share(85, 100)}, spots=found)).as_json())

    assert [part for part in ("modicum plan", "accept") if part in told] == says
    assert bool(told) == bool(says)
