"""The page's pictures, drawn from the results alone: images with their subsets, sizes, curves."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.paper.extent import PIXELS_PER_STEP
from benchmarks.paper.specimens import unpacked_mask, unpacked_pixels

FOLDER = Path("docs") / "images"
SUBSETS, SIZES = "paper-subsets.png", "paper-sizes.png"
CURVES, TRAINING = "paper-curves.png", "paper-training.png"
DOTS_PER_INCH = 110
SIDE = 32
PANEL_INCHES, TILE_INCHES = (5.2, 3.6), 1.25
COLOURS = ("#0b6e4f", "#c8553d", "#33658a", "#7768ae")


def draw_all(parts: Mapping[str, Any], into: Path) -> None:
    """Write a PNG for each measured step that has one."""
    drawn: dict[str, tuple[str, Callable[[Any], Figure]]] = {
        "specimens": (SUBSETS, subsets),
        "correctness": (SIZES, sizes),
        "accuracy": (CURVES, curves),
        "sufficiency": (TRAINING, training),
    }
    for step, (name, draw) in drawn.items():
        if step in parts:
            path = into / FOLDER / name
            path.parent.mkdir(parents=True, exist_ok=True)
            draw(parts[step]["figures"]).savefig(path, dpi=DOTS_PER_INCH, metadata={"Software": None})


def subsets(figures: Mapping[str, Any]) -> Figure:
    """Subsets: a row for each kind, a column for each image."""
    images, fill = figures["images"], np.array(figures["fill"], dtype=np.uint8)
    rows = {
        "image": None,
        "5% left by\nbatched_gradient": "descent",
        "sufficient,\nbatched_gradient": "sufficient",
        "sufficient,\nmask_optimization": "optimised",
        "random 5%": "random",
    }
    figure, panels = _panels(len(rows), len(images), (TILE_INCHES, TILE_INCHES))
    for line, (title, kind) in zip(panels, rows.items(), strict=True):
        line[0].set_ylabel(title, fontsize=7)
        for panel, image in zip(line, images, strict=True):
            panel.imshow(_masked(image, kind, fill), interpolation="nearest")
            panel.set(xticks=[], yticks=[])
    for panel, image in zip(panels[0], images, strict=True):
        panel.set_title(image["predicted"], fontsize=8)
    return figure


def sizes(rows: list[Mapping[str, Any]]) -> Figure:
    """Cumulative size distributions of correct and incorrect predictions, a panel for each network and search."""
    columns = 2
    figure, panels = _panels(-(-len(rows) // columns), columns)
    for panel, row in zip(panels.flat, rows, strict=False):
        for colour, kind in zip(COLOURS, ("correct", "incorrect"), strict=False):
            kept = np.sort(np.array(row["sizes"][kind])) / row["pixels"]
            if len(kept):
                heights = np.arange(1, len(kept) + 1) / len(kept)
                panel.step(kept, heights, where="post", color=colour, label=f"{kind}, n = {len(kept)}")
        panel.set(xlabel="kept share of the pixels", ylabel="share of the images", ylim=(0, 1))
        panel.set_title(f"{row['network']}, {row['search']}, threshold {row['threshold']:g}", fontsize=9)
        _finish(panel)
    return figure


def curves(rows: list[Mapping[str, Any]]) -> Figure:
    """Mean confidence over the share kept: a colour for each network, dashed where one pixel is removed per step."""
    figure, panels = _panels(1, 1)
    panel = panels[0, 0]
    names = list(dict.fromkeys(row["name"] for row in rows))
    for row in rows:
        curve, share = row["curve"], np.array(row["curve"]["kept"]) / row["pixels"]
        colour, style = COLOURS[names.index(row["name"])], "-" if row["pixels_per_step"] == PIXELS_PER_STEP else "--"
        label = f"{row['name']}, k = {row['pixels_per_step']}, n = {row['n']}"
        panel.plot(share, curve["mean"], color=colour, linestyle=style, label=label)
        if curve["low"] and None not in curve["low"]:
            panel.fill_between(share, curve["low"], curve["high"], color=colour, alpha=0.15, linewidth=0)
    panel.axvline(0.05, color="#999999", linewidth=0.8, linestyle=":")
    panel.set(xlabel="share of the pixels kept", ylabel="mean confidence in the predicted class", ylim=(0, 1.02))
    _finish(panel)
    return figure


def training(figures: Mapping[str, Any]) -> Figure:
    """Loss and accuracy over the epochs, on the training images."""
    figure, panels = _panels(1, 2)
    kinds = list(dict.fromkeys(curve["trained_on"] for curve in figures["curves"]))
    for panel, what in zip(panels[0], ("loss", "accuracy"), strict=True):
        for curve in figures["curves"]:
            colour, first = COLOURS[kinds.index(curve["trained_on"])], curve["seed"] == figures["curves"][0]["seed"]
            epochs = range(1, len(curve[what]) + 1)
            label = curve["trained_on"] if first else None
            panel.plot(epochs, curve[what], color=colour, linewidth=1.2, label=label)
        panel.set(xlabel="epoch", ylabel=f"{what} on the training images")
        _finish(panel)
    return figure


def _panels(rows: int, columns: int, inches: tuple[float, float] = PANEL_INCHES) -> tuple[Figure, NDArray[Any]]:
    figure = Figure(figsize=(inches[0] * columns, inches[1] * rows), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _masked(image: Mapping[str, Any], kind: str | None, fill: NDArray[np.uint8]) -> NDArray[np.uint8]:
    pixels = unpacked_pixels(image["pixels"], (3, SIDE, SIDE))
    if kind is None:
        return pixels
    shown: NDArray[np.uint8] = np.where(unpacked_mask(image[kind], (SIDE, SIDE))[:, :, None], pixels, fill)
    return shown


def _finish(panel: Axes) -> None:
    panel.grid(visible=True, linewidth=0.4, color="#dddddd")
    panel.legend(fontsize=8, frameon=False)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
