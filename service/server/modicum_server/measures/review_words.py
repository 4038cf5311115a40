"""The sentence about a blind review."""

from collections.abc import Mapping
from dataclasses import dataclass

from modicum_server.domain.reviews import PictureKind, ReviewOutcome, ReviewShare
from modicum_server.measures.intervals import SMALLEST_SAMPLE
from modicum_server.measures.number_words import OPEN_END, asked_text, enumeration, points_number, share_text

NO_ANSWERS = "Nobody has answered yet."


@dataclass(frozen=True, slots=True)
class Facts:
    """What the sentence is about.

    `subsets` is how many would settle an open outcome, and None if no number would. The review has `images` of them.
    `needed` is how many answers more that takes; None where it has too few.
    """

    outcome: ReviewOutcome
    named: Mapping[PictureKind, ReviewShare]
    chance: float | None
    level: float
    needed: int | None
    subsets: int | None
    images: int
    limit: float
    recognised: float


def sentence(facts: Facts) -> str:
    """Return what people see: the conclusion first, then the figures."""
    subset = facts.named[PictureKind.SUBSET]
    if subset.value is None or facts.chance is None:
        return NO_ANSWERS
    beside = [
        f"{share_text(one.value)} on {what}"
        for kind, what in ((PictureKind.RANDOM, "as many random pixels"), (PictureKind.WHOLE, "whole pictures"))
        if (one := facts.named[kind]).value is not None
    ]
    found = [
        f"They name it on {share_text(subset.value)} of {subset.n} subsets{_interval(subset, facts.level)}",
        *beside,
    ]
    figures = f"{enumeration(found)}. A guess names {share_text(facts.chance)}."
    conclusion, margin = _conclusion(facts), _margin(facts)
    return " ".join(part for part in (conclusion, figures, margin) if part)


def _conclusion(facts: Facts) -> str:
    if facts.outcome is ReviewOutcome.CONFIRMED:
        return "People do not see the predicted class in the subsets."
    if facts.outcome is ReviewOutcome.SEEN:
        return "People see the predicted class in the subsets."
    return (
        f"These answers do not settle whether people see the predicted class in the subsets. {_what_is_missing(facts)}"
    )


def _margin(facts: Facts) -> str:
    """By how much the subsets exceed both random pixels and a guess, where that is settled."""
    amount = {ReviewOutcome.CONFIRMED: "less", ReviewOutcome.SEEN: "more"}.get(facts.outcome)
    if amount is None:
        return ""
    limit = points_number(facts.limit)
    return f"The share on subsets is {amount} than {limit} points above random pixels, and above a guess."


def _what_is_missing(facts: Facts) -> str:
    whole = facts.named[PictureKind.WHOLE]
    if whole.high is not None and whole.high < facts.recognised:
        return "On most whole pictures they do not name it either, so their answers do not tell."
    if facts.needed is not None:
        return f"If further answers are like these, it takes about {facts.needed} more."
    if facts.subsets is not None:
        return (
            f"If further answers are like these, it takes about {facts.subsets} subsets, and there are {facts.images}."
        )
    if any(facts.named[kind].value is None for kind in PictureKind):
        return "No session has ended yet."
    return "Further answers like these would not settle it."


def _interval(share: ReviewShare, level: float) -> str:
    if share.low is None or share.high is None:
        return f" (no interval below {SMALLEST_SAMPLE} pictures)"
    low, high = (OPEN_END if end is None else share_text(end) for end in (share.low, share.high))
    return f" ({asked_text(level)} interval {low} to {high})"
