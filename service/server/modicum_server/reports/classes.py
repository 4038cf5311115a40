"""The measures by class as one table, a row for each class, those with most images first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modicum_server.measures.measure_sets import Titles
from modicum_server.reports.lines import Line, Measures, line, ordered, title_of
from modicum_server.reports.wording import class_text

MOST_ROWS = 20
FEWEST_CLASSES = 2
"""With one class, the table of all measures says everything."""


@dataclass(frozen=True, slots=True)
class Classes:
    """The table. A cell of `rows` is None where its measure has no image of the class."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Line | None, ...]], ...]
    left_out: int

    @property
    def lacks_images(self) -> bool:
        """Whether a measure has no image of a class that is shown."""
        return any(cell is None for _, cells in self.rows for cell in cells)


def classes(measures: Measures, known: Titles, labels: Sequence[str]) -> Classes | None:
    """Return the table of all measures with groups; None with fewer than two classes."""
    split = {name: measures[name] for name in ordered(measures, known) if measures[name].get("groups")}
    images: dict[str, int] = {}
    for entry in split.values():
        for index, group in entry["groups"].items():
            images[index] = max(images.get(index, 0), group["n"])
    if len(images) < FEWEST_CLASSES:
        return None
    shown = sorted(images, key=lambda index: (-images[index], int(index)))[:MOST_ROWS]
    beyond = max(entry["parameters"].get("classes_left_out", 0) for entry in split.values())
    return Classes(
        columns=tuple(title_of(name, entry, known) for name, entry in split.items()),
        rows=tuple((class_text(int(index), labels), _cells(split, index)) for index in shown),
        left_out=len(images) - len(shown) + beyond,
    )


def _cells(split: Mapping[str, Mapping[str, Any]], index: str) -> tuple[Line | None, ...]:
    return tuple(line(entry["groups"][index], "") if index in entry["groups"] else None for entry in split.values())
