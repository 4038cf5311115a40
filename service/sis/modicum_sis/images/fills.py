"""Fills: the values where the mask is False; docs/method.md, "Words". A fill depends on its own image alone.

Donors are the exception: other images, gathered once for a run at the cost of a pass each. An image cannot use itself
or a donor that is predicted as its target class. One pool can serve any number of calls.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from modicum_sis.errors import CanvasMismatch, FillUnavailable, ParameterError
from modicum_sis.images.source import Images, ImageSource
from modicum_sis.model.classifier import Classifier
from modicum_sis.numerics.seeding import draw_index, generator

FILLS = ("mean", "black", "white", "noise", "blur", "marginal")
DONOR_POOL = 64
"""At most this many donors are drawn."""
FEWEST_DONORS = 2
BLUR_SIGMAS_PER_SIDE = 16
"""The sigma of the blur is the shorter side divided by this."""
BLUR_REACH = 4
"""The Gaussian is cut off at this many sigmas, where it is below a thousandth of its peak."""


@dataclass(frozen=True, slots=True, eq=False)
class Donors:
    """A pool of donor images for the marginal fill. `gather_donors` makes it.

    Attributes:
        images: (n, C, H, W) on the classifier's device.
        digests: n digests, the same names that findings use for these images.
        classes: n predicted classes.
    """

    images: Tensor
    digests: tuple[str, ...]
    classes: tuple[int, ...]


class Fills:
    """Makes the fill of a given name for any image."""

    def __init__(self, name: str, classifier: Classifier, *, seed: int, donors: Donors | None = None) -> None:
        check_names([name])
        if name == "marginal" and donors is None:
            raise FillUnavailable("the marginal fill needs other images of the data set; give donors=")
        self.name, self._classifier, self._seed, self._donors = name, classifier, seed, donors

    def of(self, image: Tensor, digest: str, target_class: int) -> Tensor:
        """The fill (C, H, W) of an image (C, H, W).

        Raises:
            CanvasMismatch: the donors are of another shape.
            FillUnavailable: fewer than two donors are neither the image itself nor predicted as the target class.
        """
        low, high = self._classifier.bounds
        match self.name:
            case "mean":
                return self._classifier.fill_mean.expand(image.shape).clone()
            case "black":
                return torch.full_like(image, low)
            case "white":
                return torch.full_like(image, high)
            case "noise":
                return self._noise(image, digest)
            case "blur":
                return blurred(image)
            case "marginal":
                return self._donor(image, digest, target_class)
        raise AssertionError(f"the fill {self.name} is known, but is not made here")

    def _noise(self, image: Tensor, digest: str) -> Tensor:
        low, high = self._classifier.bounds
        drawn = torch.rand(image.shape, generator=generator(self._seed, digest, "noise fill"), dtype=torch.float32)
        return (low + (high - low) * drawn.double()).clamp(low, high).to(image)

    def _donor(self, image: Tensor, digest: str, target_class: int) -> Tensor:
        assert self._donors is not None
        usable = usable_donors(self._donors, image, digest, target_class)
        if len(usable) < FEWEST_DONORS:
            raise FillUnavailable(
                f"expected at least {FEWEST_DONORS} donors that differ from the image and are not predicted as class "
                f"{target_class}; {len(usable)} of {len(self._donors.digests)} are usable. Give more donors"
            )
        chosen = usable[draw_index(len(usable), generator(self._seed, digest, "marginal fill"))]
        return self._donors.images[chosen].clone()


def gather_donors(
    classifier: Classifier, images: Images, *, seed: int = 0, digests: Sequence[str] | None = None
) -> Donors:
    """The donor pool: up to 64 of the images, drawn by seed, and the class predicted for each in a separate pass.

    Args:
        classifier: the classifier that is searched.
        images: as in `find_subsets`.
        seed: the seed of the run.
        digests: a name for each image, as given to `find_subsets`. Default: SHA-256 of its values.

    Raises:
        FillUnavailable: fewer than two images are without NaN. Images with NaN are left out.
    """
    source = ImageSource(classifier, images, digests)
    if len(source) < FEWEST_DONORS:
        raise FillUnavailable(f"the marginal fill needs at least {FEWEST_DONORS} donors; got {len(source)}")
    drawn = torch.randperm(len(source), generator=generator(seed, "", "donor pool"))[:DONOR_POOL].tolist()
    loaded = [(image, digest) for image, digest in map(source.load, drawn) if bool(torch.isfinite(image).all())]
    if len(loaded) < FEWEST_DONORS:
        raise FillUnavailable(f"the marginal fill needs at least {FEWEST_DONORS} donors without NaN; got {len(loaded)}")
    images = torch.stack([image for image, _ in loaded])
    classes = tuple(int(classifier.plain_logits(image).argmax()) for image in images)
    return Donors(images=images, digests=tuple(digest for _, digest in loaded), classes=classes)


def usable_donors(donors: Donors, image: Tensor, digest: str, target_class: int) -> list[int]:
    """Indices of the donors that differ from the image (C, H, W) and are not predicted as the target class.

    Raises:
        CanvasMismatch: the donors have another shape.
    """
    if donors.images.shape[1:] != image.shape:
        got = tuple(donors.images.shape[1:])
        raise CanvasMismatch(f"expected donors of the images' shape {tuple(image.shape)}; got {got}. Resize the donors")
    described = zip(donors.images, donors.digests, donors.classes, strict=True)
    return [
        at
        for at, (donor, name, label) in enumerate(described)
        # the same image may have another name as a donor
        if name != digest and label != target_class and not torch.equal(donor, image)
    ]


def ready_donors(classifier: Classifier, donors: Images | Donors, *, seed: int) -> Donors:
    """The given pool, or one gathered from the given images."""
    return donors if isinstance(donors, Donors) else gather_donors(classifier, donors, seed=seed)


def blurred(image: Tensor) -> Tensor:
    """The image (C, H, W) blurred by a Gaussian of sigma `min(H, W) / 16`. Edge pixels are repeated outwards."""
    height, width = image.shape[-2:]
    sigma = min(height, width) / BLUR_SIGMAS_PER_SIDE
    rows, columns = (_gaussian(size, sigma).to(image.device) for size in (height, width))
    smooth = rows @ image.double() @ columns.T
    return smooth.clamp(float(image.min()), float(image.max())).to(image.dtype)


def _gaussian(size: int, sigma: float) -> Tensor:
    """A (size, size) matrix that smooths a line of pixels. Row i holds the weights of pixel i."""
    reach = math.ceil(BLUR_REACH * sigma)
    offsets = torch.arange(-reach, reach + 1)
    weights = torch.exp(-0.5 * (offsets.double() / sigma) ** 2)
    sources = (torch.arange(size).unsqueeze(1) + offsets).clamp(0, size - 1)
    matrix = torch.zeros(size, size, dtype=torch.float64)
    return matrix.scatter_add_(1, sources, (weights / weights.sum()).expand(size, -1).contiguous())


def check_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names, if all of them are fills."""
    for name in names:
        if name not in FILLS:
            raise ParameterError(f"fill must be one of {', '.join(FILLS)}; got {name!r}")
    return tuple(names)
