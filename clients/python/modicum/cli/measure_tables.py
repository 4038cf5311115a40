"""Tables of the measures of one version and one search. The result document says which measures there are."""

from collections.abc import Callable, Iterable

from modicum.cli.tables import Column, Grid
from modicum.gate.numbers import exact_percent, percent
from modicum.measures import Measure, interval_text, value_text
from modicum.results import SearchResult

#: Rows of the table of classes. The other classes are only counted.
MOST_CLASSES = 20
FEWEST_CLASSES = 2


def measures_table(search: SearchResult) -> Grid:
    """Every measure that has a value, headline measures first. A headline measure without a value shows why."""
    measures = list(search.measures.values())
    headline = [measure for measure in measures if measure.headline]
    details = [one for one in measures if not one.headline and one.value is not None]
    without = len(measures) - len(headline) - len(details)
    return Grid(
        title="measures",
        columns=(
            Column("measure", prose=True),
            Column("value", number=True),
            Column(_interval_title(measures), prose=True),
            Column("n", number=True),
        ),
        rows=[(_title(one), value_text(one), interval_text(one), f"{one.n:,}") for one in (*headline, *details)],
        sections=(len(headline) - 1,),
        caption=f"{without} more measures have no value; the report says why" if without else "",
    )


def classes_table(search: SearchResult, class_name: Callable[[int], str]) -> Grid | None:
    """The measures of each class, classes with the most images first. None if there are fewer than two classes."""
    split = [measure for measure in search.measures.values() if measure.groups]
    images: dict[str, int] = {}
    for measure in split:
        for index, group in measure.groups.items():
            images[index] = max(images.get(index, 0), group.n)
    if len(images) < FEWEST_CLASSES:
        return None
    by = "predicted class" if search.search.get("target_rule", "predicted") == "predicted" else "target class"
    shown = sorted(images, key=lambda index: (-images[index], int(index)))[:MOST_CLASSES]
    beyond = max(measure.parameters.get("classes_left_out", 0) for measure in split)
    left_out = len(images) - len(shown) + beyond
    return Grid(
        title="measures by class",
        columns=(
            Column(by, prose=True),
            Column("images", number=True),
            *(Column(measure.title, number=True) for measure in split),
        ),
        rows=[
            (
                class_name(int(index)),
                f"{images[index]:,}",
                *(_cell(measure.groups[index]) if index in measure.groups else "" for measure in split),
            )
            for index in shown
        ],
        caption=f"and {left_out:,} more classes; the report has them: --output FILE.json" if left_out else "",
    )


def _title(measure: Measure) -> str:
    chance = measure.parameters.get("chance")
    return measure.title if chance is None else f"{measure.title} (chance level {percent(chance)})"


def _interval_title(measures: Iterable[Measure]) -> str:
    level = next((measure.level for measure in measures if measure.method), None)
    return "interval" if level is None else f"{exact_percent(level)} interval"


def _cell(group: Measure) -> str:
    if group.value is None or not group.method:
        return value_text(group)
    return f"{value_text(group)} ({interval_text(group)})"
