"""The rules of readings that look at classes or at other versions: `shortcut`, `transfer` and `counterfactual`.

Each takes an outcome from the numbers of a document, at the level at which they were measured or at a one-sided tail.
The server takes its outcomes from here, and puts them into sentences. The rule of the counterfactual set is in
`counterfactual_rule`, those of other readings are in `reading_rules`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from modicum.gate.counterfactual_rule import ALL, ALPHA, judge_losses, judge_network
from modicum.gate.intervals import Ends, share_ends_at
from modicum.gate.reading_rules import HALF, INCONCLUSIVE, AppliedRule, ends_at, known, stated
from modicum.gate.searched import asked_searches
from modicum.gate.tails import FEWEST_PAIRS, number_of

Document = Mapping[str, Any]
DROP, EXCESS = "shortcut_accuracy_drop", "shortcut_accuracy_excess"
KEPT, LOSS = "transfer_agreed_class_kept_share", "counterfactual_accuracy_loss"
DROP_LIMIT = 0.10
LEAST_IMAGES = 30
SMALLEST_SIDE = 28
"""Pixels of a canvas; the ring of a smaller one takes in too much of what it should surround."""
SHORTCUT_STATEMENTS = 2
"""Of all images, and of the classes, which share the error of one."""
MOST_CLASSES = 1_000
"""That a document holds of a measure, or of pairs. It leaves out the others, those with the fewest images."""
COMPARED_SINCE = 3
"""Version of the result from which on SHORTCUT also needs the excess."""
NOT_COMPARED = "this result did not compare the fill with one elsewhere; audit again"


def class_rules(document: Document, version: str, search: Document) -> dict[str, AppliedRule]:
    """Return the rules with the numbers of a document, for a version under one of its searches, by control.

    A counterfactual set with classes that the document leaves out has no rule: its outcome cannot be taken again.
    """
    index = asked_searches(document).index(search["search"])
    drop, excess = _losses(document, search["measures"])
    pairs = [one["measures"] for one in document.get("transfer", ()) if _is_of(one, "source", version, index)]
    kept = [measures[KEPT] for measures in pairs if KEPT in measures]
    tests = [one for one in document.get("counterfactuals", ()) if _is_of(one, "model_version", version, index)]
    rules = {
        "shortcut": AppliedRule(
            lambda tail: shortcut_outcome(drop, excess, tail), SHORTCUT_STATEMENTS, drop["value"] is not None
        ),
        "transfer": AppliedRule(lambda tail: transfer_outcome(kept, tail), len(kept) + 1, bool(kept)),
    }
    if all(len(one["classes"]) < MOST_CLASSES for one in tests):
        rules["counterfactual"] = AppliedRule(lambda tail: _counterfactual(tests, tail or ALPHA), 1, bool(tests))
    return rules


def is_uncompared(measures: Document) -> bool:
    """Return whether a search knows what filling the region costs, but not what filling elsewhere costs.

    That is so in results of older releases, and where workers of an older release scored the images.
    """
    drop, excess = (measures.get(name, {"value": None}) for name in (DROP, EXCESS))
    return drop["value"] is not None and excess["value"] is None


def _losses(document: Document, measures: Document) -> tuple[Document, Document]:
    """The drop and its excess. Before version 3 of the result the drop alone decided, so it stands for both."""
    nothing: Document = {"value": None, "n": 0}
    drop = measures.get(DROP, nothing)
    alone = document["schema_version"] < COMPARED_SINCE and EXCESS not in measures
    return drop, drop if alone else measures.get(EXCESS, nothing)


def _is_of(entry: Document, key: str, version: str, index: int) -> bool:
    return (entry[key], entry["search_index"]) == (version, index)


def shortcut_outcome(drop: Document, excess: Document, tail: float | None = None) -> str:
    """SHORTCUT where both lie above the limit, over all images or for a class. The method defines the rule.

    `tail` is one-sided; None stands for the level of the result.
    """
    if drop["n"] < LEAST_IMAGES:
        return INCONCLUSIVE
    reacting, beyond = _reacting(drop, tail), _reacting(excess, tail)
    if reacting & beyond:
        return "SHORTCUT"
    least, chance = _accuracy_low(drop, tail), drop["parameters"]["chance_accuracy"]
    is_open = any(one["value"] > DROP_LIMIT for one in _judged(drop).values())
    if least is None or least <= chance or reacting or is_open:
        return INCONCLUSIVE
    return "NONE_SEEN" if known(ends_at(drop, tail) if tail else stated(drop))[1] < DROP_LIMIT else INCONCLUSIVE


def _reacting(measure: Document, tail: float | None) -> set[str]:
    """The classes whose loss is above the limit, among so many classes; an empty name stands for all images."""
    judged = _judged(measure)
    found = {index for index, one in judged.items() if _class_low(one, tail, len(judged)) > DROP_LIMIT}
    low, _ = known(ends_at(measure, tail) if tail else stated(measure))
    return found | {""} if measure["n"] >= LEAST_IMAGES and low > DROP_LIMIT else found


def _judged(measure: Document) -> dict[str, Document]:
    return {index: one for index, one in measure.get("groups", {}).items() if one["n"] >= FEWEST_PAIRS}


def _class_low(group: Document, tail: float | None, classes: int) -> float:
    low = known(ends_at(group, tail / classes))[0] if tail else group["parameters"].get("low_over_classes")
    return -math.inf if low is None else low


def _accuracy_low(drop: Document, tail: float | None) -> float | None:
    """The lower end of the accuracy on the whole images."""
    n = drop["n"]
    if tail is None:
        low: float | None = drop["parameters"]["accuracy_low"]
        return low
    ends = share_ends_at(round((drop["parameters"]["accuracy_filled"] + drop["value"]) * n), n, 1 - 2 * tail)
    return None if ends is None else ends[0]


def transfer_outcome(kept: Sequence[Document], tail: float | None = None) -> str:
    """PATTERN or QUIRK where all versions say so; MIXED where they differ, or where a class does.

    `kept` are the shares of agreed subsets that keep their class, one for each version that scored.
    """
    sides = [_side(ends_at(one, tail) if tail else stated(one)) for one in kept]
    if not sides or 0 in sides:
        return INCONCLUSIVE
    if len(set(sides)) > 1 or _has_exception(kept, sides, tail):
        return "MIXED"
    return "PATTERN" if sides[0] > 0 else "QUIRK"


def _has_exception(kept: Sequence[Document], sides: Sequence[int], tail: float | None) -> bool:
    """Whether a class lies on the other side of a half than all classes with that version."""
    classes = [
        (side, group)
        for side, measure in zip(sides, kept, strict=True)
        for group in measure.get("groups", {}).values()
        if group["n"] >= FEWEST_PAIRS
    ]
    return any(side * _side(_among(group, tail, len(classes))) < 0 for side, group in classes)


def _among(group: Document, tail: float | None, classes: int) -> Ends | None:
    """The interval of a class among so many."""
    whole = tail or (1 - number_of(group).level) / 2
    return ends_at(group, whole / classes)


def _side(ends: Ends | None) -> int:
    """1 where an interval lies above a half, -1 where it lies below, else 0."""
    low, high = known(ends)
    return 1 if low > HALF else -1 if high < HALF else 0


def _counterfactual(tests: Sequence[Document], tail: float) -> str:
    """The outcome of the network that the counterfactual set was shown to."""
    if not tests:
        return INCONCLUSIVE
    (test,) = tests
    losses = {ALL: test["measures"][LOSS], **{at: row["measures"][LOSS] for at, row in enumerate(test["classes"])}}
    accuracy = test["measures"]["counterfactual_original_accuracy"]["value"] or 0.0
    return judge_network(judge_losses(losses, tail), losses, accuracy).value
