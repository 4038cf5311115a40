"""The picture of the long attack: the other team's latency, memory and sockets in each minute."""

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.attack.hour_turns import QUIET, TOGETHER

PICTURE = Path("docs") / "images" / "benchmarks-attack-hour.png"
SIZE_INCHES, DOTS_PER_INCH = (9.0, 7.5), 110
TOGETHER_SHADE, ALONE_SHADE = "#c8553d", "#b8860b"
LINES = {
    "latency, ms": {"p50_ms": "median", "p99_ms": "p99"},
    "resident memory, MiB": {"api_mib": "two API processes", "nginx_mib": "nginx"},
    "open sockets": {"api_sockets": "two API processes", "nginx_sockets": "nginx"},
}
COLOURS = ("#0b6e4f", "#33658a")


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Write a PNG of the rows, one for each minute."""
    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(LINES), 1, sharex=True)
    for panel, (title, lines) in zip(panels, LINES.items(), strict=True):
        _draw_panel(panel, rows, title, lines)
    panels[0].set_yscale("log")
    panels[-1].set_xlabel("minute (shaded red: all parts attack; shaded yellow: one part alone)")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DOTS_PER_INCH, metadata={"Software": None})


def _draw_panel(panel: Axes, rows: list[dict[str, Any]], title: str, lines: dict[str, str]) -> None:
    minutes = range(1, len(rows) + 1)
    for minute, row in zip(minutes, rows, strict=True):
        if row["turn"] not in QUIET:
            shade = TOGETHER_SHADE if row["turn"] == TOGETHER else ALONE_SHADE
            panel.axvspan(minute - 0.5, minute + 0.5, color=shade, alpha=0.15, linewidth=0)
    for colour, (name, label) in zip(COLOURS, lines.items(), strict=True):
        values = [float("nan") if row[name] is None else row[name] for row in rows]
        panel.plot(minutes, values, color=colour, marker="o", markersize=3, linewidth=1.2, label=label)
    panel.set_ylabel(title)
    panel.grid(visible=True, which="major", linewidth=0.4, color="#dddddd")
    panel.legend(fontsize=8, frameon=False)
