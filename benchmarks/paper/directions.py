"""The paper's statements, and whether they hold here. An interval and a rule decide, never a person.

Only directions are compared, not figures: the paper's networks and data are not available. A statement holds if the
whole interval lies on its side of the limit, and fails if it lies on the other side. It is open if the interval
contains the limit, or if there are too few images for an interval.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from benchmarks.paper.words import fraction_text, points_text, ratio_text

NEARLY = 0.05
"""So much less accuracy still counts as nearly as accurate."""
SMALL = 0.05
"""The paper's small subset: 95% of the image masked."""

Measured = Mapping[str, Any]
"""A measure of the service, as JSON values."""


class Outcome(StrEnum):
    """Whether a statement of the paper holds here."""

    SAME = "as in the paper"
    DIFFERENT = "**not as in the paper**"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Direction:
    """A statement of the paper, how it was tested here, the rule, what was measured, and the outcome.

    `instead` says what is true where the statement fails.
    """

    statement: str
    subject: str
    rule: str
    measured: str
    outcome: Outcome
    instead: str


def directions(parts: Mapping[str, Any]) -> Iterator[Direction]:
    """Every statement that the results cover, in the order of the page."""
    figures = {name: part["figures"] for name, part in parts.items()}
    yield from _of_accuracies(figures.get("choices", ()), figures.get("accuracy", ()))
    for row in figures.get("correctness", ()):
        yield _of_correctness(row)
    if "mitigation" in figures:
        yield from _of_mitigation(figures["mitigation"])
    for step in ("chosen_sufficiency", "sufficiency"):
        if step in figures:
            yield from _of_sufficiency(figures[step])
    for row in (*figures.get("searches", {"rows": ()})["rows"], *figures.get("exhaustive", ())):
        if row["fill"] == "mean":
            yield _of_size(row)


def above(measure: Measured, limit: float) -> Outcome:
    """Whether a measure lies above a limit."""
    low, high = ends(measure)
    if low is not None and low > limit:
        return Outcome.SAME
    return Outcome.DIFFERENT if high is not None and high < limit else Outcome.OPEN


def at_most(measure: Measured, limit: float) -> Outcome:
    """Whether a measure is at most a limit."""
    low, high = ends(measure)
    if high is not None and high <= limit:
        return Outcome.SAME
    return Outcome.DIFFERENT if low is not None and low > limit else Outcome.OPEN


def below(measure: Measured, other: Measured) -> Outcome:
    """Whether a measure is smaller than another on other images. It is decided if their intervals do not overlap."""
    (low, high), (other_low, other_high) = ends(measure), ends(other)
    if high is not None and other_low is not None and high < other_low:
        return Outcome.SAME
    return Outcome.DIFFERENT if low is not None and other_high is not None and low > other_high else Outcome.OPEN


def ends(measure: Measured) -> tuple[float | None, float | None]:
    """Both ends of an interval, or None without one."""
    interval = measure["interval"]
    return (None, None) if interval is None else (interval["low"], interval["high"])


def _of_accuracies(choices: Sequence[Mapping[str, Any]], descents: Sequence[Mapping[str, Any]]) -> Iterator[Direction]:
    """Of every search and network once: a choice of the first images that a row of descents covers is left out."""
    by_descent = [(f"{row['name']}, batched_gradient, k = {row['pixels_per_step']}", row) for row in descents]
    by_choice = [(f"{row['name']}, {row['search']}", row) for row in choices]
    covered = {subject for subject, _ in by_descent}
    for subject, row in (*(each for each in by_choice if each[0] not in covered), *by_descent):
        yield from _of_accuracy(row, subject)


def _of_accuracy(row: Mapping[str, Any], subject: str) -> Iterator[Direction]:
    yield Direction(
        "On the 5% of the pixels that backward selection leaves, a network is nearly as accurate as on full images.",
        subject,
        f"accuracy on subsets minus accuracy on full images above {-NEARLY:+.2f}",
        points_text(row["subsets_less_full"]),
        above(row["subsets_less_full"], -NEARLY),
        f"on the 5% that this search leaves, it is less accurate than on full images by more than {NEARLY}",
    )
    yield Direction(
        "On as many random pixels, a network is less accurate.",
        subject,
        "accuracy on subsets minus accuracy on random pixels above 0",
        points_text(row["subsets_less_random"]),
        above(row["subsets_less_random"], 0),
        "on random pixels it is more accurate",
    )


def _of_correctness(row: Mapping[str, Any]) -> Direction:
    return Direction(
        "Subsets of misclassified images are smaller than those of correctly classified ones.",
        f"{row['network']}, {row['search']}, threshold {row['threshold']:g}",
        "the interval of the median for incorrect predictions below the interval for correct ones",
        f"{fraction_text(row['incorrect'])} against {fraction_text(row['correct'])}",
        below(row["incorrect"], row["correct"]),
        "subsets of misclassified images are larger",
    )


def _of_mitigation(figures: Mapping[str, Any]) -> Iterator[Direction]:
    for row in figures["ratios"]:
        if "temperatures" in row:  # the paper does not match temperatures
            continue
        yield Direction(
            "An ensemble needs larger subsets than its members.",
            row["search"],
            "its subset size divided by the members' above 1",
            ratio_text(row["ratio"]),
            above(row["ratio"], 1),
            "the ensemble needs smaller subsets than its members",
        )
    difference = figures["accuracy"]["full"]["difference"]
    yield Direction(
        "An ensemble is more accurate than its members.",
        "full images",
        "its accuracy minus the members' mean above 0",
        points_text(difference),
        above(difference, 0),
        "the ensemble is less accurate than its members",
    )


def _of_sufficiency(figures: Mapping[str, Any]) -> Iterator[Direction]:
    less_full, less_random = (figures["differences"][f"subsets_less_{kind}"] for kind in ("full", "random"))
    yield Direction(
        "A network trained only on 5% subsets is nearly as accurate on 5% subsets as a network trained on full "
        "images is on full images.",
        f"fresh {figures['architecture']}, {figures['search']}",
        f"difference in accuracy above {-NEARLY:+.2f}",
        points_text(less_full),
        above(less_full, -NEARLY),
        f"trained and tested on 5% subsets, it is less accurate by more than {NEARLY} than if trained and tested on "
        "full images",
    )
    yield Direction(
        "It is more accurate than one trained and tested on random 5% subsets.",
        f"fresh {figures['architecture']}, {figures['search']}",
        "difference in accuracy above 0",
        points_text(less_random),
        above(less_random, 0),
        "trained and tested on random 5% subsets, a network is more accurate",
    )


def _of_size(row: Mapping[str, Any]) -> Direction:
    return Direction(
        "A small part of the image, 5% or less, suffices for a confident decision.",
        f"{row['method']}, {row['setting']}",
        f"the median at most {SMALL:.0%} of the pixels",
        fraction_text(row["fraction"]),
        at_most(row["fraction"], SMALL),
        f"with this search the median lies above {SMALL:.0%} of the pixels",
    )
