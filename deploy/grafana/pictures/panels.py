"""Draws one panel of a dashboard into its axes, by its type, from Prometheus' results for its targets."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from deploy.grafana.pictures.queries import Window
from deploy.grafana.pictures.values import colour_of, defaults_of, last_values, name_of, shown

Panel = Mapping[str, Any]
Targets = list[dict[str, Any]]

TEXT, FAINT, GROUND = "#d8d9da", "#8e8e8e", "#181b1f"
PALETTE = ("#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#37872d", "#8ab8ff", "#ffa6b0", "#c0d8ff")
EXEMPLAR = "#e02fe0"
NOTHING = "No data"
MOST_NAMED = 12
LETTERS_AN_INCH = 22
LEGEND: Mapping[str, Any] = {
    "loc": "upper left",
    "bbox_to_anchor": (-0.02, -0.11),
    "fontsize": 7,
    "frameon": False,
    "labelcolor": TEXT,
    "handlelength": 1.2,
    "columnspacing": 1.0,
    "borderaxespad": 0.2,
}
#: Steps of the time axis in seconds. At most six steps are shown.
TIME_STEPS = (30, 60, 120, 300, 600, 900, 1800, 3600)
MOST_TIMES = 6
LEAST_HEIGHT = {"short": 1.0, "percentunit": 0.01}


def draw_panel(axes: Axes, panel: Panel, targets: Targets, window: Window) -> None:
    """Draw a panel's content into the axes of its inner part."""
    if not any(target["result"] for target in targets):
        axes.axis("off")
        axes.text(0.5, 0.5, NOTHING, color=FAINT, ha="center", va="center", transform=axes.transAxes)
        return
    _TYPES[panel["type"]](axes, panel, targets, window)


def _draw_stat(axes: Axes, panel: Panel, targets: Targets, _window: Window) -> None:
    values = last_values(targets)
    axes.set(xlim=(0, len(values)), ylim=(0, 1))
    axes.axis("off")
    for place, (name, value) in enumerate(values):
        defaults = defaults_of(panel, name)
        colour = colour_of(value, defaults["thresholds"])
        axes.add_patch(Rectangle((place + 0.02, 0), 0.96, 1, facecolor=colour, edgecolor="none"))
        text = shown(value, defaults.get("unit", "short"))
        axes.text(place + 0.5, 0.45, text, color="#ffffff", ha="center", va="center", fontsize=17, weight="bold")
        if len(values) > 1 or name:
            axes.text(place + 0.5, 0.85, name, color="#ffffff", ha="center", va="center", fontsize=8)


def _draw_bars(axes: Axes, panel: Panel, targets: Targets, _window: Window) -> None:
    values = last_values(targets)
    defaults = defaults_of(panel)
    most = defaults.get("max") or max(value for _, value in values) * 1.15 or 1.0
    for place, (name, value) in enumerate(values):
        colour = colour_of(value, defaults["thresholds"])
        axes.barh(place, most, height=0.5, color="#22252b")
        axes.barh(place, value, height=0.5, color=colour)
        axes.text(0, place - 0.42, name, color=TEXT, fontsize=9, va="bottom")
        axes.text(
            most, place - 0.42, shown(value, defaults["unit"]), color=colour, fontsize=11, va="bottom", ha="right"
        )
    axes.set(xlim=(0, most), ylim=(max(len(values), 3) - 0.4, -0.8))
    axes.axis("off")


def _draw_lines(axes: Axes, panel: Panel, targets: Targets, window: Window) -> None:
    defaults = defaults_of(panel)
    series = [(name_of(target["legend"], one["metric"]), one) for target in targets for one in target["result"]]
    for place, (name, one) in enumerate(series):
        times, values = np.array([[float(part) for part in point] for point in one["values"]]).T
        times, values = _with_gaps(times, values, window.step_seconds)
        colour = PALETTE[place % len(PALETTE)]
        axes.plot(times, values, color=colour, linewidth=1.3, label=name if place < MOST_NAMED else None)
        if defaults["custom"]["fillOpacity"]:
            axes.fill_between(times, values, color=colour, alpha=defaults["custom"]["fillOpacity"] / 100, linewidth=0)
    _draw_exemplars(axes, targets)
    axes.set_ylim(bottom=defaults.get("min"), top=defaults.get("max"))
    if defaults.get("max") is None:
        values = (float(point[1]) for _, one in series for point in one["values"])
        highest = max((value for value in values if not math.isnan(value)), default=0.0)
        axes.set_ylim(top=max(highest, LEAST_HEIGHT.get(defaults["unit"], 1e-9)) * 1.1)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value, defaults["unit"])))
    axes.set_yticks(_ticks(*axes.get_ylim(), defaults["unit"]))
    _draw_times(axes, window)
    if any(name for name, _ in series):
        _name_lines(axes, [name for name, _ in series])


def _ticks(low: float, high: float, unit: str) -> list[float]:
    """Tick positions: round numbers in the unit that the axis shows."""
    factors = {"bytes": (1024, 1024**2, 1024**3), "Bps": (1024, 1024**2, 1024**3), "s": (60, 3600)}.get(unit, ())
    factor = max((one for one in factors if high >= 2 * one), default=1)
    places = np.asarray(MaxNLocator(4, integer=unit == "short").tick_values(low / factor, high / factor)) * factor
    return [float(place) for place in places if low <= place <= high]


def _name_lines(axes: Axes, names: Sequence[str]) -> None:
    """Put the legend below, in as many columns as fit."""
    figure = axes.get_figure()
    assert figure is not None, "the axes are drawn into a figure"
    room = axes.get_window_extent().width / figure.dpi * LETTERS_AN_INCH
    columns = max(1, min(len(names), int(room // (max(map(len, names)) + 6))))
    axes.legend(ncols=columns, **LEGEND)


def _with_gaps(times: np.ndarray, values: np.ndarray, step_seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Put NaN where a point is missing, so that no line crosses the gap."""
    places = np.flatnonzero(np.diff(times) > 1.5 * step_seconds) + 1
    return np.insert(times, places, times[places] - step_seconds), np.insert(values, places, math.nan)


def _draw_exemplars(axes: Axes, targets: Targets) -> None:
    points = [
        (one["timestamp"], float(one["value"]))
        for target in targets
        for series in target["exemplars"]
        for one in series["exemplars"]
    ]
    if points:
        times, values = zip(*points, strict=True)
        axes.scatter(times, values, marker="D", s=7, color=EXEMPLAR, zorder=3, linewidths=0)


def _draw_heat(axes: Axes, panel: Panel, targets: Targets, window: Window) -> None:
    [target] = targets
    series = sorted(target["result"], key=lambda one: float(one["metric"]["le"].replace("+Inf", "inf")))
    times = np.arange(window.start, window.end, window.step_seconds)
    counts = np.array([_at(one["values"], times) for one in series])
    inside = np.diff(counts, axis=0, prepend=0.0)  # a bucket of Prometheus includes all smaller ones
    edges = np.arange(len(series) + 1)
    colours = mpl.colormaps["Blues_r"].with_extremes(bad=GROUND)
    steps = np.append(times, window.end)
    axes.pcolormesh(steps, edges, np.where(inside > 0, inside, math.nan), cmap=colours, shading="flat", rasterized=True)
    bounds = [float(one["metric"]["le"].replace("+Inf", "inf")) for one in series]
    for one in (one for each in target["exemplars"] for one in each["exemplars"]):
        place = np.searchsorted(bounds, float(one["value"])) + 0.5
        axes.scatter(one["timestamp"], place, marker="D", s=9, color=EXEMPLAR, zorder=3, linewidths=0)
    unit = panel["options"]["yAxis"]["unit"]
    axes.set_yticks(edges[1::3], [shown(bounds[edge - 1], unit) for edge in edges[1::3]])
    _draw_times(axes, window)


def _at(points: list[list[Any]], times: np.ndarray) -> np.ndarray:
    """Values of a series at the given times; 0 where it has none."""
    known = {round(float(time)): float(value) for time, value in points}
    return np.array([known.get(round(time), 0.0) for time in times])


def _draw_times(axes: Axes, window: Window) -> None:
    axes.set_xlim(window.start, window.end)
    step = next((step for step in TIME_STEPS if (window.end - window.start) / step <= MOST_TIMES), TIME_STEPS[-1])
    places = [place for place in range(int(window.start), int(window.end)) if place % step == 0]
    axes.set_xticks(places, [datetime.fromtimestamp(place, UTC).strftime("%H:%M") for place in places])
    axes.tick_params(colors=FAINT, labelsize=7, length=0)
    axes.grid(color="#2c3035", linewidth=0.6)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_table(axes: Axes, panel: Panel, targets: Targets, _window: Window) -> None:
    axes.axis("off")
    options = _organised(panel)
    renamed, order = options["renameByName"], options["indexByName"]
    rows = _merged(targets)
    there = dict.fromkeys(key for row in rows for key in row if not options["excludeByName"].get(key))
    columns = sorted(there, key=lambda name: order.get(name, len(order)))
    titles = [renamed.get(name, name) for name in columns]
    cells = [[_cell(panel, renamed.get(name, name), row.get(name, "")) for name in columns] for row in rows]
    widest = [max(len(text) for text in column) + 2 for column in zip(titles, *cells, strict=True)]
    starts = np.cumsum([0, *widest[:-1]]) / sum(widest)
    for line, texts in enumerate([titles, *cells]):
        for start, text in zip(starts, texts, strict=True):
            colour, weight = (FAINT, "bold") if line == 0 else (TEXT, "normal")
            axes.text(start, -line, text, color=colour, weight=weight, fontsize=8, va="center")
        axes.axhline(-line - 0.5, color="#2c3035", linewidth=0.6)
    axes.set(xlim=(0, 1), ylim=(-max(len(rows), 6) - 0.5, 0.8))


def _organised(panel: Panel) -> Mapping[str, Any]:
    """Return which columns a table hides, how it renames others, and their order."""
    none: dict[str, Any] = {"excludeByName": {}, "renameByName": {}, "indexByName": {}}
    return next((one["options"] for one in panel.get("transformations", []) if one["id"] == "organize"), none)


def _merged(targets: Targets) -> list[dict[str, Any]]:
    """Rows of all targets. Rows with equal common labels become one, as in Grafana's `merge`."""
    rows: list[dict[str, Any]] = []
    for target in targets:
        column = "Value" if len(targets) == 1 else f"Value #{target['ref']}"
        for sample in target["result"]:
            labels = sample["metric"]
            fits = (row for row in rows if all(row.get(key, value) == value for key, value in labels.items()))
            row = next(fits, None)
            if row is None or column in row:
                row = {}
                rows.append(row)
            row |= labels | {column: float(sample["value"][1])}
    return rows


def _cell(panel: Panel, name: str, value: Any) -> str:
    return value if isinstance(value, str) else shown(value, defaults_of(panel, name).get("unit", "short"))


_TYPES: Mapping[str, Callable[[Axes, Panel, Targets, Window], None]] = {
    "stat": _draw_stat,
    "bargauge": _draw_bars,
    "timeseries": _draw_lines,
    "heatmap": _draw_heat,
    "table": _draw_table,
}
