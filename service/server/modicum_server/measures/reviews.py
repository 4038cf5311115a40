"""What the answers of a blind review say: do people name the predicted class on the subsets?

Rule of the outcome (docs/method.md, "The blind review"). The *excess* is the share of subsets whose predicted class
people name, less that on random pixels, or less chance. CONFIRMED: both intervals lie below 0.2, and people name the
class on most whole pictures: that interval lies above 0.5. SEEN: both lie above 0.2. Otherwise, or below n = 10,
INCONCLUSIVE.

A share is a mean over pictures. A picture that several people saw counts once, with the share of them who named it, so
that several answers to one picture are not taken for several pictures.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from modicum_server.domain.reviews import (
    PictureKind,
    Review,
    ReviewAnswer,
    Reviewer,
    ReviewerShares,
    ReviewFigures,
    ReviewOutcome,
    ReviewPicture,
    ReviewPlan,
    ReviewShare,
)
from modicum_server.measures.agreement import krippendorff_alpha
from modicum_server.measures.intervals import EXACT_TAIL, LEVEL, SMALLEST_SAMPLE, TAILS, newcombe_ends, wilson_ends
from modicum_server.measures.review_words import Facts, sentence

LIMIT = 0.2
"""The excess from which on people are said to see the class: one picture in five."""
RECOGNISED = 0.5
"""Of the whole pictures, the share that people must name for their other answers to tell something."""
MOST_PICTURES = 1000
"""Subsets up to which it is worked out how many would settle the outcome."""
EXACT_TO = 50
"""Subsets from which on only every fiftieth part more is tried: the number is told as "about"."""
UNMEASURED = ReviewShare(None, None, None, 0)


@dataclass(frozen=True, slots=True)
class _Sample:
    """A share and over how many pictures it is."""

    share: float
    n: int


def review_figures(review: Review, *, answers_a_subset: float, level: float = LEVEL) -> ReviewFigures:
    """Return what the answers of a review say.

    Args:
        review: with its answers.
        answers_a_subset: how many answers a session takes for each subset that is new in it.
        level: of the intervals.
    """
    named, nothing = _both(review.plan, review.reviewers, level)
    samples = {kind: _Sample(one.value, one.n) for kind, one in named.items() if one.value is not None}
    chance = _chance(review)
    over_random, over_chance = _excesses(samples, chance, level)
    outcome = _outcome(samples, chance, level)
    subsets = None if outcome is not ReviewOutcome.INCONCLUSIVE else _subsets_needed(samples, chance, level)
    has, needed = len(review.plan.images), None
    if subsets is not None and subsets <= has:
        needed = round(answers_a_subset * (subsets - samples[PictureKind.SUBSET].n))
    agreement, shared = _agreement(review.reviewers)
    facts = Facts(outcome, named, chance, level, needed, subsets, has, LIMIT, RECOGNISED)
    return ReviewFigures(
        outcome=outcome,
        text=sentence(facts),
        level=level,
        named=named,
        nothing=nothing,
        chance=chance,
        over_random=over_random,
        over_chance=over_chance,
        reviewers=tuple(
            ReviewerShares(one.number, *_both(review.plan, [one], level)) for one in review.reviewers if one.answers
        ),
        agreement=agreement,
        pictures_shared=shared,
        answers_needed=needed,
    )


def outcomes_by_tail(review: Review) -> list[tuple[float, ReviewOutcome]]:
    """Return the outcome at each one-sided tail at which it may be judged.

    Not below `EXACT_TAIL`: there the intervals, which rest on the normal distribution, are not exact enough.
    """
    samples, chance = _samples(review), _chance(review)
    return [(tail, _outcome(samples, chance, 1 - 2 * tail)) for tail in TAILS if tail >= EXACT_TAIL]


def could_confirm(review: Review, *, level: float = LEVEL) -> bool:
    """Return whether the outcome could have been CONFIRMED by all but what people say of the subsets.

    So it is where ten pictures of each kind have answers, and people name the class on most whole ones. Only then does
    INCONCLUSIVE say that CONFIRMED was looked for and not found.
    """
    return _could_confirm(_samples(review), level)


def _samples(review: Review) -> Mapping[PictureKind, _Sample]:
    named, _ = _both(review.plan, review.reviewers, LEVEL)
    return {kind: _Sample(one.value, one.n) for kind, one in named.items() if one.value is not None}


def _both(
    plan: ReviewPlan, reviewers: Sequence[Reviewer], level: float
) -> tuple[Mapping[PictureKind, ReviewShare], Mapping[PictureKind, ReviewShare]]:
    """The shares of pictures of which the class was named, and of which people said that nothing is there."""

    def is_named(answer: ReviewAnswer) -> bool:
        return answer.choice == plan.images[answer.picture.image].predicted_class

    return _shares(reviewers, is_named, level), _shares(reviewers, lambda answer: answer.choice is None, level)


def _shares(
    reviewers: Sequence[Reviewer], holds: Callable[[ReviewAnswer], bool], level: float
) -> Mapping[PictureKind, ReviewShare]:
    means = {
        picture: sum(holds(answer) for answer in answers) / len(answers)
        for picture, answers in _by_picture(reviewers).items()
    }
    return {
        kind: _share([mean for picture, mean in means.items() if picture.kind is kind], level) for kind in PictureKind
    }


def _by_picture(reviewers: Sequence[Reviewer]) -> Mapping[ReviewPicture, Sequence[ReviewAnswer]]:
    """The answers to each picture that has any."""
    answers: defaultdict[ReviewPicture, list[ReviewAnswer]] = defaultdict(list)
    for reviewer in reviewers:
        for answer in reviewer.answers:
            answers[answer.picture].append(answer)
    return answers


def _share(values: Sequence[float], level: float) -> ReviewShare:
    n = len(values)
    if n == 0:
        return UNMEASURED
    mean = sum(values) / n
    low, high = (None, None) if n < SMALLEST_SAMPLE else wilson_ends(mean, n, level)
    return ReviewShare(mean, low, high, n)


def _chance(review: Review) -> float | None:
    """The share that a guess names: over the subsets that were answered, the mean of 1 / options."""
    seen = {picture.image for picture in _by_picture(review.reviewers) if picture.kind is PictureKind.SUBSET}
    if not seen:
        return None
    return sum(1 / len(review.plan.images[image].options) for image in seen) / len(seen)


def _excesses(
    samples: Mapping[PictureKind, _Sample], chance: float | None, level: float
) -> tuple[ReviewShare, ReviewShare]:
    subset, random = samples.get(PictureKind.SUBSET), samples.get(PictureKind.RANDOM)
    over_random = over_chance = UNMEASURED
    if subset is not None and random is not None:
        ends = newcombe_ends(subset.share, subset.n, random.share, random.n, level)
        over_random = _difference(subset.share - random.share, ends, min(subset.n, random.n))
    if subset is not None and chance is not None:
        low, high = wilson_ends(subset.share, subset.n, level)
        over_chance = _difference(subset.share - chance, (low - chance, high - chance), subset.n)
    return over_random, over_chance


def _difference(value: float, ends: tuple[float, float], n: int) -> ReviewShare:
    return ReviewShare(value, None, None, n) if n < SMALLEST_SAMPLE else ReviewShare(value, *ends, n)


def _outcome(samples: Mapping[PictureKind, _Sample], chance: float | None, level: float) -> ReviewOutcome:
    excesses = _excesses(samples, chance, level)
    if all(one.low is not None and one.low > LIMIT for one in excesses):
        return ReviewOutcome.SEEN
    if _could_confirm(samples, level) and all(one.high is not None and one.high < LIMIT for one in excesses):
        return ReviewOutcome.CONFIRMED
    return ReviewOutcome.INCONCLUSIVE


def _could_confirm(samples: Mapping[PictureKind, _Sample], level: float) -> bool:
    """Whether there are enough pictures of each kind, and people name the class on most whole ones."""
    if any(kind not in samples or samples[kind].n < SMALLEST_SAMPLE for kind in PictureKind):
        return False
    whole = samples[PictureKind.WHOLE]
    return wilson_ends(whole.share, whole.n, level)[0] > RECOGNISED


def _subsets_needed(samples: Mapping[PictureKind, _Sample], chance: float | None, level: float) -> int | None:
    """How many subsets in all would settle the outcome, if all answers to come are like those seen."""
    if len(samples) < len(PictureKind):
        return None
    subsets = have = samples[PictureKind.SUBSET].n
    while (subsets := subsets + max(1, subsets // EXACT_TO)) <= MOST_PICTURES:
        more = {kind: _Sample(one.share, round(one.n * subsets / have)) for kind, one in samples.items()}
        if _outcome(more, chance, level) is not ReviewOutcome.INCONCLUSIVE:
            return subsets
    return None


def _agreement(reviewers: Sequence[Reviewer]) -> tuple[float | None, int]:
    """Krippendorff's alpha over the pictures that several people answered, and how many these are."""
    choices = [[answer.choice for answer in answers] for answers in _by_picture(reviewers).values()]
    return krippendorff_alpha(choices), sum(len(of_one) > 1 for of_one in choices)
