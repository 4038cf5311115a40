"""Figures of blind reviews as tables have them. A figure that there is not is a dash."""

from collections.abc import Mapping

from modicum_server.domain.reviews import PictureKind, ReviewShare
from modicum_server.measures.number_words import share_text, short_points_text

NO_FIGURE = "-"
KINDS: Mapping[PictureKind, str] = {
    PictureKind.SUBSET: "subsets",
    PictureKind.RANDOM: "random pixels",
    PictureKind.WHOLE: "whole pictures",
}
"""What the pictures of each kind are called."""


def share(value: float | None) -> str:
    """Return a share as per cent."""
    return NO_FIGURE if value is None else share_text(value)


def share_line(one: ReviewShare) -> str:
    """Return a share with its interval: 20% (5.7% to 51%) of 10."""
    interval = f" ({ends(one)})" if one.low is not None else ""
    return f"{share(one.value)}{interval} of {one.n}"


def ends(one: ReviewShare) -> str:
    """Return the interval of a share."""
    return NO_FIGURE if one.low is None or one.high is None else f"{share_text(one.low)} to {share_text(one.high)}"


def points(value: float | None) -> str:
    """Return a difference of two shares in points."""
    return NO_FIGURE if value is None else short_points_text(value)


def point_ends(one: ReviewShare) -> str:
    """Return the interval of a difference of two shares."""
    if one.low is None or one.high is None:
        return NO_FIGURE
    return f"{points(one.low)} to {points(one.high)}"


def picture_kind(kind: PictureKind) -> str:
    """Return what the pictures of a kind are called."""
    return KINDS[kind]


FILTERS = {one.__name__: one for one in (share, share_line, ends, points, point_ends, picture_kind)}
"""By the name that templates use."""
