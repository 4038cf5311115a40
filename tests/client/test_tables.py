"""Tables and text on terminals of any width: lines end between words, tables end between columns."""

import io
import re

import pytest
from modicum.cli.consoles import print_text
from modicum.cli.tables import Column, Grid, print_grid
from modicum.wrapping import wrapped
from rich.console import Console

CLASSES = ("king penguin, Aptenodytes patagonica", "yurt")
GRID = Grid(
    title="measures by class",
    columns=(
        Column("predicted class", prose=True),
        Column("images", number=True),
        Column("Overinterpretation rate", number=True),
        Column("Subset fraction, median", number=True),
        Column("Accuracy", number=True),
    ),
    rows=[
        (CLASSES[0], "12,345", "62% (55% to 69%)", "1.25% (1.00% to 2.25%)", "92% (65% to 99%)"),
        (CLASSES[1], "3", "100% (72% to 100%)", "0.89%", "-12.5 points"),
    ],
    caption="and 7 more classes",
)
NUMBERS = {cell for row in GRID.rows for cell in row[1:]}


def printed(grid, width):
    console = Console(file=io.StringIO(), width=width)
    print_grid(console, grid)
    return console.file.getvalue()


def cells_of(text):
    return {cell.strip() for line in text.splitlines() if line.startswith("│") for cell in line.strip("│").split("│")}


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_a_table_stays_within_the_terminal_and_breaks_no_number(width):
    text = printed(GRID, width)

    assert max(map(len, text.splitlines())) <= width
    assert cells_of(text) >= NUMBERS


@pytest.mark.parametrize(("width", "parts"), [(60, 3), (80, 2), (200, 1)])
def test_a_table_that_is_too_wide_becomes_several_with_the_same_rows(width, parts):
    text = printed(GRID, width)

    assert text.count("yurt") == parts
    assert ("(1 of " in text) is (parts > 1)
    assert text.count("and 7 more classes") == 1


def test_a_section_ends_with_a_line():
    grid = Grid(columns=(Column("a"), Column("b")), rows=[("1", "2"), ("3", "4"), ("5", "6")], sections=(0,))

    lines = printed(grid, 60).splitlines()

    assert [line[0] for line in lines[3:-1]] == ["│", "├", "│", "│"]


def test_markup_in_a_cell_is_printed_as_it_is():
    assert "[red]" in printed(Grid(columns=(Column("[b]"), Column("c")), rows=[("[red]", "x")]), 60)


LINE = "FAIL         median  (error): 62% (0.55 to 0.69 at 0.95), n = 1,204; passes with at most 0.5; 3 classes"


@pytest.mark.parametrize("width", [20, 60, 80])
def test_text_is_wrapped_between_words(width):
    lines = wrapped(LINE, width)

    assert max(map(len, lines)) <= width
    assert " ".join(" ".join(lines).split()) == " ".join(LINE.split())
    assert LINE.startswith(lines[0])


def test_wrapped_lines_keep_their_indent_and_empty_lines():
    assert wrapped("  one two three\n\nfour", 10) == ["  one two", "  three", "", "four"]


def test_a_word_that_is_too_long_stays_whole():
    path = "/data/" + "very/" * 10 + "deep.html"

    assert wrapped(f"wrote {path} now", 20) == ["wrote", path, "now"]


@pytest.mark.parametrize(("terminal", "lines"), [(True, 3), (False, 1)])
def test_only_a_terminal_gets_wrapped_lines(terminal, lines):
    console = Console(file=io.StringIO(), width=40, force_terminal=terminal)

    print_text(console, LINE)

    text = re.sub(r"\x1b\[[0-9;]*m", "", console.file.getvalue())
    assert len(text.splitlines()) == lines
