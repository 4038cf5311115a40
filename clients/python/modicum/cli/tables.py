"""Tables that fit a terminal: one that is too wide becomes several, each with the first column and some of the others.

No number is broken: a column is at least as wide as its widest cell, unless it holds prose, which wraps between words.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.table import Table

#: What rich puts around the content of a column: a space on each side, and a line.
FRAME_COLUMNS = 3
#: The narrowest prose, where the terminal has room for it.
PROSE_COLUMNS = 30


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, and whether its cells are numbers (set to the right) or prose (may be wrapped)."""

    title: str
    number: bool = False
    prose: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """A table as plain text: one cell a column in each row. The first column says what a row is about.

    A line is drawn below the rows whose places are in `sections`. Without `headed`, the titles are not shown.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    title: str = ""
    caption: str = ""
    sections: Sequence[int] = ()
    headed: bool = True


def print_grid(console: Console, grid: Grid) -> None:
    """Print a table in as many parts as the width of the console takes."""
    parts = list(_parts(grid, console.width))
    for number, places in enumerate(parts, start=1):
        title = grid.title if len(parts) == 1 else f"{grid.title} ({number} of {len(parts)})".strip()
        caption = grid.caption if number == len(parts) else ""
        console.print(
            _table(grid, dict(zip(places, _widths(grid, places, console.width), strict=True)), title, caption)
        )


def _parts(grid: Grid, width: int) -> Iterator[list[int]]:
    """Yield the places of the columns of each part. A part has the first column, and at least one more if there is."""
    least = [_least(grid, place, width) + FRAME_COLUMNS for place in range(len(grid.columns))]
    part = [0]
    for place in range(1, len(grid.columns)):
        if len(part) > 1 and sum(least[one] for one in part) + least[place] + 1 > width:
            yield part
            part = [0]
        part.append(place)
    yield part


def _widths(grid: Grid, places: Sequence[int], width: int) -> list[int]:
    """The widths of columns side by side: the least of each, and what is left to the first ones that would wrap."""
    widths = [_least(grid, place, width) for place in places]
    spare = width - 1 - sum(widths) - FRAME_COLUMNS * len(widths)
    for number, place in enumerate(places):
        more = max(0, min(spare, _whole(grid, place) - widths[number]))
        widths[number] += more
        spare -= more
    return widths


def _least(grid: Grid, place: int, width: int) -> int:
    """The least width of a column: nothing but prose, and titles, is wrapped. Any two columns fit."""
    column = grid.columns[place]
    title = max(map(cell_len, column.title.split()), default=0)
    longest = _longest_cell(grid, place)
    least = max(title, min(longest, PROSE_COLUMNS) if column.prose else longest)
    return min(least, max(1, (width - 1) // 2 - FRAME_COLUMNS))


def _whole(grid: Grid, place: int) -> int:
    """The width at which nothing is wrapped."""
    return max(cell_len(grid.columns[place].title), _longest_cell(grid, place))


def _longest_cell(grid: Grid, place: int) -> int:
    return max((cell_len(line) for row in grid.rows for line in row[place].splitlines()), default=0)


def _table(grid: Grid, widths: Mapping[int, int], title: str, caption: str) -> Table:
    """A part of the table: the columns at the places that `widths` has."""
    table = Table(
        show_header=grid.headed,
        title=escape(title) or None,
        title_justify="left",
        caption=escape(caption) or None,
        caption_justify="left",
    )
    for place, width in widths.items():
        column = grid.columns[place]
        justify: JustifyMethod = "right" if column.number else "left"
        table.add_column(escape(column.title), justify=justify, overflow="fold", width=width)
    for number, row in enumerate(grid.rows):
        table.add_row(*(escape(row[place]) for place in widths), end_section=number in grid.sections)
    return table
