"""Seeded draws of a blind review: its images with their options, and the session of each reviewer. Pure.

Equal seeds and equal findings give equal plans on every machine. docs/method.md, "The blind review", has the rules.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from modicum_server.domain.reviews import (
    MOST_OPTIONS,
    PictureKind,
    ReviewImage,
    ReviewPicture,
    ReviewPlan,
)

One = TypeVar("One")

MOST_IMAGES = 200
"""Images of a plan: enough for 25 reviewers before one image is seen by more than two."""
SUBSETS, SHARED, WHOLE = 10, 2, 4
"""Of a session: subsets (and as many random ones), how many of each the next reviewer sees too, and whole pictures."""
NEW = SUBSETS - SHARED
"""Subsets that a reviewer sees beyond those of the one before."""
ANSWERS = 2 * SUBSETS + WHOLE
"""Pictures of a session, where the plan has enough images."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An image with a subset that a review may show."""

    position: int
    predicted_class: int
    size: int


def draw_images(candidates: Sequence[Candidate], labels: Sequence[str], *, seed: int) -> tuple[ReviewImage, ...]:
    """Return the images of a plan in a seeded order, classes in turn; at most `MOST_IMAGES`.

    The random mask of an image keeps as many pixels as the subset of the image half the plan before it, so that a
    session rarely shows one image twice.
    """
    chosen = _classes_in_turn(candidates, seed)[:MOST_IMAGES]
    groups = _groups([one.predicted_class for one in chosen], labels, seed)
    half = len(chosen) // 2
    return tuple(
        ReviewImage(
            position=one.position,
            predicted_class=one.predicted_class,
            subset_size=one.size,
            random_size=chosen[(number - half) % len(chosen)].size,
            options=_options(one.predicted_class, labels, groups),
        )
        for number, one in enumerate(chosen)
    )


def session(plan: ReviewPlan, reviewer: int) -> tuple[ReviewPicture, ...]:
    """Return the pictures of a reviewer, by its number from 0, in their order: the whole ones last."""
    count = len(plan.images)
    first, half = NEW * reviewer, count // 2
    subsets = [(first + place) % count for place in range(min(SUBSETS, count))]
    wholes = [(first + SHARED + place) % count for place in range(min(WHOLE, count))]
    masked = [ReviewPicture(PictureKind.SUBSET, number) for number in subsets]
    masked += [ReviewPicture(PictureKind.RANDOM, (number + half) % count) for number in subsets]
    source = _generator("session", plan.seed, reviewer)
    whole = [ReviewPicture(PictureKind.WHOLE, number) for number in wholes]
    return (*_shuffled(masked, source), *_shuffled(whole, source))


def random_mask(plan: ReviewPlan, image: int, *, height: int, width: int) -> NDArray[np.bool_]:
    """Return the random mask (H, W) of an image of the plan."""
    mask = np.zeros(height * width, dtype=np.bool_)
    places = _generator("mask", plan.seed, image).permutation(mask.size)
    mask[places[: plan.images[image].random_size]] = True
    return mask.reshape(height, width)


def _classes_in_turn(candidates: Sequence[Candidate], seed: int) -> list[Candidate]:
    ranks: defaultdict[int, int] = defaultdict(int)
    turns: list[tuple[int, int, Candidate]] = []
    for place, index in enumerate(_generator("images", seed).permutation(len(candidates)).tolist()):
        one = candidates[index]
        turns.append((ranks[one.predicted_class], place, one))
        ranks[one.predicted_class] += 1
    return [one for _, _, one in sorted(turns, key=lambda turn: turn[:2])]


def _groups(predicted: Sequence[int], labels: Sequence[str], seed: int) -> list[tuple[str, ...]]:
    """The names that are offered together, each name in one group and all names of a group on the same pictures.

    So no name of a picture was seen more often, or earlier, than those beside it, and what recurs tells nothing.
    Groups have `MOST_OPTIONS` names, or fewer where the model has too few classes to fill them. The names that the plan
    predicts are dealt first, so that each group has as many of them as any other, or one more.
    """
    shuffled = _shuffled(labels, _generator("classes", seed))
    answers = {labels[one] for one in predicted}
    names = list(dict.fromkeys(sorted(shuffled, key=lambda name: name not in answers)))
    count = -(-len(answers) // MOST_OPTIONS)
    dealt = [names[start : count * MOST_OPTIONS : count] for start in range(count)]
    return [tuple(_shuffled(group, _generator("options", seed, number))) for number, group in enumerate(dealt)]


def _options(predicted: int, labels: Sequence[str], groups: Sequence[tuple[str, ...]]) -> tuple[int, ...]:
    """The classes of the group of the predicted one, in the order that all its pictures have."""
    name = labels[predicted]
    group = next(names for names in groups if name in names)
    return tuple(predicted if one == name else labels.index(one) for one in group)


def _shuffled(ones: Sequence[One], source: np.random.Generator) -> list[One]:
    return [ones[place] for place in source.permutation(len(ones)).tolist()]


def _generator(purpose: str, seed: int, number: int = 0) -> np.random.Generator:
    entropy = hashlib.sha256(f"review {purpose}:{seed}:{number}".encode()).digest()
    return np.random.default_rng(int.from_bytes(entropy, "big"))
