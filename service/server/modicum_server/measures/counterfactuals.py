"""The counterfactual set in words: its reading, and its list in the result document.

A loss shows that the decision rests on what the two pictures of a pair differ in. The words claim no more: without
labels they only tell of predictions that change, and what nobody changed was not tested.
"""

from collections.abc import Sequence

from modicum.gate.counterfactual_rule import CounterfactualOutcome
from modicum.gate.counting import counted

from modicum_server.measures.counterfactual_pairs import ClassRow, CounterfactualTest, counterfactual_tests_of
from modicum_server.measures.document_lists import Audited, DocumentList
from modicum_server.measures.intervals import SMALLEST_SAMPLE
from modicum_server.measures.measure import Measure, Measured, Reading
from modicum_server.measures.measure_sets import DIFFERENCES, Place, Title
from modicum_server.measures.number_words import (
    interval_text,
    part_text,
    points_number,
    points_text,
    share_text,
)

CONTROL = "counterfactual"
REPLACED = "when the picture is replaced by its counterfactual"
NEXT_STEP = (
    "Decisions rest on the difference between the two pictures of a pair. If that is not evidence, train on both."
)
MOST_NAMED = 3
"""Classes that a sentence tells of; further ones are only counted."""


def counterfactual_reading(
    _: Audited, tests: Sequence[CounterfactualTest], version: str, search_index: int
) -> Reading | None:
    """Return the sentences about a version, beside the search that predicted its originals."""
    test = next((one for one in tests if (one.model_version, one.search_index) == (version, search_index)), None)
    if test is None:
        return None
    return Reading(CONTROL, " ".join([*findings(test), *_details(test)]), test.outcome.value)


def findings(test: CounterfactualTest) -> list[str]:
    """Return what was found, in a sentence or two, and how many pairs had no part in it."""
    return [*_found(test), *_same_picture(test.source["same_picture"])]


def _found(test: CounterfactualTest) -> list[str]:
    loss = test.measures["counterfactual_accuracy_loss"]
    if loss.value is None:
        return [_unlabelled(test)]
    if test.outcome is CounterfactualOutcome.ACCURACY_FALLS:
        named = [_falls(row) for row in test.fallen[:MOST_NAMED]]
        more = len(test.fallen) - len(named)
        others = [f"It falls on {more} further {'class' if more == 1 else 'classes'}, too."] if more else []
        return [*(named or [f"Accuracy falls {_from_to(test.measures)} {REPLACED}."]), *others, NEXT_STEP]
    if test.outcome is CounterfactualOutcome.ACCURACY_HOLDS:
        return [f"Accuracy holds {REPLACED}: it goes {_from_to(test.measures)}."]
    if loss.n < SMALLEST_SAMPLE:
        return [_too_few(loss.n)]
    return [f"These {loss.n} pairs do not settle whether accuracy falls {REPLACED}: it goes {_from_to(test.measures)}."]


def _too_few(pairs: int) -> str:
    which = "1 pair of two different pictures has" if pairs == 1 else f"{pairs} pairs of two different pictures have"
    return (
        f"There are too few pairs to tell whether accuracy falls {REPLACED}: {which} both predictions and a label, and "
        f"a verdict needs at least {SMALLEST_SAMPLE}."
    )


def _same_picture(pairs: int) -> list[str]:
    """What is said of the pairs whose two pictures are one."""
    if not pairs:
        return []
    which = "this pair" if pairs == 1 else "these pairs"
    return [f"In {counted(pairs, 'pair')} both pictures are the same. The figures leave {which} out."]


def _details(test: CounterfactualTest) -> list[str]:
    loss, changed = (test.measures[f"counterfactual_{name}"] for name in ("accuracy_loss", "changed_share"))
    parts = []
    if loss.value is not None:
        parts.append(f"Over {_all_text(loss.n)} the loss is {_loss_text(loss)}.")
        if changed.value is not None:
            parts.append(f"Predictions change on {share_text(changed.value)}{interval_text(changed.interval)}.")
    return [*parts, *_few(sum(row.pairs < SMALLEST_SAMPLE for row in test.classes)), *_left_out(test)]


def _all_text(pairs: int) -> str:
    return "1 pair" if pairs == 1 else f"all {pairs} pairs"


def _few(classes: int) -> list[str]:
    """What is said of classes that are not judged."""
    if not classes:
        return []
    which, whose = ("1 class has", "its") if classes == 1 else (f"{classes} classes have", "their")
    return [f"{which} fewer than {SMALLEST_SAMPLE} pairs and no verdict of {whose} own."]


def _left_out(test: CounterfactualTest) -> list[str]:
    unpaired, failed = (test.source[name] for name in ("unpaired", "failed"))
    kinds = ((unpaired, "no counterfactual"), (failed, "no prediction on one of the two pictures"))
    return [f"{count} audited {'image has' if count == 1 else 'images have'} {what}." for count, what in kinds if count]


def _falls(row: ClassRow) -> str:
    loss = row.measures["counterfactual_accuracy_loss"]
    return (
        f"Accuracy falls {_from_to(row.measures)} on class {row.label} {REPLACED}: a loss of "
        f"{points_text(loss.value or 0.0)} over {row.pairs} pairs{interval_text(loss.interval, points_number)}."
    )


def _loss_text(loss: Measure) -> str:
    return f"{points_text(loss.value or 0.0)}{interval_text(loss.interval, points_number)}"


def _from_to(measures: Measured) -> str:
    original, counterfactual = (
        share_text(measures[name].value or 0.0)
        for name in ("counterfactual_original_accuracy", "counterfactual_accuracy")
    )
    return f"from {original} to {counterfactual}"


def _unlabelled(test: CounterfactualTest) -> str:
    changed = test.measures["counterfactual_changed_share"]
    if changed.value is None:
        return f"The counterfactual set says nothing: {changed.unavailable}."
    part = part_text(changed.value, changed.n)
    return (
        f"{part} of {changed.n} predictions change {REPLACED}{interval_text(changed.interval)}. "
        "Without labels it is not known whether accuracy falls."
    )


DOCUMENT_LIST = DocumentList(
    "counterfactuals",
    counterfactual_tests_of,
    {
        "counterfactual_accuracy_loss": Title(
            "Accuracy lost when pictures are replaced by their counterfactuals", Place.HEADLINE, range=DIFFERENCES
        ),
        "counterfactual_original_accuracy": Title("Accuracy on the originals of the pairs"),
        "counterfactual_accuracy": Title("Accuracy on the counterfactuals"),
        "counterfactual_changed_share": Title("Predictions that change"),
    },
    counterfactual_reading,
)
