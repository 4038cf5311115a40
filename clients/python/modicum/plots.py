"""Findings and results as figures of matplotlib, which is imported when one is drawn. Computes no measure.

A figure is not known to pyplot: a notebook shows it once, as the value of its cell, and a script saves it.
"""

import io
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from modicum.errors import InvalidArgument
from modicum.gate.numbers import exact_percent
from modicum.notebooks.findings import pixels_text, reached_text
from modicum.notebooks.pictures import kept
from modicum.optional import optional_module
from modicum.reasons import reason_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from modicum.findings import Finding
    from modicum.results import ModelResult, Result

#: Inches of a panel's side.
PANEL = 3.0
#: Characters of a name in a title.
MOST_NAME = 40
#: Ticks of a log axis in a panel.
MOST_DECADES = 5
Draw = Callable[[Any], None]


def finding_figure(finding: "Finding") -> "Figure":
    """The photograph, if the finding has its picture; what suffices of it; and the confidence over the pixels kept.

    Raises:
        InvalidArgument: the finding has no subset, or matplotlib is not installed.
    """
    if finding.subset is None:
        why = f": {reason_text(finding.reason)}" if finding.reason else ""
        raise InvalidArgument(
            f"{finding.item}: there is no subset to plot{why}; choose a finding that has one", reason="NOTHING_TO_PLOT"
        )
    panels = list(_panels(finding))
    figure, axes = _subplots("finding.plot()", len(panels), figsize=(PANEL * len(panels), PANEL + 0.4))
    for axis, draw in zip(axes, panels, strict=True):
        draw(axis)
    return figure


def result_figure(result: "Result") -> "Figure":
    """How many pixels suffice: for each version the share of its subsets up to each size, in its first search.

    The dashed line is the same for a random other class, where that control ran. The dotted line is alpha, up to which
    a subset counts as overinterpretation.

    Raises:
        InvalidArgument: no version has a subset, or matplotlib is not installed.
    """
    lines = [line for model in result.models if model.searches for line in _lines(result, model)]
    if not lines:
        raise InvalidArgument("there is no subset to plot: no image of the audit has one", reason="NOTHING_TO_PLOT")
    figure, (axis,) = _subplots("result.plot()", 1, figsize=(6.5, 3.6))
    colours: dict[str, Any] = {}
    for name, style, fractions in lines:
        (drawn,) = axis.step(
            [fractions[0], *fractions],
            [0, *np.arange(1, len(fractions) + 1) / len(fractions)],
            where="post",
            linestyle=style,
            color=colours.get(name),
            label=f"{name}{', random other class' if style == '--' else ''} (n = {len(fractions):,})",
        )
        colours.setdefault(name, drawn.get_color())
    alphas = sorted({alpha for model in result.models for alpha in _alpha(model)})
    for alpha in alphas:
        axis.axvline(alpha, linestyle=":", color="grey", label=f"alpha: {exact_percent(alpha)} of the pixels")
    axis.set_xscale("log")
    smallest = min([fractions[0] for _, _, fractions in lines] + [alpha for alpha in alphas if alpha > 0])
    axis.set_xlim(10 ** np.floor(np.log10(smallest)) * 0.9, 1.1)  # from a tick to a tick
    axis.set_ylim(0, 1.02)
    _in_percent(axis)
    axis.yaxis.set_major_formatter(lambda share, _: exact_percent(share))
    axis.set_xlabel("subset fraction: kept pixels / pixels")
    axis.set_ylabel("subsets that are at most this large")
    axis.legend(fontsize="small")
    return figure


def _subplots(method: str, count: int, **more: Any) -> tuple["Figure", Sequence[Any]]:
    figure = _shown(optional_module("matplotlib.figure", method).Figure)(layout="constrained", **more)
    return figure, figure.subplots(1, count, squeeze=False)[0]


def _shown(kind: type["Figure"]) -> type["Figure"]:
    """Figures that a notebook shows as the value of a cell, also where nobody imported pyplot."""

    class ShownFigure(kind):  # type: ignore[valid-type, misc]  # which is only known once it is imported
        def _repr_png_(self) -> bytes:
            data = io.BytesIO()
            self.savefig(data, format="png")
            return data.getvalue()

    return ShownFigure


def _panels(finding: "Finding") -> Iterator[Draw]:
    """Panels of a finding that has a subset."""
    if finding.picture is not None:
        yield lambda axis: _image(axis, finding.picture, _end_of(finding.item))
    yield lambda axis: _suffices(axis, finding)
    if finding.trace is not None and len(finding.trace.kept) > 1:
        yield lambda axis: _trace(axis, finding)


def _suffices(axis: Any, finding: "Finding") -> None:
    assert finding.subset is not None
    shown = finding.subset.mask if finding.picture is None else kept(finding.picture, finding.subset)
    rest = "white: kept" if finding.picture is None else "all others are grey"
    _image(axis, shown, f"{pixels_text(finding.subset)}\n{_shortened(reached_text(finding))}\n{rest}")


def _image(axis: Any, pixels: Any, title: str) -> None:
    grey = pixels if pixels.ndim == 2 else pixels[:, :, 0]  # noqa: PLR2004  # height and width
    colour = pixels.ndim > grey.ndim and pixels.shape[2] > 1
    most = 1 if pixels.dtype == np.bool_ else 255
    axis.imshow(pixels if colour else grey, cmap="gray", vmin=0, vmax=most, interpolation="nearest")
    _title(axis, title)
    axis.axis("off")


def _trace(axis: Any, finding: "Finding") -> None:
    assert finding.trace is not None
    assert finding.subset is not None
    pixels = finding.subset.height * finding.subset.width
    axis.plot([count / pixels for count in finding.trace.kept], finding.trace.confidences)
    axis.axvline(finding.subset.fraction, linestyle=":", color="grey")
    axis.set_xscale("symlog", linthresh=1 / pixels)
    axis.set_xlim(0, 1.1)
    axis.set_xticks([0, *_decades(1 / pixels)])
    axis.set_ylim(0, 1.02)
    _in_percent(axis)
    axis.set_xlabel("kept pixels / pixels")
    axis.set_ylabel("confidence (0 to 1)")
    name = _shortened(finding.class_name(finding.target_class))
    _title(axis, f"confidence in {name}\ndotted: the subset")


def _title(axis: Any, text: str) -> None:
    """A title that may hold any name: $ begins no formula."""
    axis.set_title(text, fontsize="small", parse_math=False)


def _decades(least: float) -> Sequence[float]:
    """Powers of ten from 1 down to `least`; every second where there are many."""
    exponents = range(0, math.ceil(math.log10(least)) - 1, -1)
    return [10.0**one for one in exponents[:: 1 if len(exponents) <= MOST_DECADES else 2]]


def _in_percent(axis: Any) -> None:
    """Write the ticks of a log axis of shares as percent."""
    axis.xaxis.set_major_formatter(lambda share, _: exact_percent(share))
    axis.xaxis.set_minor_formatter("")


def _shortened(name: str) -> str:
    return name if len(name) <= MOST_NAME else f"{name[:MOST_NAME]}..."


def _end_of(name: str) -> str:
    return name if len(name) <= MOST_NAME else f"...{name[-MOST_NAME + 3 :]}"


def _lines(result: "Result", model: "ModelResult") -> Iterator[tuple[str, str, list[float]]]:
    """The name, the line style and the rising subset fractions of a version, and those for a random other class."""
    index = next(at for at, search in enumerate(model.searches) if search is model.first)
    own = [one for one in result.findings if one.model_version == model.model_version and one.search_index == index]
    name = result.called(model.model_version)[:MOST_NAME]
    if fractions := sorted(one.subset.fraction for one in own if one.subset and one.subset.fraction > 0):
        yield name, "-", fractions
    others = [
        other.size / (one.subset.height * one.subset.width)
        for one in own
        if one.subset and (other := one.controls.class_targeted) and other.found and other.size
    ]
    if others:
        yield name, "--", sorted(others)


def _alpha(model: "ModelResult") -> Iterator[float]:
    if model.searches and "alpha" in (parameters := model.overinterpretation_rate.parameters):
        yield parameters["alpha"]
