"""Which findings have a subset to control, and the images that belong to them."""

from torch import Tensor

from modicum_sis.errors import CanvasMismatch, ParameterError
from modicum_sis.findings import Finding
from modicum_sis.images.source import ImageSource


def has_evidence(finding: Finding) -> bool:
    """Whether there is a subset to control: it was found, and the bare fill alone is not sufficient."""
    return finding.subset is not None and not finding.baseline_confident


def image_of(source: ImageSource, finding: Finding) -> Tensor:
    """The image (C, H, W) of a finding.

    Raises:
        ParameterError: the image at its index is another one. This is seen only if the library named the image itself.
        CanvasMismatch: the image has another shape.
    """
    way_out = "Give the images of the findings, in the same order"
    if not 0 <= finding.index < len(source):
        raise ParameterError(f"a finding refers to image {finding.index}; got only {len(source)} images. {way_out}")
    image, digest = source.load(finding.index)
    if finding.parameters.digests_given is False and digest != finding.digest:
        raise ParameterError(
            f"image {finding.index} has the digest {digest[:12]}, but its finding has {finding.digest[:12]}. {way_out}"
        )
    if (shape := tuple(mask_of(finding).shape)) != tuple(image.shape[-2:]):
        raise CanvasMismatch(f"expected images of the findings' shape {shape}; got {tuple(image.shape)}. {way_out}")
    return image


def mask_of(finding: Finding) -> Tensor:
    """The mask (H, W) of a finding that has evidence."""
    assert finding.subset is not None
    return finding.subset.mask
