"""The donor pool in two parts: donors that serve a search, and donors that only verify (METHOD section 3).

The split is a function of the seed and of which images the pool holds, never of their order or of the image that is
searched. An image that the pool holds twice counts once, so that no verifying donor was seen by the search.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from modicum_sis.images.fills import Donors, usable_donors
from modicum_sis.numerics.seeding import generator, image_digest

MOST_VERIFYING = 32
"""Half of the pool verifies, but no more than this many."""
FEWEST_VERIFYING = 8
"""With fewer, nine in ten of them say nothing, and the control is unavailable for the image."""
SPLIT = "verifying donors"
ORDER = "searching donors"
"""Purposes of the seeds that draw the two."""


@dataclass(frozen=True, slots=True)
class Fillings:
    """Places in the pool of one image's donors: those that serve the search, in its order, and those that verify."""

    searching: tuple[int, ...]
    verifying: tuple[int, ...]

    @property
    def are_enough(self) -> bool:
        """Whether there is something to search with, and enough to verify with."""
        return bool(self.searching) and len(self.verifying) >= FEWEST_VERIFYING

    @property
    def needed(self) -> int:
        """How many verifying donors have to leave a subset sufficient: at least nine in ten."""
        return -(-9 * len(self.verifying) // 10)


class DonorSplit:
    """A pool, split by seed; each image leaves out of both parts what would help it."""

    def __init__(self, donors: Donors, *, seed: int) -> None:
        self.donors, self._seed = donors, seed
        by_value = {image_digest(image): place for place, image in reversed(list(enumerate(donors.images)))}
        places = [by_value[value] for value in sorted(by_value)]
        drawn = torch.randperm(len(places), generator=generator(seed, "", SPLIT)).tolist()
        verifying = min(MOST_VERIFYING, len(places) // 2)
        self._verifying = frozenset(places[at] for at in drawn[:verifying])
        self._searching = frozenset(places[at] for at in drawn[verifying:])

    def for_image(self, image: Tensor, digest: str, target_class: int) -> Fillings:
        """The donors for an image (C, H, W), named by its digest, for a class.

        Raises:
            CanvasMismatch: the donors are of another shape.
        """
        usable = usable_donors(self.donors, image, digest, target_class)
        searching = [place for place in usable if place in self._searching]
        order = torch.randperm(len(searching), generator=generator(self._seed, digest, ORDER)).tolist()
        return Fillings(
            searching=tuple(searching[at] for at in order),
            verifying=tuple(place for place in usable if place in self._verifying),
        )
