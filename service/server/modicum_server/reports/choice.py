"""Which findings the gallery shows: the most telling ones, spread over the classes, and some that are usual.

Rule. The subsets of each class are put in order by size, right and wrong predictions apart. The most telling ones are
the smallest of each such group, then the second smallest of each, and so on; in every round the smaller one comes
first. The usual ones are chosen alike, by how near their size is to the median. All are shown with the smallest first.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modicum_server.measures.observations import Observations

MOST_CARDS = 72
"""Cards of a page."""
FEWEST_CARDS = 12
"""Cards of a section where many sections share a page."""
TELLING_PART = 2 / 3
"""Of the cards, for the most telling subsets."""
PICTURED_FIRST = 3
"""Subsets that the opening of a page shows."""
LARGEST_REMAINDER = 60
"""Most images without a subset in the list."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The positions that are shown (in the order of the observations), and how many there were.

    `places` has the smallest subset first. `telling` are the few that say most, and `usual` is how many of the shown
    ones were chosen because their size is near the median: 0 where all are shown.
    """

    places: tuple[int, ...]
    telling: tuple[int, ...]
    usual: int
    subsets: int
    remainder: tuple[int, ...]
    without: int


def cards_of_a_section(sections: int) -> int:
    """Return how many cards each of so many sections may have."""
    return max(FEWEST_CARDS, MOST_CARDS // max(1, sections))


def choose(seen: Observations, most: int = MOST_CARDS) -> Choice:
    """Choose what is shown: all subsets, or by the rule above `most` of them."""
    places = np.flatnonzero(seen.with_subset)
    sizes = seen.size[places]
    without = [int(place) for place in np.flatnonzero(~seen.with_subset)]
    telling = _in_turn(seen, places, sizes)
    shown, usual = telling, []
    if len(places) > most:
        shown = telling[: round(most * TELLING_PART)]
        near = _in_turn(seen, places, np.abs(sizes - np.median(sizes)))
        usual = [place for place in near if place not in set(shown)][: most - len(shown)]
    ordered = sorted([*shown, *usual], key=lambda place: (seen.size[place], place))
    return Choice(
        places=tuple(ordered),
        telling=tuple(telling[:PICTURED_FIRST]),
        usual=len(usual),
        subsets=len(places),
        remainder=tuple(without[:LARGEST_REMAINDER]),
        without=len(without),
    )


def _in_turn(seen: Observations, places: NDArray[np.intp], measure: NDArray[np.float64]) -> list[int]:
    """The places by their rank within their class and correctness, and by the measure within a rank."""
    ranks: dict[tuple[int, bool], int] = {}
    turns: list[tuple[int, float, int]] = []
    for index in np.argsort(measure, kind="stable").tolist():
        place = int(places[index])
        group = (int(seen.target[place]), bool(seen.labelled[place] and not seen.correct[place]))
        ranks[group] = ranks.get(group, 0) + 1
        turns.append((ranks[group], float(measure[index]), place))
    return [place for _, _, place in sorted(turns)]


def rule_text(choice: Choice) -> str:
    """Return which subsets are shown, in words."""
    if choice.subsets == len(choice.places):
        which = "The one subset that was" if choice.subsets == 1 else f"All {choice.subsets:,} subsets that were"
        return f"{which} found, smallest first."
    telling = len(choice.places) - choice.usual
    return (
        f"{choice.subsets:,} subsets were found; {len(choice.places)} of them are shown. {telling} are the smallest of "
        f"each class in turn, right and wrong predictions apart. {choice.usual} are those nearest the median size, "
        "chosen in the same way."
    )
