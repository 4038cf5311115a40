"""Which images a spot test copies from, and which it copies into: halves of the images, and pairs within a half."""

import itertools
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from modicum_sis.numerics.seeding import generator

HALVES = (0, 1)
LEAST_SOURCES = 8
"""Fewest images of a class for a test of its own: each half then has four to choose with or to test on."""
MOST_POOLED_SOURCES = 200
"""Most images of a half that the pooled row takes its places from."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The image whose place is copied or covered, and the image that it is copied into, or covered from."""

    source: int
    other: int


@dataclass(frozen=True, slots=True)
class SplitImages:
    """The images of a spot test.

    Attributes:
        predicted: the class of each image.
        masks: by index, the mask (H, W) of a subset.
        subsets: the indices whose mask is not empty.
        halves: the indices of each half.
        seed: of everything that is drawn.
    """

    predicted: Sequence[int | None]
    masks: Mapping[int, Tensor]
    subsets: frozenset[int]
    halves: tuple[tuple[int, ...], tuple[int, ...]]
    seed: int

    def of_class(self, target_class: int | None, half: int) -> tuple[int, ...]:
        """The images of a half that are predicted as a class; some of any class where there is none."""
        if target_class is None:
            return self.halves[half][:MOST_POOLED_SOURCES]
        return tuple(index for index in self.halves[half] if self.predicted[index] == target_class)

    def count(self, target_class: int | None) -> int:
        """How many images are predicted as a class; all of both halves where there is none."""
        images = itertools.chain.from_iterable(self.halves)
        return sum(target_class is None or self.predicted[index] == target_class for index in images)

    def classes(self) -> list[int]:
        """The classes with enough images for a test of their own, rising."""
        counts: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        for half in HALVES:
            for index in self.halves[half]:
                counts[self.class_of(index)][half] += 1
        return sorted(each for each, halves in counts.items() if min(halves) >= LEAST_SOURCES // 2)

    def pairs(self, sources: Sequence[int], half: int, purpose: str, *, most: int) -> list[Pair]:
        """Pairs of a source and an image of another class from the same half. Each other image is used once."""
        others = [self.halves[half][place] for place in self._order(len(self.halves[half]), purpose)]
        waiting, pairs = deque(sources), list[Pair]()
        for other in others:
            if len(pairs) == most or not waiting:
                break
            source = next((each for each in waiting if self.predicted[each] != self.predicted[other]), None)
            if source is None:
                continue
            waiting.remove(source)
            waiting.append(source)
            pairs.append(Pair(source, other))
        return pairs

    def donors(self, sources: Sequence[int], half: int, purpose: str, *, each: int) -> list[Pair]:
        """For each source some images of other classes from the same half, drawn by seed."""
        pairs = []
        for source in sources:
            others = [index for index in self.halves[half] if self.predicted[index] != self.predicted[source]]
            order = self._order(len(others), f"{purpose} {source}")[:each]
            pairs += [Pair(source, others[place]) for place in order]
        return pairs

    def class_of(self, index: int) -> int:
        """The class that an image of a half is predicted as."""
        predicted = self.predicted[index]
        assert predicted is not None, "halves hold images with a prediction"
        return predicted

    def _order(self, count: int, purpose: str) -> list[int]:
        return torch.randperm(count, generator=generator(self.seed, "", f"spots {purpose}")).tolist()


def split_images(
    predicted: Sequence[int | None], masks: Mapping[int, Tensor], digests: Sequence[str], seed: int
) -> SplitImages:
    """Split the images in two halves with as many of each class, by seed and not by order.

    Images without a prediction are left out, and copies of an image but the first.
    """
    first: dict[str, int] = {}
    for index, digest in enumerate(digests):
        if predicted[index] is not None:
            first.setdefault(digest, index)
    members: dict[int | None, list[int]] = defaultdict(list)
    for digest in sorted(first):
        members[predicted[first[digest]]].append(first[digest])
    halves: tuple[list[int], list[int]] = ([], [])
    for number, target_class in enumerate(sorted(members, key=lambda each: -1 if each is None else each)):
        indices = members[target_class]
        drawn = torch.randperm(len(indices), generator=generator(seed, "", f"spot halves {target_class}")).tolist()
        for place, at in enumerate(drawn):
            halves[(place + number) % 2].append(indices[at])
    order = [torch.randperm(len(each), generator=generator(seed, "", "spot order")).tolist() for each in halves]
    mixed = tuple(tuple(half[at] for at in places) for half, places in zip(halves, order, strict=True))
    subsets = frozenset(index for index, mask in masks.items() if bool(mask.any()))
    return SplitImages(predicted, masks, subsets, (mixed[0], mixed[1]), seed)
