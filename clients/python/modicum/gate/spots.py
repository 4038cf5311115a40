"""The rule `spot`: no small place is found that decides, for any class. Judged anew from the counts of every source.

A row of the spot test is a class, or all classes together. It fails where a place is found at the rule's share of the
error budget. The rule passes where nothing is found at 5% and every row is NONE_FOUND, if the rows hold enough of the
images. Places outside the objects are judged by themselves: they can be found, and a row is NONE_FOUND by its places on
the whole images. Places that a person accepted are left out of all of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from modicum.gate.early_stop import cut_reason
from modicum.gate.missing_classes import checks_of_missing, is_never_predicted
from modicum.gate.named_classes import NamedClasses, classes_of
from modicum.gate.policy import ALL_TOGETHER, MOVING, Acceptance, Rule
from modicum.gate.searched import entry_beside, search_index_of
from modicum.gate.spot_rule import (
    ALPHA,
    CARRIED_SHARE,
    FOUND,
    LEAST_PAIRS,
    LEAST_SOURCES,
    NONE_LIMIT,
    OWN_LIMIT,
    PASTED_LIMIT,
    Floats,
    SpotOutcome,
    TestedPlace,
    judge_places,
    row_outcomes,
)
from modicum.gate.tails import bonferroni
from modicum.gate.verdict import Check, Limits, class_words

Document = Mapping[str, Any]
Earned = Mapping[TestedPlace, SpotOutcome]
"""What each place earned among all that are judged together."""
NOT_TESTED = "the result has no spot test; run the control spot on at least 30 images of two predicted classes"
ONE_SEARCH = "audit with only the search that the policy asks for, or name the other search under `search`"
NO_ROW = "the result has no class of this name"
ALONE = "the interval is only for this place"
FOUND_AT_5 = "found by a test at 5%, but not by one within the policy's error budget"
FEW_ACCEPTED = f"the accepted places were tested on fewer than {LEAST_SOURCES} images, so the class is not assessed"
PASTED = "spot_pasted_difference"
#: Classes in a note.
MOST_NAMED = 10


@dataclass(frozen=True, slots=True, eq=False)
class _Accepted:
    """A place that a person accepted, and by which entry of the policy."""

    by: Acceptance
    place: Document

    def __str__(self) -> str:
        found = "" if as_tested(self.place).p <= ALPHA else ", which does not clearly decide"
        about = f"for {class_words(self.by.class_label)}, {_place_words(self.place)}{found}"
        return f"accepted by {self.by.owner}: {about}; reason: {self.by.reason}"


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """A row, its places that are judged, as the document has them and as tested, and those that a person accepted."""

    number: int
    label: str
    entry: Document
    judged: tuple[Document, ...]
    places: tuple[TestedPlace, ...]
    accepted: tuple[_Accepted, ...]

    @property
    def p(self) -> float:
        """Over its places, by Bonferroni."""
        return bonferroni([place.p for place in self.places if place.judged])


def spot_test(document: Document, version: str, search: Document) -> Document | None:
    """Return the spot test of a version beside one of its searches; None if it has none."""
    return entry_beside(document, "spots", version, search["search"])


def spot_checks(
    rule: Rule, document: Document, version: str, search: Document, accept: Sequence[Acceptance]
) -> Iterator[Check]:
    """Yield a check for each row of a version's spot test beside a search, and one for the images that the rows hold.

    A test beside another search is not judged: that one may have another threshold, fill or budget.
    """
    test = spot_test(document, version, search)
    if test is None or not test["rows"]:
        yield Check(model_version=version, judgeable=False, reason=_why_no_test(document, version, search))
        return
    rows = [_row(number, entry, accept) for number, entry in enumerate(test["rows"])]
    places = [place for row in rows for place in row.places]
    earned = dict(zip(places, judge_places(places), strict=True))
    outcomes = row_outcomes(places, list(earned.values()))
    classes, wanted = classes_of(document, version), [row for row in rows if _is_wanted(row, rule)]
    for row in wanted:
        yield replace(_check(row, _outcome(row, outcomes), earned, version), subject=spot_subject(row.entry, classes))
    for name in rule.classes if isinstance(rule.classes, tuple) else ():
        for subject, index in _without_row(name, classes, rows):
            why = NO_ROW if index is None else _why_no_row(search, index, classes)
            yield Check(model_version=version, subject=subject, class_label=name, judgeable=False, reason=why)
    if rule.classes == "all":
        tested = [str(row.entry["target_class"]) for row in rows]
        yield from checks_of_missing(document, version, tested, "row", partial(_why_no_row, search))
    if rule.classes is None or rule.classes == "all":
        yield _assessed(rule, test, version)


def _why_no_test(document: Document, version: str, search: Document) -> str:
    """Why a version has no spot test beside a search: it was cut, ran beside another search, or did not run."""
    if cut := cut_reason(document, "spot"):
        return cut
    tests = (one for one in document.get("spots", ()) if one["model_version"] == version and one["rows"])
    ran = next((one.get("search_index", 0) for one in tests), None)
    index = search_index_of(document, search["search"])
    if ran in {None, index}:
        return NOT_TESTED
    return f"the rule is about search {index}, but the spot test ran beside search {ran}; {ONE_SEARCH}"


def _without_row(name: str, classes: NamedClasses, rows: Sequence[_Row]) -> Iterator[tuple[str, str | None]]:
    """Yield the classes that a name of a policy means and that have no row: their names in a verdict, and indexes."""
    if name == ALL_TOGETHER and any(row.label == name for row in rows):
        return
    tested = {str(row.entry["target_class"]) for row in rows}
    meant = classes.called(name, tested - {"None"})
    yield from ((classes.subject(index), index) for index in meant if index not in tested)
    if not meant:
        yield name, None


def _why_no_row(search: Document, index: str, classes: NamedClasses) -> str:
    """Why a class has no row: no image was predicted as it, or too few for a spot test."""
    if is_never_predicted(search, index):
        return f"no image was predicted as {classes.subject(index)}"
    return "too few images were predicted as this class to test it by itself"


def spot_subject(entry: Document, classes: NamedClasses) -> str:
    """Return what a verdict calls a row: its class, with its index where another class has the same name."""
    return ALL_TOGETHER if entry["target_class"] is None else classes.subject(str(entry["target_class"]))


def _outcome(row: _Row, outcomes: Mapping[int, SpotOutcome]) -> SpotOutcome | None:
    """The outcome of a row: what is found outside the objects stands before what the whole images say."""
    outside = outcomes.get(~row.number)
    return outside if outside in FOUND else outcomes.get(row.number)


def place_number(row: int, place: Document) -> int:
    """Return the number by which places of a row are judged together; those outside the objects by themselves."""
    return ~row if place.get("outside") else row


def accepted_places(document: Document, version: str, accept: Sequence[Acceptance]) -> list[str]:
    """Return which places were accepted, in words."""
    test: Document = next((one for one in document.get("spots", ()) if one["model_version"] == version), {"rows": ()})
    rows = [_row(number, entry, accept) for number, entry in enumerate(test["rows"])]
    return [str(one) for row in rows for one in row.accepted]


def accepting(document: Document, accept: Sequence[Acceptance]) -> list[Acceptance]:
    """Return those of the acceptances that accept a place of any version."""
    entries = [entry for test in document.get("spots", ()) for entry in test["rows"]]
    return [one.by for number, entry in enumerate(entries) for one in _row(number, entry, accept).accepted]


def has_moving_place(document: Document, label: str) -> bool:
    """Return whether a place that is chosen for each picture was tested for a class, on the whole images."""
    entries = [entry for test in document.get("spots", ()) for entry in test["rows"] if _label(entry) == label]
    return any(_is_moving(place) for entry in entries for place in entry["places"])


def _is_moving(place: Document) -> bool:
    return bool(place["own"]) and not place.get("outside")


def _is_wanted(row: _Row, rule: Rule) -> bool:
    if rule.classes == "pooled":
        return row.entry["target_class"] is None
    return not isinstance(rule.classes, tuple) or row.label in rule.classes


def _row(number: int, entry: Document, accept: Sequence[Acceptance]) -> _Row:
    label = _label(entry)
    judged, accepted = [], []
    for place in entry["places"]:
        by = next((one for one in accept if one.class_label == label and _holds(one, place)), None)
        if by is None:
            judged.append(place)
        else:
            accepted.append(_Accepted(by, place))
    tested = tuple(as_tested(place, place_number(number, place)) for place in judged)
    return _Row(number, label, entry, tuple(judged), tested, tuple(accepted))


def _label(entry: Document) -> str:
    return ALL_TOGETHER if entry["target_class"] is None else str(entry["label"])


def _holds(acceptance: Acceptance, place: Document) -> bool:
    """Whether a place was accepted. What was copied outside the objects alone is no evidence, and never is."""
    return (
        not place.get("outside")
        and bool(place["places"])
        and all(acceptance.place.holds(one) for one in place["places"])
    )


def as_tested(place: Document, number: int = 0) -> TestedPlace:
    """Return a place of a document with the differences of its sources, under the number of what it is judged with."""
    pairs = np.array([one["pairs"] for one in place["pasted"]], dtype=np.int64)
    return TestedPlace(number, place["own"], by_source(place["pasted"]), by_source(place["covered"]), pairs)


def by_source(counts: Sequence[Document]) -> Floats:
    """Return the mean difference of each source, as `spot_rule.by_source` has it of the pairs."""
    return np.array([(one["here"] - one["elsewhere"]) / one["pairs"] for one in counts], dtype=np.float64)


def _check(row: _Row, outcome: SpotOutcome | None, earned: Earned, version: str) -> Check:
    place = _named(row, earned)
    measure: Document = {} if place is None else place["measures"][PASTED]
    interval = measure.get("interval") or {}
    all_accepted = bool(row.accepted) and not row.judged
    few = all_accepted and not any(as_tested(one.place).judged for one in row.accepted)
    accepted = "; ".join([*map(str, row.accepted), *_called(row)])
    return Check(
        model_version=version,
        subject=row.label,
        class_label="" if row.entry["target_class"] is None else row.label,
        value=measure.get("value"),
        unit=measure.get("unit", ""),
        n=measure.get("n", 0),
        low=interval.get("low"),
        high=interval.get("high"),
        level=interval.get("level"),
        limits=Limits(at_most=_limit(place), passes_below=NONE_LIMIT),
        p=row.p,
        passes=outcome is SpotOutcome.NONE_FOUND or (all_accepted and not few),
        reason=accepted if all_accepted else _reason(row, place, outcome, len(earned)),
        unsettled=FEW_ACCEPTED if few else FOUND_AT_5 if outcome in FOUND else _unsettled(row, place, len(earned)),
    )


def _named(row: _Row, earned: Earned) -> Document | None:
    """The place that copies follow most often: of those that are found, else of the judged; of all if all are accepted.

    Of those that are found, one at one position stands before own windows: they find it too, and say no position.
    """
    both = list(zip(row.judged, row.places, strict=True))
    found = [place for place, tested in both if earned[tested] in FOUND]
    fixed = [place for place in found if not place["own"]]
    named = fixed or found or row.judged or row.entry["places"]
    measured = [place for place in named if place["measures"][PASTED]["value"] is not None]
    return max(measured, key=lambda place: float(place["measures"][PASTED]["value"]), default=None)


def _limit(place: Document | None) -> float:
    return OWN_LIMIT if place is not None and place["own"] else PASTED_LIMIT


def _called(row: _Row) -> list[str]:
    """Why the spot is called a shortcut, if it is. Who accepted it as evidence must see that."""
    why = row.entry.get("shortcut")
    return [f"called a shortcut: {why}"] if why else []


def _reason(row: _Row, place: Document | None, outcome: SpotOutcome | None, tested: int) -> str:
    if place is None or outcome is None or outcome is SpotOutcome.INCONCLUSIVE:
        return ""
    if outcome is SpotOutcome.NONE_FOUND:
        none = "no spot was found that decides" + (", beside what was accepted" if row.accepted else "")
        return f"{none}{_highest_by_chance(place, tested)}"
    where = ", as far as it lies outside the objects," if place.get("outside") else ""
    decides = f"{_place_words(place)}{where} decides"
    return "; ".join([decides, *_carried(place), *_unmatched(place), *_outside_every_box(row, place), *_called(row)])


def _highest_by_chance(place: Document, tested: int) -> str:
    """Say why a share above the limit is not found: one of many places comes out so high by chance."""
    if float(place["measures"][PASTED]["value"]) <= _limit(place):
        return ""
    return f": {ALONE}, and one of {tested} tested places may reach it by chance"


def _above_by_chance(place: Document, tested: int) -> str:
    """Say why an interval above the limit does not fail; empty if it reaches down to the limit."""
    low = (place["measures"][PASTED].get("interval") or {}).get("low")
    if low is None or low <= _limit(place):
        return ""
    return f": {ALONE}, and with {tested} tested places it may be chance"


def _outside_every_box(row: _Row, place: Document) -> Iterator[str]:
    """Yield why a place that moves was not accepted, where another one of its class was."""
    if row.accepted and _is_moving(place):
        yield f"it lies in no box, so only an accept with `place: {MOVING}` covers it"


def _unmatched(place: Document) -> Iterator[str]:
    """Yield that the comparison may have moved fewer pixels, as in results of before schema 4."""
    if place.get("outside") and not place.get("matched", False):
        yield "its comparison may have moved fewer pixels; audit again"


def _carried(place: Document) -> Iterator[str]:
    """Yield in how many images what stands there does it to most others, if these are at most half."""
    if few := as_tested(place).few_carriers:
        carrying, counted = few
        which = "" if counted == len(place["pasted"]) else f" that were copied {LEAST_PAIRS} times or more"
        yield (
            f"in {carrying} of {counted} pictures of the class{which}, the pixels there turn at least "
            f"{100 * CARRIED_SHARE:.0f} percentage points more of the other pictures into the class than pixels from "
            "elsewhere"
        )


def _place_words(tested: Document) -> str:
    if tested["own"]:
        return "a spot at a place chosen for each picture"
    one: Document = tested["places"][0]
    if "top" in one:
        size, place = f"{one['height']}x{one['width']}", f"{one['top']} from the top and {one['left']} from the left"
        if "size" in one:
            return f"a pattern of {one['size']} pixels (within {size}, {place})"
        return f"a spot of {size} pixels ({place})"
    return f"a {one['kind'].lower().replace('_', ' ')} of {one['width']} pixels at the edge"


def _unsettled(row: _Row, place: Document | None, tested: int) -> str:
    by_chance = _above_by_chance(place, tested) if place is not None else ""
    return f"not settled with {row.entry['sources']} images{by_chance}{_needed(row.entry)}"


def _needed(entry: Document) -> str:
    """How many images like these NONE_FOUND takes, or that no number does; empty where the document does not say."""
    needed = entry.get("sources_needed", 0)
    if needed:
        first = ", unless they show first that a spot decides" if may_show_first(entry) else ""
        return f"; about {needed} images of it would pass, if they are like these{first}"
    measured = any(place["pasted"] for place in entry["places"])
    return "; more images like these would not pass either" if needed is None and measured else ""


def may_show_first(entry: Document) -> bool:
    """Return whether more images like these may show that a place of a row decides before they show that none does."""
    return any(as_tested(place).may_be_found for place in entry["places"] if not place.get("outside"))


def classes_without_row(document: Document, model: Document) -> Iterator[str]:
    """Yield a note that names the classes that a version knows and its spot test has no row of, if there are some."""
    tests = [one for one in document.get("spots", ()) if one["model_version"] == model["model_version"]]
    tested = {row["target_class"] for test in tests for row in test["rows"]}
    missing = [label for index, label in enumerate(model.get("class_labels", ())) if index not in tested]
    if tests and missing:
        named = ", ".join(missing[:MOST_NAMED]) + (
            f" and {more} more" if (more := len(missing) - MOST_NAMED) > 0 else ""
        )
        yield (
            f"the spot test judged {named} only together with other classes, because fewer than {LEAST_SOURCES} images "
            "were predicted as each; with `classes: all`, that is INCONCLUSIVE"
        )


def _assessed(rule: Rule, test: Document, version: str) -> Check:
    """Whether the rows of classes hold enough of the images of the test, which the row of all classes counts."""
    images = sum(row["sources"] for row in test["rows"] if row["target_class"] is None)
    held = sum(row["sources"] for row in test["rows"] if row["target_class"] is not None)
    share = min(1.0, held / images) if images else 0.0
    enough = share >= rule.min_assessed
    few = f"{test['untested_classes']} classes have too few images for a row of their own"
    return Check(
        model_version=version,
        subject="images in rows of classes",
        value=share,
        unit="share",
        n=images,
        limits=Limits(at_least=rule.min_assessed),
        passes=enough,
        judgeable=enough,
        reason="" if enough else f"at least {rule.min_assessed:.0%} are needed; {few}",
    )
