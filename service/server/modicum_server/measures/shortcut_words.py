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


def reacts_text(*, outside: bool) -> str:
    """Return what a loss means, and what it does not."""
    reacts = f"decisions react when {place_text(outside=outside)} is filled, to what was there or to the fill"
    if outside:
        return f"{reacts}; no object lies there"
    return f"{reacts}; a person must say whether there is evidence in it"


def near_chance_text(chance: float) -> str:
    """Return why there is no verdict where accuracy may be chance."""
    return f"accuracy is not clearly above chance ({share_text(chance)}), so no verdict"


def open_classes_text(groups: Sequence[Measure], *, outside: bool) -> str:
    """Return the classes that may lose too much."""
    largest_first = sorted(groups, key=lambda group: -(group.value or 0.0))
    return f"filling {place_text(outside=outside)} costs {class_losses_text(largest_first)}, on too few images to tell"


def none_seen_text(drop: Measure, *, outside: bool) -> str:
    """Return that nothing was seen, and how many classes were too small to be looked at."""
    few = sum(group.interval is None for group in drop.groups.values())
    names = "class has" if few == 1 else "classes have"
    too_small = f"; {few:,} {names} too few images to be looked at alone" if few else ""
    return f"no reliance on {place_text(outside=outside)} was seen{too_small}"


def unsettled_text(*, outside: bool) -> str:
    """Return that the images settle nothing."""
    return f"these images do not settle whether decisions react when {place_text(outside=outside)} is filled"


def class_losses_text(groups: Sequence[Measure]) -> str:
    """Return "50 percentage points (95% interval 40 to 60) for cat and ... for dog"; beyond three, how many more."""
    named = [
        f"{points_text(group.value or 0.0)}{interval_text(group.interval, points_number)} for "
        f"{group.parameters['label']}"
        for group in groups[:MOST_NAMED]
    ]
    more = len(groups) - MOST_NAMED
    return enumeration([*named, f"at most as much for {more} more"] if more > 0 else named)


def fact_text(drop: Measure, classes: Sequence[Measure], where: Measure, *, outside: bool) -> str:
    """Return what filling the region costs, which classes lose most, and where the subsets lie."""
    region = "what lies outside the objects" if outside else "the ring at the canvas' edge"
    fact = f"Filling {region} with the mean costs {points_text(drop.value or 0.0)} of accuracy"
    fact += interval_text(drop.interval, points_number)
    fact += f", by predicted class {class_losses_text(classes)}" if classes else ""
    return fact + _where_text(where, outside=outside)


def _where_text(where: Measure, *, outside: bool) -> str:
    if where.value is None:
        return "; no subset was found, so where it lies is not known"
    place = "in the objects" if outside else "in the ring"
    chance = share_text(where.parameters["chance"])
    return f"; {share_text(where.value)} of the median subset lies {place} (chance {chance})"
