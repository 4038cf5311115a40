"""Early stop: the tail of a share that may be looked at after any image, and when an audit may end.

A rule's error is spent in two parts. `EARLY_PART` of it goes to a mixture e-process, which holds whenever somebody
looks or cuts; the rest goes to the exact test once all planned images were looked at. So p, the smaller of the two
tails, each divided by its part, is at most an error with at most that chance. Must not know how long an image took.

The e-process of "the share is at most s" is the likelihood ratio of the images so far against s, mixed over larger
shares by the uniform distribution on (s, 1): the mixture of Robbins ("Statistical methods related to the law of the
iterated logarithm", 1970) in its one-sided beta-binomial form (Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform,
nonparametric, nonasymptotic confidence sequences", 2021). For every share up to s it is a supermartingale that begins
at 1, so the chance that it ever reaches 1/p is at most p (Ville, 1939).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

EARLY_PART = 0.2
"""Of a rule's error, what early looks may spend."""


CUT_WORDS = {
    "spot": "the spot test",
    "spot_comparison": "the comparison of spots between versions",
    "transfer": "the scores by other versions",
    "counterfactual": "the counterfactual set",
    "out_of_distribution": "the out-of-distribution set",
}
"""What may be left out after the searches, in words."""

ENDED_EARLY = "The audit ended early, "
"""How the sentence of a summary begins that says where an audit ended."""


class Looks(StrEnum):
    """How often a number may have been looked at: once, when all planned images were done, or more often.

    LAST: it could have been cut, but all planned images were looked at. EARLY: it was cut before.
    """

    ONCE = "ONCE"
    LAST = "LAST"
    EARLY = "EARLY"


def looks_of(document: Mapping[str, Any]) -> Looks:
    """Return how often the numbers of a result document may have been looked at."""
    stopping = document.get("stopping")
    if stopping is None:
        return Looks.ONCE
    return Looks.EARLY if stopping["images"] < stopping["planned"] else Looks.LAST


def is_whole(document: Mapping[str, Any]) -> bool:
    """Whether an audit did all that it was asked for."""
    return looks_of(document) is not Looks.EARLY and not cut_of(document)


def cut_of(document: Mapping[str, Any]) -> Sequence[str]:
    """Return what was left out after the searches, as keys of `CUT_WORDS`."""
    cut: Sequence[str] = (document.get("stopping") or {}).get("cut", ())
    return cut


def cut_in_words(cut: Sequence[str]) -> str:
    """Return what was left out, in words; empty if nothing."""
    return ", ".join(sorted(CUT_WORDS.get(one, one) for one in cut))


def cut_reason(document: Mapping[str, Any], kind: str) -> str:
    """Return why a result has nothing of a kind, where it was cut; empty where it was not."""
    if kind not in cut_of(document):
        return ""
    return f"{CUT_WORDS[kind]} was left out: {'; '.join(document['stopping']['why'])}"


def stop_notes(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield after how many images an audit ended early, what was left out, and why; nothing of one that was whole."""
    if is_whole(document):
        return
    stopping, cut = document["stopping"], cut_in_words(cut_of(document))
    left_out = f"; left out: {cut}" if cut else ""
    yield f"the audit ended after {extent(stopping)}: {'; '.join(stopping['why'])}{left_out}"


def extent(stopping: Mapping[str, Any]) -> str:
    """Return how many of the planned images were looked at, in words."""
    return f"{stopping['images']:,} of {stopping['planned']:,} images"


def p_when_looked_at(exact: float, successes: int, n: int, share: float, looks: Looks) -> float:
    """Return p of the hypothesis that the share is at most `share`.

    Args:
        exact: the same from the exact test of these counts, as if nobody had looked before.
        successes: of `n`.
        n: how many were looked at.
        share: the limit.
        looks: how often anybody may have looked.
    """
    if looks is Looks.ONCE:
        return exact
    early = ever_above(successes, n, share) / EARLY_PART
    return min(1.0, early if looks is Looks.EARLY else min(early, exact / (1 - EARLY_PART)))


def ever_above(successes: int, n: int, share: float) -> float:
    """Return p of the hypothesis that the share is at most `share`, valid at every look: 1 over the e-process."""
    if n == 0 or share >= 1:
        return 1.0
    if share <= 0:
        return 0.0 if successes else 1.0
    return min(1.0, math.exp(-max(0.0, _log_e(successes, n, share))))


def _log_e(successes: int, n: int, share: float) -> float:
    """The logarithm of the e-process: a beta integral over (share, 1) against the likelihood at the share."""
    from scipy.special import betaincc, betaln  # type: ignore[import-untyped]  # noqa: PLC0415  # of the extra `gate`

    above = float(betaincc(successes + 1, n - successes + 1, share))
    if above == 0:
        return -math.inf
    mixed = float(betaln(successes + 1, n - successes + 1)) + math.log(above) - math.log1p(-share)
    return mixed - successes * math.log(share) - (n - successes) * math.log1p(-share)
