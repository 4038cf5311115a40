"""Findings as figures of matplotlib, which is imported when one is drawn. Nothing here needs a model.

A figure is not known to pyplot: a notebook shows it once, as the value of its cell, and a script saves it.
"""

import io
import math
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from modicum_sis.errors import CanvasMismatch, OutOfBounds, SisError
from modicum_sis.images.conversion import converted
from modicum_sis.images.source import BOUNDS_SLACK

if TYPE_CHECKING:
    from modicum_sis.findings import Finding, Subset

PANEL = 3.0
"""Inches of a panel's side."""
GREY = 0.5
"""Of pixels that are not kept, from 0 to 1."""
COLOURS = 3
"""Channels of an image that is drawn in colour. Of another number of channels, the mean is drawn."""
MOST_DECADES = 5
"""Ticks of a log axis."""
Draw = Callable[[Any], None]


def finding_figure(finding: "Finding", image: object) -> Any:
    """The image, if it is given; what suffices of it; and the confidence over the pixels kept, if there is a trace.

    Raises:
        CanvasMismatch: the image has another size than the subset.
        OutOfBounds: the image has values outside the bounds.
        SisError: the finding has no subset or does not record its bounds, or matplotlib is not installed.
    """
    if finding.subset is None:
        raise SisError(f"image {finding.index}: there is no subset to plot: {finding.reason}")
    pixels = None if image is None else _pixels(finding, finding.subset, image)
    panels = list(_panels(finding, finding.subset, pixels))
    figure = _figure_class()(layout="constrained", figsize=(PANEL * len(panels), PANEL + 0.4))
    for axis, draw in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        draw(axis)
    return figure


def mask_png(subset: "Subset") -> bytes:
    """The mask of a subset as PNG: white is kept, black is masked.

    Raises:
        SisError: matplotlib is not installed.
    """
    data = io.BytesIO()
    drawing = _matplotlib("image", "the picture of a mask")
    drawing.imsave(data, subset.mask.cpu().numpy(), format="png", cmap="gray", vmin=0, vmax=1)
    return data.getvalue()


def pixels_text(subset: "Subset") -> str:
    """The size of a subset: 12 of 784 pixels (1.53%)."""
    return f"{subset.size:,} of {subset.mask.numel():,} pixels ({subset.fraction:.2%})"


def _pixels(finding: "Finding", subset: "Subset", image: object) -> Tensor:
    """The image as (H, W, 1 or 3): the bounds become 0 and 1."""
    declared = finding.parameters.input
    if declared is None:
        raise SisError("these findings do not record the bounds of the images; plot without the image, or search again")
    given = converted(image, "the image", declared)
    if not isinstance(given, Tensor) or tuple(given.shape[1:]) != tuple(subset.mask.shape):
        size = " x ".join(map(str, subset.mask.shape))
        raise CanvasMismatch(f"expected the image of this finding, (C, H, W) with {size} pixels. Give images[index]")
    low, high = declared.bounds
    slack = BOUNDS_SLACK * (high - low)
    if bool((given > high + slack).any()) or bool((given < low - slack).any()):
        raise OutOfBounds(
            f"expected the image with values from {low:g} to {high:g}; they range from {float(given.min()):g} to "
            f"{float(given.max()):g}. Give images[index], as it was searched"
        )
    shares = ((given.detach().cpu().double() - low) / (high - low)).clamp(0, 1)
    return (shares if len(shares) == COLOURS else shares.mean(dim=0, keepdim=True)).permute(1, 2, 0)


def _panels(finding: "Finding", subset: "Subset", pixels: Tensor | None) -> Iterator[Draw]:
    if pixels is not None:
        yield lambda axis: _draw_image(axis, pixels, f"image {finding.index}")
    yield lambda axis: _draw_subset(axis, finding, subset, pixels)
    if finding.trace is not None and len(finding.trace.kept) > 1:
        yield lambda axis: _draw_trace(axis, finding, subset)


def _draw_subset(axis: Any, finding: "Finding", subset: "Subset", pixels: Tensor | None) -> None:
    mask = subset.mask.cpu().unsqueeze(2)
    shown = mask.double() if pixels is None else torch.where(mask, pixels, GREY)
    reached = "" if finding.verified_confidence is None else f"confidence {finding.verified_confidence:.2f} in "
    rest = "white: kept" if pixels is None else "all others are grey"
    _draw_image(axis, shown, f"{pixels_text(subset)}\n{reached}class {finding.target_class}; {rest}")


def _draw_image(axis: Any, pixels: Tensor, title: str) -> None:
    shown = pixels.numpy() if pixels.shape[2] == COLOURS else pixels[:, :, 0].numpy()
    axis.imshow(shown, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axis.set_title(title, fontsize="small")
    axis.axis("off")


def _draw_trace(axis: Any, finding: "Finding", subset: "Subset") -> None:
    assert finding.trace is not None
    pixels = subset.mask.numel()
    axis.plot((finding.trace.kept.cpu() / pixels).numpy(), finding.trace.confidences.cpu().numpy())
    axis.axvline(subset.fraction, linestyle=":", color="grey")
    axis.set_xscale("symlog", linthresh=1 / pixels)
    axis.set_xlim(0, 1.1)
    axis.set_xticks([0, *_decades(1 / pixels)])
    axis.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.6g}%")
    axis.xaxis.set_minor_formatter("")
    axis.set_ylim(0, 1.02)
    axis.set_xlabel("kept pixels / pixels")
    axis.set_ylabel("confidence (0 to 1)")
    axis.set_title(f"confidence in class {finding.target_class}; dotted: the subset", fontsize="small")


def _decades(least: float) -> Sequence[float]:
    """Powers of ten from 1 down to `least`; every second where there are many."""
    exponents = range(0, math.ceil(math.log10(least)) - 1, -1)
    return [10.0**one for one in exponents[:: 1 if len(exponents) <= MOST_DECADES else 2]]


def _matplotlib(module: str, user: str) -> Any:
    try:
        return import_module(f"matplotlib.{module}")
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] != "matplotlib":
            raise
        raise SisError(f"{user} needs matplotlib: run pip install matplotlib") from missing


def _figure_class() -> Any:
    """Figures that a notebook shows as the value of a cell, also where nobody imported pyplot."""
    figure = _matplotlib("figure", "finding.plot()").Figure

    class ShownFigure(figure):  # type: ignore[misc, valid-type]  # which is only known once it is imported
        def _repr_png_(self) -> bytes:
            data = io.BytesIO()
            self.savefig(data, format="png")
            return data.getvalue()

    return ShownFigure
