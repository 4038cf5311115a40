"""The caller's images, loaded one at a time and checked."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from modicum_sis.errors import CanvasMismatch, OutOfBounds, ParameterError
from modicum_sis.images.conversion import converted
from modicum_sis.model.classifier import Canvas, Classifier
from modicum_sis.numerics.seeding import image_digest

BOUNDS_SLACK = 1e-5
"""Values may exceed the bounds by this share of their distance: resizing in float32 causes that."""
CANVAS_AXES = 3


class Images(Protocol):
    """A float tensor (N, C, H, W), or any sequence whose items are tensors (C, H, W). Items are loaded on demand.

    Arrays and images of PIL are converted when they are loaded (see `converted`).
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> object: ...


class ImageSource:
    """Images of one canvas, with their digests.

    Raises:
        ParameterError: the number of digests differs from the number of images.
    """

    def __init__(self, classifier: Classifier, images: Images, digests: Sequence[str] | None = None) -> None:
        if digests is not None and len(digests) != len(images):
            raise ParameterError(f"expected {len(images)} digests, one for each image; got {len(digests)}")
        self._classifier, self._images, self._digests = classifier, images, digests
        self._canvas: Canvas | None = None

    def __len__(self) -> int:
        return len(self._images)

    def canvas(self) -> Canvas:
        """The shape of the first image. All others must have it."""
        if self._canvas is None:
            first = self._given(0)
            if not isinstance(first, Tensor) or first.dim() != CANVAS_AXES or not first.numel():
                raise CanvasMismatch(
                    f"expected images as tensors (C, H, W); got {_described(first)}. Give a tensor (N, C, H, W), or a "
                    "sequence of tensors (C, H, W), arrays or PIL images, without labels"
                )
            self._refuse_channels_last(first)
            self._canvas = (int(first.shape[0]), int(first.shape[1]), int(first.shape[2]))
        return self._canvas

    def _refuse_channels_last(self, first: Tensor) -> None:
        """Name the true cause where a declared number of channels is that of the last axis and not of the first."""
        declared = self._classifier.input
        known = max(len(values) for values in (declared.mean, declared.std, declared.fill_mean))
        if known > 1 and first.shape[0] != known and first.shape[2] == known:
            raise CanvasMismatch(
                f"expected images as tensors (C, H, W) with {known} channels; got {_described(first)}, whose channels "
                "come last. Give images.permute(0, 3, 1, 2)"
            )

    def load(self, index: int) -> tuple[Tensor, str]:
        """An image on the classifier's device and in its dtype, and its digest. NaN is allowed; no module sees it.

        Raises:
            CanvasMismatch: the image is not, and cannot become, a floating point tensor of the canvas' shape.
            OutOfBounds: values lie outside the classifier's bounds.
        """
        given = self._given(index)
        if not isinstance(given, Tensor) or tuple(given.shape) != self.canvas() or not given.is_floating_point():
            raise CanvasMismatch(
                f"expected image {index} as a float tensor of shape {self.canvas()}; got {_described(given)}. "
                "Resize all images to one shape, and scale values to the classifier's bounds (divide bytes by 255)"
            )
        self._check_bounds(index, given)
        digest = self._digests[index] if self._digests is not None else image_digest(given)
        return given.detach().to(device=self._classifier.device, dtype=self._classifier.dtype), digest

    def _given(self, index: int) -> object:
        return converted(self._images[index], f"image {index}", self._classifier.input)

    def _check_bounds(self, index: int, image: Tensor) -> None:
        low, high = self._classifier.bounds
        slack = BOUNDS_SLACK * (high - low)
        lowest, highest = (float(end) for end in torch.aminmax(image))
        if lowest < low - slack or highest > high + slack:
            raise OutOfBounds(
                f"expected values from {low:g} to {high:g}; the values of image {index} range from {lowest:g} to "
                f"{highest:g}. Scale the images, or give the classifier their bounds"
            )


class Selection:
    """Some of the images, in the order of `indices`. They are loaded on demand."""

    def __init__(self, images: Images, indices: Sequence[int]) -> None:
        self._images, self._indices = images, indices

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int, /) -> object:
        return self._images[self._indices[index]]


def _described(value: object) -> str:
    return f"{value.dtype} of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
