"""The summary of a version in a few sentences: what was found, how sure that is, and what to do next.

All rules are here, and a test holds them to a table of situations. Computes no measure: it reads verdicts.

The summary tells what was found in this order, and begins with the first of these that applies: a spot that is called a
shortcut, accuracy that falls with the counterfactual set, a spot that a person judges, an edge or a background that is
needed, no spot. The report's first screen has the same order. Lists show the first sentence beside the worst outcome.
Classes with a spot are told by outcome, and of one outcome the surest first, so that this sentence is about a class
that has the outcome. Why no image was eligible comes after what other tests say, for the same reason.
"""

from collections.abc import Mapping, Sequence

from modicum.gate.class_rules import DROP, EXCESS
from modicum.gate.counterfactual_rule import CounterfactualOutcome
from modicum.gate.outcomes import DECIDING, badness
from modicum.gate.spot_rule import SpotOutcome

from modicum_server.domain.controls import LEAST_SPOT_IMAGES
from modicum_server.domain.spots import LEAST_CLASS_IMAGES
from modicum_server.measures import counterfactuals
from modicum_server.measures.counterfactual_pairs import CounterfactualTest
from modicum_server.measures.judged_spots import JudgedRow, SpotTest
from modicum_server.measures.measure import Measured
from modicum_server.measures.number_words import (
    asked_text,
    enumeration,
    interval_text,
    part_text,
    points_number,
    points_text,
)
from modicum_server.measures.shortcut import RING, loses_everywhere, losing_classes
from modicum_server.measures.shortcut_words import class_loss_texts, loss_texts
from modicum_server.measures.spot_words import (
    ONLY_THIS,
    carriers_text,
    covered_text,
    elsewhere_text,
    halves_text,
    kinds_of,
    left_out_text,
    location_text,
    needed_text,
    none_text,
    opening_text,
)

MOST_ROWS = 3
"""Classes that are named with their spots; further ones are only counted."""
OTHER_CUES = ("other backgrounds", "cues without a place")
UNCHANGED_CUES = ("what the counterfactual set leaves unchanged",)
WITHOUT_A_PLACE = (
    "The spot test does not look for cues without a place, such as a texture, a colour cast or JPEG quality. It looks "
    "for slanted lines and scattered pixels only where subsets lie, and misses them in classes with few subsets. To "
    "find either kind, use a counterfactual set."
)
SHORTCUT_STEP = "A spot outside the objects is a shortcut. Add pictures without it, or cover it in training."
LOSS_STEP = f"{ONLY_THIS} If so, add pictures without it, or cover it in training."
EDGE_STEP = (
    "the edge more than what lies further in. If there is no evidence at the edge, that is a shortcut: vary the edge "
    "in training, or crop it away."
)
OUTSIDE_STEP = (
    "the background more than the objects. That is a shortcut, unless the fill itself confuses the model: vary the "
    "background in training, or crop to the objects."
)
NEXT_STEP = "Is that evidence? If not, add pictures without it, or cover it in training."


SEARCHED_FOR_OTHERS = (
    "This audit searched only for random other classes. It does not say which small parts of the images decide."
)


def summary_without_search(counterfactual: CounterfactualTest | None) -> list[str]:
    """Return the sentences of a version that was searched for a random other class alone."""
    paired = [] if counterfactual is None else counterfactuals.findings(counterfactual)
    return [*paired, SEARCHED_FOR_OTHERS, WITHOUT_A_PLACE]


def summary_of(
    measured: Measured,
    outcomes: Mapping[str, str],
    test: SpotTest | None,
    counterfactual: CounterfactualTest | None = None,
    *,
    spot_asked: bool,
    advice: Sequence[str] = (),
) -> list[str]:
    """Return the sentences of one version: what was found first, what was not tested last.

    Args:
        measured: its measures under the search whose subsets chose the spots.
        outcomes: the outcomes of its readings there, by control.
        test: its spot test; None where it did not run.
        counterfactual: what the counterfactual set says of it; None without one.
        spot_asked: whether the audit asked for it.
        advice: why no image was eligible, and what to do; empty where one was.
    """
    tested = [] if test is None else [row for row in test.rows if row.row.reason is None]
    paired = [] if counterfactual is None else counterfactuals.findings(counterfactual)
    fell = counterfactual is not None and counterfactual.outcome is CounterfactualOutcome.ACCURACY_FALLS
    shortcuts, spots = _about_shortcuts(tested), _about_spots(tested)
    edge = _about_shortcut(measured, outcomes)
    told = [
        *shortcuts,
        *(paired if fell else []),
        *spots,
        *_about_rest(tested),
        *edge,
        *([] if shortcuts or spots else _about_no_spot(tested)),
        *([] if fell else paired),
    ]
    spoke = {"spot": tested, "counterfactual": paired, "shortcut": edge}
    sources = [name for control, name in DECIDING.items() if spoke[control]]
    return [
        *told,
        *(_about_nothing_searched(advice, sources) if advice else [_about_subsets(measured, outcomes)]),
        _not_tested(test, counterfactual, spot_asked=spot_asked),
        WITHOUT_A_PLACE,
    ]


def _about_shortcuts(rows: Sequence[JudgedRow]) -> list[str]:
    """Classes with a spot that is called a shortcut, and what to do."""
    beside = [row for row in rows if row.beside_objects is not None]
    lost = [row for row in rows if row.shortcut is not None and row.beside_objects is None]
    return [*_of_kind(beside, SHORTCUT_STEP), *_of_kind(lost, _loss_step(lost))]


def _about_spots(rows: Sequence[JudgedRow]) -> list[str]:
    """Classes with a spot that a person judges."""
    return _of_kind([row for row in rows if row.found and row.shortcut is None], NEXT_STEP)


def _loss_step(rows: Sequence[JudgedRow]) -> str:
    """What the counterfactual set adds to spots of these classes: it shows a loss, and no more."""
    named = [row for row in rows if row.row.target_class is not None]
    whose = f"for {_names(named)}" if named else "over all pairs"
    return f"The counterfactual set shows a loss {whose}, so this is called a shortcut. {LOSS_STEP}"


def _of_kind(found: Sequence[JudgedRow], next_step: str) -> list[str]:
    if not found:
        return []
    ordered = sorted(found, key=_rank)
    named = [row for row in ordered if row is ordered[0] or row.row.target_class is not None]
    more = len(named) - MOST_ROWS
    others = [f"A spot was found for {more} further {_classes(more)}, too."] if more > 0 else []
    return [*(_found(row) for row in named[:MOST_ROWS]), *others, next_step]


def _rank(row: JudgedRow) -> tuple[int, bool, float]:
    """Where a row is told: by outcome, the surest first. All classes together are told where no class is as bad."""
    place = row.shown
    interval = None if place is None else place.measures["spot_pasted_difference"].interval
    surely = -1.0 if interval is None or interval.low is None else interval.low
    return badness(row.verdict), row.row.target_class is None, -surely


def _about_no_spot(rows: Sequence[JudgedRow]) -> list[str]:
    if not rows:
        return []
    images = max(row.row.sources for row in rows)
    unsettled = [row for row in rows if row.outcome is SpotOutcome.INCONCLUSIVE]
    if unsettled:
        text = f"These {images} images do not settle whether a spot decides for {_names(unsettled)}."
        return [one for one in (text, needed_text(unsettled)) if one]
    return [f"No spot that decides was found in {_scope(rows)}, over {images} images.", none_text(kinds_of(rows))]


def _about_rest(rows: Sequence[JudgedRow]) -> list[str]:
    """What is known of the other classes where a spot was found for some."""
    if not any(row.found for row in rows):
        return []
    rest = [row for row in rows if not row.found and row.row.target_class is not None]
    none = sum(row.outcome is SpotOutcome.NONE_FOUND for row in rest)
    unsettled = [row for row in rest if row.outcome is SpotOutcome.INCONCLUSIVE]
    said = [f"no spot was found for {none} other {_classes(none)}"] if none else []
    said += [f"the test is inconclusive for {_names(unsettled)}"] if unsettled else []
    return [f"{'; '.join(said).capitalize()}."] if said else []


def _found(row: JudgedRow) -> str:
    place = row.shown
    assert place is not None, "a row is found at a place"
    pasted = place.measures["spot_pasted_difference"]
    pairs = pasted.parameters["pairs"]
    here, elsewhere = (part_text(pasted.parameters[name] or 0.0, pairs) for name in ("here", "elsewhere"))
    made = "the class that it came from" if row.row.target_class is None else row.label
    difference = f"{points_text(pasted.value or 0.0)}{interval_text(pasted.interval, points_number)}"
    return (
        f"{opening_text(row, place)}: copied, it makes {here} of {pairs} other pictures {made}, and "
        f"{elsewhere_text(place)} {elsewhere} of them. The difference is {difference} over {pasted.n} pictures that "
        f"were copied from.{carriers_text(row, place)}{halves_text(place)}{covered_text(row, place)}"
        f"{left_out_text(place)}{location_text(place)}"
    )


def _not_tested(test: SpotTest | None, counterfactual: CounterfactualTest | None, *, spot_asked: bool) -> str:
    cues = OTHER_CUES if counterfactual is None else UNCHANGED_CUES
    parts = [_spots_not_tested(test, spot_asked=spot_asked), *cues]
    return f"Not tested: {enumeration([part for part in parts if part])}."


def _spots_not_tested(test: SpotTest | None, *, spot_asked: bool) -> str:
    """What the spot test leaves open, and why; nothing where all of its rows were tested."""
    question = "whether a small spot decides"
    if test is None and not spot_asked:
        return f"{question} (the control was not asked for)"
    if test is None:
        return f"{question} (this needs at least {LEAST_SPOT_IMAGES} images of two predicted classes)"
    failed = [row for row in test.rows if row.row.reason is not None]
    whose = "" if len(failed) == len(test.rows) else f" for {_names(failed)}" if failed else ""
    untested = f" for {test.untested} {_classes(test.untested)} (fewer than {LEAST_CLASS_IMAGES} images each)"
    reasons = [f"{whose} (the model's process failed)" if failed else "", untested if test.untested else ""]
    open_ones = [reason for reason in reasons if reason]
    return f"{question}{' and'.join(open_ones)}" if open_ones else ""


def _about_shortcut(measured: Measured, outcomes: Mapping[str, str]) -> list[str]:
    """What was filled, what that cost, and compared with what."""
    if outcomes.get("shortcut") != "SHORTCUT" or DROP not in measured:
        return []
    outside = measured[DROP].parameters["region"] != RING
    classes = losing_classes(measured)
    lost = [
        *loss_texts(measured[EXCESS], measured[DROP], outside=outside),
        *class_loss_texts(classes, outside=outside),
    ]
    needs = "The model needs" if loses_everywhere(measured) else "These classes need"
    return [f"{'. '.join(lost)}. {needs} {OUTSIDE_STEP if outside else EDGE_STEP}"]


def _about_nothing_searched(advice: Sequence[str], sources: Sequence[str]) -> list[str]:
    """Why nothing was searched, which tests say what is known, and what to do."""
    known = [f"All that is known comes from {enumeration(sources)}."] if sources else []
    return [*advice[:1], *known, *advice[1:]]


def _about_subsets(measured: Measured, outcomes: Mapping[str, str]) -> str:
    rate = measured["overinterpretation_rate"]
    if rate.value is None:
        return f"Nothing is known about small subsets: {rate.unavailable}."
    few = asked_text(rate.parameters["alpha"])
    images = f"{part_text(rate.value, rate.n)} of {rate.n} searched images{interval_text(rate.interval)}"
    text = f"For {images}, the search found that {few} of the pixels or fewer suffice, with the rest filled in"
    if outcomes.get("class_targeted") == "ANY_CLASS":
        return (
            f"{text}. Such subsets exist for other classes as well, which says more about what masks can do than about "
            "what this model learned."
        )
    return f"{text}." if rate.value == 1 else f"{text}. A stronger search may find more."


def _scope(rows: Sequence[JudgedRow]) -> str:
    classes = sum(row.row.target_class is not None for row in rows)
    return f"{classes} {_classes(classes)}" if classes else "all classes together"


def _names(rows: Sequence[JudgedRow]) -> str:
    names = [row.label for row in rows]
    return enumeration(names) if len(names) <= MOST_ROWS else _scope(rows)


def _classes(count: int) -> str:
    return "class" if count == 1 else "classes"
