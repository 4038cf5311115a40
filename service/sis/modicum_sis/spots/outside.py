"""What lies outside the objects of images: which images a spot test takes there, and how far a place overlaps them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from modicum_sis.spots.sources import SplitImages

Masks = Mapping[int, Tensor]
"""By index of an image, a mask (H, W)."""


@dataclass(frozen=True, slots=True, eq=False)
class MadeMasks(Masks):
    """Masks of some images, each made when it is looked up."""

    indices: frozenset[int]
    masks: Masks
    objects: Masks | None = None

    def __getitem__(self, index: int) -> Tensor:
        """The mask of an image, without its objects where these are given."""
        if index not in self.indices:
            raise KeyError(index)
        mask = self.masks[index]
        return mask if self.objects is None else mask & ~self.objects[index]

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices)

    def __len__(self) -> int:
        return len(self.indices)


def dividing(objects: Masks) -> Masks:
    """The objects that cover a part of the canvas: neither none of it nor all."""
    parts = frozenset(index for index, mask in objects.items() if bool(mask.any()) and not bool(mask.all()))
    return MadeMasks(parts, objects)


def images_with_objects(images: SplitImages, objects: Masks) -> SplitImages:
    """The images with objects, each in its half, with what of their subsets lies outside the objects."""
    masks = MadeMasks(frozenset(images.masks) & frozenset(objects), images.masks, objects)
    first, second = (tuple(index for index in half if index in objects) for half in images.halves)
    subsets = frozenset(index for index in images.subsets if index in masks and bool(masks[index].any()))
    return replace(images, masks=masks, subsets=subsets, halves=(first, second))


def overlap(objects: Tensor, region: Tensor) -> float:
    """The share of the smaller of the two that lies in the other; both are masks (H, W) and not empty.

    An object within a larger place has an overlap of 1, as has a place within a larger object.
    """
    return float((region & objects).sum() / torch.minimum(region.sum(), objects.sum()))
