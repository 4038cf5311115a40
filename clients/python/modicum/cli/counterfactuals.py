"""A counterfactual set on this machine: which images pair, what is refused before anything is sent; and its tables."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from modicum.cli.consoles import print_text
from modicum.cli.measure_tables import MOST_CLASSES
from modicum.cli.tables import Column, Grid, print_grid
from modicum.counterfactuals import CounterfactualTest
from modicum.errors import InvalidArgument
from modicum.gate.numbers import percent, points
from modicum.measures import Measure
from modicum.resource_names import printable
from modicum.results import Result
from modicum.sources.images import Image, found_in
from modicum.sources.label_names import named
from modicum.sources.skipped import NOTHING_SKIPPED, Skipped

MOST_NAMED = 5
"""Images that are named where some have no counterfactual; further ones are counted."""


@dataclass(frozen=True, slots=True)
class Counterfactuals:
    """The counterfactuals that pair with an image to audit, and the images without one."""

    photos: Path
    images: Sequence[Image]
    unpaired: Sequence[str]
    unused: int
    skipped: Skipped = NOTHING_SKIPPED

    def __str__(self) -> str:
        """How many images have a counterfactual, and which have none."""
        paired = len(self.images)
        parts = [
            f"{paired} of {paired + len(self.unpaired)} images have a counterfactual in {printable(str(self.photos))}"
        ]
        if self.unpaired:
            named = ", ".join(map(printable, self.unpaired[:MOST_NAMED]))
            more = len(self.unpaired) - MOST_NAMED
            parts.append(f"none for {named}" + (f" and {more} more" if more > 0 else ""))
        if self.unused:
            parts.append(f"{self.unused} of its images match no audited image by name and are left out")
        return "; ".join(parts)


def checked_counterfactuals(photos: Path, images: Sequence[Image], *, names: Path | None = None) -> Counterfactuals:
    """The counterfactuals of the images to audit, paired by their names. `names` is a file with names for labels.

    Raises:
        InvalidSource: there are no images, or the names do not fit their labels.
        InvalidArgument: nothing pairs, or a counterfactual has the name of another class.
    """
    read = found_in(photos)
    found = {image.item: image for image in (read.images if names is None else named(read.images, names))}
    originals = {image.item: image for image in images}
    paired = [found[item] for item in originals if item in found]
    if not paired:
        raise InvalidArgument(
            f"--counterfactual: no image of {printable(str(photos))} has the name of an image to audit, such as "
            f"{printable(images[0].item)}; its first is {printable(next(iter(found)))}. A name includes the folder "
            "and the suffix of the file"
        )
    for image in paired:
        _refuse_other_class(originals[image.item], image)
    unpaired = tuple(item for item in originals if item not in found)
    return Counterfactuals(photos, paired, unpaired, len(found) - len(paired), read.skipped)


def _refuse_other_class(original: Image, counterfactual: Image) -> None:
    """Refuse two labels that are both names and differ. Where one is an index, the server knows its name."""
    labels = original.label, counterfactual.label
    if not all(labels) or labels[0] == labels[1] or any(label.isascii() and label.isdigit() for label in labels):
        return
    raise InvalidArgument(
        f"--counterfactual: expected the label {printable(labels[0])!r} for {printable(original.item)}, as among the "
        f"images to audit, got {printable(labels[1])!r}; a counterfactual has the class of its original"
    )


def show_counterfactuals(console: Console, result: Result) -> None:
    """Print what the counterfactual set says of each model."""
    for test in result.counterfactuals:
        for line in counterfactual_lines(test):
            print_text(console, line)
        for table in (_labelled_table(test), _predicted_table(test)):
            if table is not None:
                print_grid(console, table)
        console.print()


def counterfactual_lines(test: CounterfactualTest) -> Iterable[str]:
    """The counterfactual set in lines: its outcome, its pairs and what could not be used."""
    total = test.pairs + test.unpaired
    yield f"counterfactual set: {test.outcome}, {test.pairs} of {total} images have a counterfactual"
    if test.same_picture:
        yield f"  the same picture twice, left out of the figures: {test.same_picture}"
    for items, count, what in (
        (test.unpaired_items, test.unpaired, "without a counterfactual"),
        ([f"{one['item']} ({one['reason']})" for one in test.failed_items], test.failed, "without a prediction"),
    ):
        if count:
            named = ", ".join(map(printable, items[:MOST_NAMED]))
            more = f" and {count - MOST_NAMED} more" if count > MOST_NAMED else ""
            yield f"  {what}: {named}{more}"


def _labelled_table(test: CounterfactualTest) -> Grid | None:
    """Accuracy on both sides of the pairs by class, the largest loss first; None without labels."""
    if not test.classes:
        return None
    rows = sorted(test.classes, key=lambda row: -(row.accuracy_loss.value or 0.0))
    return Grid(
        title="counterfactual set by class",
        columns=(
            Column("class", prose=True),
            *(Column(name, number=True) for name in ("pairs", "originals", "counterfactuals", "loss in points")),
            Column("outcome"),
        ),
        rows=[
            _labelled_row("all", test.accuracy_loss.n, test.measures, test.pooled_outcome),
            *(_labelled_row(row.label, row.pairs, row.measures, row.outcome) for row in rows[:MOST_CLASSES]),
        ],
        caption=_left_out(len(rows)),
    )


def _labelled_row(label: str, pairs: int, measures: Mapping[str, Measure], outcome: str) -> Sequence[str]:
    sides = (percent(float(measures[name])) for name in ("counterfactual_original_accuracy", "counterfactual_accuracy"))
    loss = _with_interval(measures["counterfactual_accuracy_loss"], points)
    return printable(label), f"{pairs:,}", *sides, loss, outcome.lower().replace("_", " ")


def _predicted_table(test: CounterfactualTest) -> Grid | None:
    """Changed predictions by the class of the original, and where they go; None where none changes."""
    rows = [row for row in test.predicted_classes if row.changed_share.value]
    if not rows:
        return None
    shown = sorted(rows, key=lambda row: -(row.changed_share.value or 0.0))[:MOST_CLASSES]
    return Grid(
        title="predictions that change",
        columns=(
            Column("original is predicted", prose=True),
            Column("pairs", number=True),
            Column("changed"),
            Column("counterfactuals are", prose=True),
        ),
        rows=[
            (
                printable(row.label),
                f"{row.pairs:,}",
                _with_interval(row.changed_share),
                ", ".join(f"{printable(label)} {pairs:,}" for label, pairs in row.to.items() if label != row.label),
            )
            for row in shown
        ],
        caption=_left_out(len(rows)),
    )


def _left_out(rows: int) -> str:
    more = rows - MOST_CLASSES
    return f"and {more:,} more classes; the report has them: --output FILE.json" if more > 0 else ""


def _with_interval(measure: Measure, text: Callable[[float], str] = percent) -> str:
    """A share as per cent, or a difference of shares as `points`, with its interval."""
    if measure.value is None:
        return measure.unavailable
    if not measure.method:
        return f"{text(measure.value)} (no interval)"
    low, high = ("open" if one is None else text(one) for one in (measure.low, measure.high))
    return f"{text(measure.value)} ({low} to {high})"
