"""The sentences about the spot test of a version. Decides nothing."""

from collections.abc import Iterable, Sequence

from modicum.gate.spot_rule import CARRIED_SHARE, LEAST_PAIRS, NONE_LIMIT, SpotOutcome

from modicum_server.domain.spots import SpotKind, SpotOutcomes, SpotPlace
from modicum_server.measures.judged_spots import JudgedPlace, JudgedRow, SpotTest
from modicum_server.measures.measure import Measure
from modicum_server.measures.number_words import (
    enumeration,
    interval_text,
    part_text,
    pixels_text,
    points_number,
    points_text,
    share_text,
)
from modicum_server.measures.spot_objects import Location

NAMED = 6
"""Classes that a sentence names; of more it gives the number."""
DESCRIBED = 3
"""Classes that are described with their places; further ones are only named."""
COPIED, COVERED = "copied from another class", "covered from its own class"
"""How a pattern that is copied, and one that is covered, is filled where it is compared with itself."""
ONLY_THIS = "That holds if the counterfactual set changes this spot and nothing else, which only its maker knows."


def spot_sentence(test: SpotTest) -> str:
    """Return what the test says: what was found, or what was looked for."""
    said = _found_sentences(test) or _nothing_sentences(test)
    return " ".join(text for text in said if text)


def _found_sentences(test: SpotTest) -> list[str]:
    """Shortcuts come first; a person judges the other places."""
    shortcuts = [row for row in test.rows if row.shortcut is not None]
    others = [row for row in test.rows if row.found and row.shortcut is None]
    return (
        [
            *(_found_text(row) for row in shortcuts[:DESCRIBED]),
            _more_text(shortcuts[DESCRIBED:]),
            *(_found_text(row) for row in others[:DESCRIBED]),
            _more_text(others[DESCRIBED:]),
            _judgement(others),
        ]
        if shortcuts or others
        else []
    )


def _nothing_sentences(test: SpotTest) -> list[str]:
    classes = [row for row in test.rows if row.row.target_class is not None]
    looked = (
        "windows of up to 10% of the area, stripes, rings at the edge, patterns of up to 5% where subsets lie, and in "
        "each image a window of its own"
    )
    images = max((row.row.sources for row in test.rows), default=0)
    scope = f"{len(classes)} {'class' if len(classes) == 1 else 'classes'}" if classes else "all classes together"
    after = [_outside_text(test), _untested_text(test.untested)]
    if test.outcome is SpotOutcome.NONE_FOUND:
        return [
            f"No spot that decides was found in {scope}, over {images} images. The test tried {looked}.",
            none_text(kinds_of(test.rows)),
            *after,
        ]
    open_rows = [row for row in test.rows if row.outcome is SpotOutcome.INCONCLUSIVE]
    names = _some([row.label for row in open_rows])
    return [
        f"It is not settled whether a spot decides for {names}, over {images} images. The test tried {looked}.",
        needed_text(open_rows),
        "Some classes could not be tested because the model's process failed." if _failed(open_rows) else "",
        *after,
    ]


def none_text(kinds: Iterable[str]) -> str:
    """Return what NONE_FOUND says of spots of these kinds: each moves few images more than what it is compared with."""
    return (
        f"Pasted onto other pictures, no tested spot turns {points_text(NONE_LIMIT)} more of them into its class than "
        f"{compared_text(kinds, COPIED)} does (with 95% confidence for each spot, one-sided)."
    )


def kinds_of(rows: Sequence[JudgedRow]) -> list[SpotKind]:
    """Return the kinds of the places that were tested on whole images."""
    return [trial.place.kind for row in rows for place in row.places for trial in place.trials]


def needed_text(unsettled: Sequence[JudgedRow]) -> str:
    """Return how many images would settle it, and where none would; all classes together count if no class is open."""
    classes = [row for row in unsettled if row.row.target_class is not None]
    tested = [row for row in classes or unsettled if row.row.reason is None]
    needed = max((row.needed for row in tested if row.needed), default=0)
    whose = "of a class" if classes else "in all"
    takes = (
        f"About {needed} images {whose} would settle that no spot decides, if they are like these." if needed else ""
    )
    first = [row.label for row in tested if row.needed and any(place.tested.may_be_found for place in row.places)]
    return " ".join(text for text in (takes, first_text(first), never_text(_never(tested))) if text)


def _never(rows: Sequence[JudgedRow]) -> list[str]:
    """The classes with a place that was measured, for which no number of images like these leads to NONE_FOUND."""
    measured = [row for row in rows if any(len(place.tested.pasted) for place in row.places)]
    return [row.label for row in measured if row.needed is None]


def first_text(labels: Sequence[str]) -> str:
    """Return that images like these may find a spot before they lead to NONE_FOUND; empty without a class."""
    return f"For {_some(labels)}, more images may instead show that a spot decides." if labels else ""


def never_text(labels: Sequence[str]) -> str:
    """Return that more images like these would not lead to NONE_FOUND for these classes; empty without one."""
    return f"For {_some(labels)}, more images like these would not show that no spot decides." if labels else ""


def _failed(rows: Sequence[JudgedRow]) -> bool:
    return any(row.row.reason is not None for row in rows)


def _outside_text(test: SpotTest) -> str:
    """What the test outside the objects says where it found nothing; empty where no image has objects."""
    known = [row for row in test.rows if row.outside or any(place.location is not None for place in row.places)]
    tested = [row for row in known if row.tested_outside]
    unsettled = [row.label for row in tested if row.outside_outcome is SpotOutcome.INCONCLUSIVE]
    few = _untested_outside_text([row.label for row in known if not row.tested_outside])
    if unsettled:
        return f"Whether a spot outside the objects decides is not settled for {_some(unsettled)}. {few}".rstrip()
    if few:
        return f"{few} For the others no spot was found there either." if tested else few
    return "No spot was found outside the objects either." if tested else ""


def _untested_outside_text(labels: Sequence[str]) -> str:
    if not labels:
        return ""
    reason = "too few pairs of pictures could be compared there"
    return f"Outside the objects no spot was tested for {_some(labels)}: {reason}."


def _untested_text(classes: int) -> str:
    if not classes:
        return ""
    if classes == 1:
        return "1 class has too few images for a test of its own."
    return f"{classes} classes have too few images for a test of their own."


def _some(labels: Sequence[str]) -> str:
    """The first labels, and how many more there are."""
    more = [f"{len(labels) - NAMED} more"] if len(labels) > NAMED else []
    return enumeration([*labels[:NAMED], *more])


def _found_text(row: JudgedRow) -> str:
    place = row.shown
    assert place is not None, "a row is found at a place"
    pasted = place.measures["spot_pasted_difference"]
    subject = "its class" if row.row.target_class is None else row.label
    text = (
        f"{opening_text(row, place)}: copied onto other pictures it makes {_here(pasted)} of them {subject} "
        f"({_elsewhere(pasted)} with {elsewhere_text(place)}): {_difference_text(pasted)}."
        f"{carriers_text(row, place)}{halves_text(place)}{covered_text(row, place)}{left_out_text(place)}"
    )
    return f"{text}{location_text(place)}{_shortcut_text(row)}"


def opening_text(row: JudgedRow, place: JudgedPlace) -> str:
    """Return that the class follows the place, or that the place suffices where covering it was not shown to matter."""
    follows = place.outcome is SpotOutcome.DECISIVE
    if row.row.target_class is None:
        return f"With all classes pooled, a decision {'follows' if follows else 'can be made by'} {place_text(place)}"
    if follows:
        return f"The decision for {row.label} follows {place_text(place)}"
    return f"The decision for {row.label} can be made by {place_text(place)}"


def carriers_text(row: JudgedRow, place: JudgedPlace) -> str:
    """Return from how many pictures copies of the place mostly work, if from at most half; empty otherwise.

    A picture may hold what decides and still not be counted: what it holds may turn fewer of the others.
    """
    few = place.tested.few_carriers
    if few is None:
        return ""
    carrying, counted = few
    made = "their class" if row.row.target_class is None else row.label
    which = "" if counted == len(place.tested.pasted) else f" that were copied {LEAST_PAIRS} times or more"
    return (
        f" In {carrying} of {counted} pictures{which}, the pixels there turn at least {points_text(CARRIED_SHARE)} "
        f"more of the others into {made} than {elsewhere_text(place)} does."
    )


def covered_text(row: JudgedRow, place: JudgedPlace) -> str:
    """Return what covering the place costs, where it is DECISIVE; empty otherwise."""
    if place.outcome is not SpotOutcome.DECISIVE:
        return ""
    covered = place.measures["spot_covered_difference"]
    subject = "their class" if row.row.target_class is None else row.label
    return (
        f" When it is covered, {_here(covered)} of the pictures lose {subject} ({_elsewhere(covered)} with "
        f"{_elsewhere_covered_text(place)}): {_difference_text(covered)}."
    )


def _difference_text(measure: Measure) -> str:
    difference = f"{points_text(measure.value or 0.0)}{interval_text(measure.interval, points_number)}"
    return f"a difference of {difference} over {measure.n} pictures"


def compared_text(kinds: Iterable[str], filled: str, *, matched: bool = False) -> str:
    """Return what places of these kinds are compared with, each once.

    `filled` says how a pattern is (`COPIED`), and `matched` that it moves as many pixels outside the objects.
    """
    band = "a band nearer the middle" if matched else "a band of about its area nearer the middle"
    said = {SpotKind.RING: band, SpotKind.PATTERN: f"the same pattern {filled}"}
    *first, last = dict.fromkeys(said.get(SpotKind(kind), "a random spot of its size") for kind in kinds)
    compared = f"{', '.join(first)} or {last}" if first else last
    return f"{compared} that moves at least 90% as many pixels" if matched else compared


def elsewhere_text(place: JudgedPlace) -> str:
    """Return what the place is compared with where it is copied."""
    return compared_text((trial.place.kind for trial in place.trials), COPIED, matched=place.matched)


def _elsewhere_covered_text(place: JudgedPlace) -> str:
    return compared_text((trial.place.kind for trial in place.trials), COVERED, matched=place.matched)


def left_out_text(place: JudgedPlace) -> str:
    """Return in how many pairs a copy outside the objects had nothing to be compared with; empty where in none."""
    if not place.matched or not place.left_out:
        return ""
    pairs = place.left_out + sum(len(trial.pasted.here) for trial in place.trials)
    return f" {place.left_out} of {pairs} pairs of pictures were left out: no other place there moves as many pixels."


def halves_text(place: JudgedPlace) -> str:
    """Return what each place brings by itself, where the halves of the images chose two; empty otherwise."""
    if len({_shape_text(trial.place) for trial in place.trials}) == 1:
        return ""
    first, second = (_brought(trial.pasted) for trial in place.trials)
    return f" By itself the first makes {first} of them, and the second {second}."


def _brought(outcomes: SpotOutcomes) -> str:
    pairs = len(outcomes.here)
    return f"{part_text(sum(outcomes.here) / pairs, pairs)} of {pairs}"


def _shortcut_text(row: JudgedRow) -> str:
    if row.shortcut is None:
        return ""
    if row.beside_objects is not None:
        return f" That is a shortcut: {row.why}."
    return f" It is called a shortcut because {row.why}{_from_to(row)}. {ONLY_THIS}"


def _from_to(row: JudgedRow) -> str:
    assert row.lost is not None, "the counterfactual set shows a loss"
    names = ("counterfactual_original_accuracy", "counterfactual_accuracy")
    original, counterfactual = (share_text(row.lost[name].value or 0.0) for name in names)
    return f", from {original} accuracy to {counterfactual}"


def location_text(place: JudgedPlace) -> str:
    """Return " It lies inside the objects: …", with the overlap; empty where that is not known."""
    overlap = place.measures.get("spot_object_overlap")
    if place.location is None or overlap is None or overlap.value is None:
        return ""
    where = {Location.INSIDE: "inside the objects", Location.OUTSIDE: "outside the objects"}
    lies = where.get(place.location, "neither clearly inside nor clearly outside the objects")
    share = f"{share_text(overlap.value)} of the smaller one lies in the other{interval_text(overlap.interval)}"
    return f" It lies {lies}: {share}, over {overlap.n} pictures whose objects are known."


def _more_text(rows: Sequence[JudgedRow]) -> str:
    return f"A spot was found for {enumeration([row.label for row in rows])}, too." if rows else ""


def _judgement(found: Sequence[JudgedRow]) -> str:
    if not found:
        return ""
    what = "this spot is" if len(found) == 1 else "these spots are"
    return f"A person must say whether {what} evidence."


def place_text(judged: JudgedPlace) -> str:
    """Return where the place is, in words; the halves of the images may have chosen two."""
    rest = ", as far as it lies outside the objects" if judged.outside else ""
    shapes = dict.fromkeys(_shape_text(trial.place) for trial in judged.trials)
    return f"{' or, for the other half of the pictures, '.join(shapes)}{rest}"


def _shape_text(place: SpotPlace) -> str:
    if place.kind is SpotKind.OWN:
        return f"a spot of {place.height}x{place.width} pixels at a place chosen for each picture"
    if place.kind is SpotKind.RING:
        return f"the ring of {pixels_text(place.width)} at the edge"
    sides, position = f"{place.height}x{place.width}", f"{place.top} from the top, {place.left} from the left"
    if place.kind is SpotKind.PATTERN:
        return f"a pattern of {pixels_text(place.size)} (within {sides} pixels, {position})"
    return f"a spot of {sides} pixels ({position})"


def _here(measure: Measure) -> str:
    return share_text(measure.parameters["here"] or 0.0)


def _elsewhere(measure: Measure) -> str:
    return share_text(measure.parameters["elsewhere"] or 0.0)
