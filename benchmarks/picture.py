"""The picture of the search part: subset size over passes, one panel per subject, both axes logarithmic."""

import math
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter

PANEL_INCHES = (5.2, 4.2)
PANELS_A_ROW = 3
DOTS_PER_INCH = 110
PASSES_SHOWN = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)
MARKS = {
    "mask_optimization": ("#0b6e4f", "o"),
    "priced recipe": ("#c8553d", "s"),
    "batched_gradient": ("#33658a", "^"),
    "backselect": ("#7768ae", "D"),
    "gradient-free": ("#b8860b", "v"),
    "saliency top-k": ("#8a8a8a", "x"),
    "captum integrated gradients top-k": ("#4a4a4a", "+"),
}


def draw(subjects: list[dict[str, Any]], path: Path) -> None:
    """Write a PNG. `subjects` come from `search.measure`; there must be at least one."""
    width, height = PANEL_INCHES
    columns = min(PANELS_A_ROW, len(subjects))
    rows = math.ceil(len(subjects) / columns)
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, columns, squeeze=False)
    for panel, subject in zip(panels.flat, subjects, strict=False):
        _draw_subject(panel, subject)
    for panel in panels.flat[len(subjects) :]:
        panel.set_visible(False)
    for panel in panels[:, 0]:
        panel.set_ylabel("mean subset, share of the pixels")
    lines = {line.get_label(): line for panel in panels.flat for line in panel.get_lines()}
    figure.legend(handles=list(lines.values()), loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DOTS_PER_INCH, metadata={"Software": None})


def _draw_subject(panel: Axes, subject: dict[str, Any]) -> None:
    for method, (colour, mark) in MARKS.items():
        rows = sorted((row for row in subject["rows"] if row["method"] == method), key=lambda row: row["passes_mean"])
        if not rows:
            continue
        shares = [row["size"]["value"] / subject["pixels"] for row in rows]
        passes = [row["passes_mean"] for row in rows]
        panel.plot(passes, shares, color=colour, marker=mark, markersize=5, linewidth=1.2, label=method)
        if all(row["size"]["low"] is not None for row in rows):
            low, high = ([row["size"][end] / subject["pixels"] for row in rows] for end in ("low", "high"))
            panel.fill_between(passes, low, high, color=colour, alpha=0.12, linewidth=0)
    panel.set(xscale="log", yscale="log", xlabel="pass-equivalents an image")
    panel.xaxis.set_major_locator(FixedLocator(PASSES_SHOWN))
    panel.xaxis.set_major_formatter("{x:,.0f}")
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")
    panel.yaxis.set_minor_formatter(NullFormatter())
    panel.set_title(f"{subject['name']}, {subject['n']} images, threshold {subject['threshold']:g}", fontsize=9)
    panel.grid(visible=True, which="major", linewidth=0.4, color="#dddddd")
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
