"""Draws a dashboard: its panels in the places of its grid, and a caption that says what the picture is."""

import textwrap
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from deploy.grafana.pictures.panels import FAINT, GROUND, TEXT, draw_panel
from deploy.grafana.pictures.queries import Board, Window

COLUMNS = 24
COLUMN_INCHES, LINE_INCHES = 0.66, 0.36
HEAD_INCHES, FOOT_INCHES, GAP_INCHES = 0.5, 0.75, 0.05
DOTS_PER_INCH = 100
BACKGROUND = "#111217"
#: Margins around a panel's inner part in inches: left, right, above, below. Axes and a legend need them.
INSETS = {"timeseries": (0.68, 0.2, 0.42, 0.62), "heatmap": (0.62, 0.2, 0.42, 0.4)}
PLAIN_INSETS = (0.16, 0.16, 0.42, 0.14)
CAPTION = (
    "Drawn with matplotlib from what a real Prometheus answered to the dashboard's own queries; not a screenshot of "
    "Grafana. Dashed lines: what happened. "
)
CAPTION_CHARACTERS = 240


def draw_board(board: Board, story: dict[str, Any], name: str, path: Path) -> None:
    """Write the picture of a dashboard to a PNG; `story` comes from `story.recorded`."""
    window = Window(story["start"], story["end"], story["step_seconds"], story["step_seconds"])
    lines = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    size = (COLUMNS * COLUMN_INCHES, lines * LINE_INCHES + HEAD_INCHES + FOOT_INCHES)
    figure = Figure(figsize=size, facecolor=BACKGROUND)
    FigureCanvasAgg(figure)
    figure.text(0.008, 1 - 0.3 / size[1], board["title"], color=TEXT, fontsize=14, weight="bold", va="center")
    for panel in board["panels"]:
        _draw(figure, panel, story["results"][name].get(str(panel["id"]), []), window, story["events"])
    figure.text(0.008, 0.1 / size[1], _caption(story), color=FAINT, fontsize=8, va="bottom", linespacing=1.4)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DOTS_PER_INCH, facecolor=BACKGROUND, metadata={"Software": None})


def _draw(figure: Figure, panel: dict[str, Any], targets: list[Any], window: Window, events: list[Any]) -> None:
    left, bottom, width, height = _place(figure, panel["gridPos"])
    if panel["type"] == "row":
        _write(figure, left, bottom + height / 2, panel["title"], size=11, centred=True)
        return
    outer = _axes(figure, (left, bottom, width, height))
    outer.axis("off")
    outer.add_patch(Rectangle((0, 0), 1, 1, facecolor=GROUND, edgecolor="#2c3035", transform=outer.transAxes))
    _write(figure, left + 0.12, bottom + height - 0.2, panel["title"], size=9.5)
    before, after, above, below = INSETS.get(panel["type"], PLAIN_INSETS)
    inner = _axes(figure, (left + before, bottom + below, width - before - after, height - above - below))
    inner.set_facecolor(GROUND)
    draw_panel(inner, panel, targets, window)
    if panel["type"] in INSETS:
        for time, _ in events:
            inner.axvline(time, color=FAINT, linewidth=0.8, linestyle=(0, (3, 3)), zorder=1)


def _place(figure: Figure, grid: dict[str, int]) -> tuple[float, float, float, float]:
    """Return left, bottom, width and height of a panel in inches."""
    top = figure.get_figheight() - HEAD_INCHES - grid["y"] * LINE_INCHES
    width, height = grid["w"] * COLUMN_INCHES - 2 * GAP_INCHES, grid["h"] * LINE_INCHES - 2 * GAP_INCHES
    return grid["x"] * COLUMN_INCHES + GAP_INCHES, top - height - GAP_INCHES, width, height


def _axes(figure: Figure, inches: tuple[float, float, float, float]) -> Axes:
    left, bottom, width, height = inches
    wide, high = figure.get_size_inches()
    axes: Axes = figure.add_axes((left / wide, bottom / high, width / wide, height / high))
    return axes


def _write(figure: Figure, left: float, bottom: float, text: str, *, size: float, centred: bool = False) -> None:
    wide, high = figure.get_size_inches()
    va = "center" if centred else "center_baseline"
    figure.text(left / wide, bottom / high, text, color=TEXT, fontsize=size, weight="bold", va=va)


def _caption(story: dict[str, Any]) -> str:
    shown = f"{(story['end'] - story['start']) / 60:.0f} minutes, UTC. "
    scraped = f"{shown}Scraped every {story['step_seconds']:.0f} s; alerts by deploy/prometheus/rules.yml as it is. "
    events = "; ".join(f"{datetime.fromtimestamp(time, UTC):%H:%M:%S} {text}" for time, text in story["events"])
    return textwrap.fill(f"{CAPTION}{scraped}{events}.", CAPTION_CHARACTERS)
