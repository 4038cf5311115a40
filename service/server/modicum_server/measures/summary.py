"""The summary of a version in a few sentences: what was found, how sure that is, and what to do next.

All rules are here, and a test holds them to a table of situations. Computes no measure: it reads verdicts.
"""

from collections.abc import Mapping, Sequence

from modicum_server.domain.spots import LEAST_SPOT_IMAGES
from modicum_server.measures.measure import Measured
from modicum_server.measures.number_words import asked_text, enumeration, share_text
from modicum_server.measures.shortcut import RING
from modicum_server.measures.spot_rule import FOUND, SpotOutcome
from modicum_server.measures.spots import JudgedRow, SpotTest, place_text

MOST_ROWS = 3
"""Classes that are named with their spots; further ones are only counted."""
NOT_TESTED = "Not tested: other backgrounds, and cues without a place, such as textures, colours or compression."
NEXT_STEP = "Is that evidence? If not, add pictures without it, or cover it in training."


def summary_of(
    measured: Measured, outcomes: Mapping[str, str], test: SpotTest | None, *, spot_asked: bool
) -> list[str]:
    """Return the sentences of one version.

    Args:
        measured: its measures under the search whose subsets chose the spots.
        outcomes: the outcomes of its readings there, by control.
        test: its spot test; None where it did not run.
        spot_asked: whether the audit asked for it.
    """
    spots = _about_spots(test) if test is not None else [_no_spot_test(spot_asked=spot_asked)]
    parts = [*spots, _about_shortcut(measured, outcomes), _about_subsets(measured, outcomes), NOT_TESTED]
    return [part for part in parts if part]


def _about_spots(test: SpotTest) -> list[str]:
    found = [row for row in test.rows if row.outcome in FOUND]
    if found:
        named = [row for row in found if row.row.target_class is not None] or found
        more = len(named) - MOST_ROWS
        others = [f"{more} further {_classes(more)} follow a spot, too."] if more > 0 else []
        return [*(_found(row) for row in named[:MOST_ROWS]), *others, NEXT_STEP]
    tested = [row for row in test.rows if row.row.target_class is not None] or list(test.rows)
    images = max(row.row.sources for row in test.rows)
    if test.outcome is SpotOutcome.NONE_FOUND:
        return [f"No spot that decides was found in {_scope(tested)} with {images} images."]
    unsettled = [row for row in test.rows if row.outcome is SpotOutcome.INCONCLUSIVE]
    needed = max((row.needed for row in unsettled if row.needed), default=0)
    enough = f" About {needed} images of each would settle it." if needed else ""
    return [f"These {images} images do not settle whether a spot decides for {_names(unsettled)}.{enough}"]


def _found(row: JudgedRow) -> str:
    place = row.strongest
    assert place is not None, "a row is found at a place"
    pasted = place.measures["spot_pasted_difference"]
    here, elsewhere = (share_text(pasted.parameters[name] or 0.0) for name in ("here", "elsewhere"))
    own = row.row.target_class is None
    subject, made = (
        ("Decisions", "the class that it came from") if own else (f"The decision for {row.label}", row.label)
    )
    follow = "follow" if own else "follows"
    return (
        f"{subject} {follow} {place_text(place.trials)}: copied onto other pictures it makes {here} of them {made} "
        f"({elsewhere} with a random place; {pasted.n} pictures were copied from)."
    )


def _no_spot_test(*, spot_asked: bool) -> str:
    if spot_asked:
        return f"Whether a spot decides was not tested: that takes {LEAST_SPOT_IMAGES} images of two predicted classes."
    return "Whether a spot decides was not tested, because the control was not asked for."


def _about_shortcut(measured: Measured, outcomes: Mapping[str, str]) -> str:
    drop = measured.get("shortcut_accuracy_drop")
    if outcomes.get("shortcut") != "SHORTCUT" or drop is None:
        return ""
    region = "the ring at the edge" if drop.parameters["region"] == RING else "everything outside the objects"
    return f"Filling {region} with the mean costs {share_text(drop.value or 0.0)} of the accuracy: a shortcut."


def _about_subsets(measured: Measured, outcomes: Mapping[str, str]) -> str:
    rate = measured["overinterpretation_rate"]
    if rate.value is None:
        return ""
    few = asked_text(rate.parameters["alpha"])
    text = f"For {share_text(rate.value)} of the searched images, {few} of the pixels or fewer suffice"
    if outcomes.get("class_targeted") == "ANY_CLASS":
        return (
            f"{text}. Such subsets exist for other classes as well, which says more about what masks can do than about "
            "what this model learned."
        )
    return f"{text}."


def _scope(rows: Sequence[JudgedRow]) -> str:
    classes = sum(row.row.target_class is not None for row in rows)
    return f"{classes} {_classes(classes)}" if classes else "all classes together"


def _names(rows: Sequence[JudgedRow]) -> str:
    names = [row.label for row in rows]
    return enumeration(names) if len(names) <= MOST_ROWS else f"{len(names)} of the rows tested"


def _classes(count: int) -> str:
    return "class" if count == 1 else "classes"
