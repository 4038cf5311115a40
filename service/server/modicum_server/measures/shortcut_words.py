"""The sentences about the shortcut control. Decides nothing."""

from collections.abc import Sequence

from modicum_server.measures.measure import Measure
from modicum_server.measures.number_words import enumeration, interval_text, points_number, points_text, share_text

MOST_NAMED = 3
"""Classes that a sentence names."""


def place_text(*, outside: bool) -> str:
    """Return the region that is filled."""
    return "what lies outside the objects" if outside else "the ring"


def too_few_text(images: int, least: int) -> str:
    """Return why there is no verdict on so few images."""
    return f"fewer than {least} labelled images without that region ({images}), so no verdict"


def elsewhere_text(*, outside: bool) -> str:
    """Return what is filled in the comparison."""
    return "the objects" if outside else "a band of about its area further in"


def reacts_text(decisions: str, *, outside: bool) -> str:
    """Return what a loss means, and what it does not; `decisions` says whether it is about all or some classes."""
    rests = f"{decisions} rest on {place_text(outside=outside)} more than on {elsewhere_text(outside=outside)}"
    return rests if outside else f"{rests}; a person must say whether there is evidence in the ring"


def no_more_text(excess: Measure, limit: float, *, outside: bool) -> str:
    """Return why a loss is no finding: it is not clearly `limit` above that of a fill elsewhere, or there was none."""
    if excess.value is None:
        return f"{excess.unavailable}, so the loss may be that of any fill"
    return (
        f"filling {place_text(outside=outside)} does not clearly cost {points_text(limit)} more than filling "
        f"{elsewhere_text(outside=outside)}, so the loss may be that of any fill"
    )


def near_chance_text(chance: float) -> str:
    """Return why there is no verdict where accuracy may be chance."""
    return f"accuracy is not clearly above chance ({share_text(chance)}), so no verdict"


def open_classes_text(groups: Sequence[Measure], *, outside: bool) -> str:
    """Return the classes that may lose too much."""
    largest_first = sorted(groups, key=lambda group: -(group.value or 0.0))
    losses = class_losses_text([(group, None) for group in largest_first], outside=outside)
    return f"filling {place_text(outside=outside)} costs {losses}, on too few images to tell"


def none_seen_text(drop: Measure, *, outside: bool) -> str:
    """Return that nothing was seen, and how many classes were too small to be looked at."""
    few = sum(group.interval is None for group in drop.groups.values())
    names = "class has" if few == 1 else "classes have"
    too_small = f"; {few:,} {names} too few images to be looked at alone" if few else ""
    return f"no reliance on {place_text(outside=outside)} was seen{too_small}"


def unsettled_text(*, outside: bool) -> str:
    """Return that the images settle nothing."""
    return f"these images do not settle whether decisions react when {place_text(outside=outside)} is filled"


def class_losses_text(pairs: Sequence[tuple[Measure, Measure | None]], *, outside: bool) -> str:
    """Return what filling the region costs classes: "50 percentage points for cat (the band: 5) and 40 for dog".

    The pairs are the drop and the excess of a class; in brackets is what filling the comparison costs it. One class
    alone has its interval. Of several a sentence would hold too many, so they have none here.
    """
    (first, _), others = pairs[0], pairs[1:MOST_NAMED]
    losses = [points_text(first.value or 0.0) if others else _points_of(first)]
    losses += [points_number(drop.value or 0.0) for drop, _ in others]
    named = [
        f"{loss} for {drop.parameters['label']}{_beside(excess, outside=outside)}"
        for loss, (drop, excess) in zip(losses, pairs, strict=False)
    ]
    more = len(pairs) - MOST_NAMED
    return enumeration([*named, f"at most as much for {more} more"] if more > 0 else named)


def class_loss_texts(pairs: Sequence[tuple[Measure, Measure | None]], *, outside: bool) -> list[str]:
    """Return a sentence for each of the first classes, without its full stop: what both fills cost it.

    The pairs are the drop and the excess of a class.
    """
    place = place_text(outside=outside)
    named = [
        f"Where the model predicts {drop.parameters['label']}, filling {place} costs {_points_of(drop)}"
        f"{_compared(excess, outside=outside)}"
        for drop, excess in pairs[:MOST_NAMED]
    ]
    more = len(pairs) - MOST_NAMED
    return [*named, f"It costs at most as much where it predicts one of {more} more"] if more > 0 else named


def _points_of(loss: Measure) -> str:
    return f"{points_text(loss.value or 0.0)}{interval_text(loss.interval, points_number)}"


def _compared(excess: Measure | None, *, outside: bool) -> str:
    cost = _elsewhere(excess)
    return f", and filling {_comparison(outside=outside)} {cost}" if cost else ""


def _beside(excess: Measure | None, *, outside: bool) -> str:
    cost = _elsewhere(excess)
    return f" ({_comparison(outside=outside)}: {cost})" if cost else ""


def _elsewhere(excess: Measure | None) -> str:
    """What filling the comparison costs, in points; empty where it was not filled."""
    if excess is None or excess.value is None:
        return ""
    return points_number(excess.parameters["elsewhere"])


def _comparison(*, outside: bool) -> str:
    return "the objects" if outside else "the band"


def loss_texts(excess: Measure, drop: Measure, *, outside: bool) -> list[str]:
    """Return sentences without their full stops: what filling the region costs over all images, and the comparison."""
    region = "everything outside the objects" if outside else "the ring at the edge"
    lost = (
        f"Filling {region} with the mean costs {points_text(drop.value or 0.0)} of accuracy"
        f"{interval_text(drop.interval, points_number)}"
    )
    if excess.value is None:
        return [lost]
    fewer = "" if excess.n == drop.n else f" over the {excess.n:,} images with both fills"
    compared = f"Filling {elsewhere_text(outside=outside)} costs {points_number(excess.parameters['elsewhere'])}"
    return [lost, f"{compared}, and the difference is {_points_of(excess)}{fewer}"]


def where_text(where: Measure, *, outside: bool) -> str:
    """Return where the subsets lie, as a sentence without its full stop."""
    if where.value is None:
        return "No subset was found, so where it lies is not known"
    place = "in the objects" if outside else "in the ring"
    chance = share_text(where.parameters["chance"])
    return f"{share_text(where.value)} of the median subset lies {place} (chance {chance})"
