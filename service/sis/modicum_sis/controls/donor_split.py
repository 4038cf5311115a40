"""Splits the donor pool in two: donors that serve a search, and donors that only verify.

See docs/method.md, "What a small subset does not prove". The split depends on the seed and on the images of the pool,
but not on their order or on the searched image. Duplicates in the pool count once, so the search never sees a verifying
donor.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from modicum_sis.images.fills import Donors, usable_donors
from modicum_sis.numerics.seeding import generator, image_digest

MOST_VERIFYING = 32
"""Half of the pool verifies, but at most this many donors."""
FEWEST_VERIFYING = 8
"""With fewer, nine in ten of them prove nothing, and the control is unavailable for the image."""
SPLIT = "verifying donors"
ORDER = "searching donors"
"""The purposes under which the two parts are drawn."""


@dataclass(frozen=True, slots=True)
class ImageDonors:
    """The donors of one image, as indices into the pool: those for the search, in its order, and those that verify."""

    searching: tuple[int, ...]
    verifying: tuple[int, ...]

    @property
    def are_enough(self) -> bool:
        """Whether there are donors for the search, and enough to verify with."""
        return bool(self.searching) and len(self.verifying) >= FEWEST_VERIFYING

    @property
    def needed(self) -> int:
        """The number of verifying donors with which a subset must be sufficient: at least nine in ten."""
        return -(-9 * len(self.verifying) // 10)


class DonorSplit:
    """A pool that is split by seed. Each image excludes the donors that would help it."""

    def __init__(self, donors: Donors, *, seed: int) -> None:
        self.donors, self._seed = donors, seed
        by_value = {image_digest(image): place for place, image in reversed(list(enumerate(donors.images)))}
        places = [by_value[value] for value in sorted(by_value)]
        drawn = torch.randperm(len(places), generator=generator(seed, "", SPLIT)).tolist()
        verifying = min(MOST_VERIFYING, len(places) // 2)
        self._verifying = frozenset(places[at] for at in drawn[:verifying])
        self._searching = frozenset(places[at] for at in drawn[verifying:])

    def for_image(self, image: Tensor, digest: str, target_class: int) -> ImageDonors:
        """The donors for an image (C, H, W) with this digest, and for this class.

        Raises:
            CanvasMismatch: the donors have another shape.
        """
        usable = usable_donors(self.donors, image, digest, target_class)
        searching = [place for place in usable if place in self._searching]
        order = torch.randperm(len(searching), generator=generator(self._seed, digest, ORDER)).tolist()
        return ImageDonors(
            searching=tuple(searching[at] for at in order),
            verifying=tuple(place for place in usable if place in self._verifying),
        )
