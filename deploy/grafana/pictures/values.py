"""Text in panels: values in Grafana's units, names of series, colours of thresholds."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

COLOURS = {"text": "#d8d9da", "green": "#73bf69", "orange": "#ff9830", "red": "#f2495c"}
AUTO = "__auto"
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB")
_DECIMAL = ("", "K", "Mil", "Bil")
#: Longest unit of time in seconds, and its name.
_TIMES = ((86_400, "day"), (3_600, "hour"), (60, "min"))
_ENDS = {"ops": " ops/s", "reqps": " req/s"}


def shown(value: float, unit: str) -> str:
    """Return a value in a unit, with at most three digits."""
    if math.isnan(value):
        return "no data"
    if math.isinf(value):
        return "∞"
    if unit == "percentunit":
        return f"{value * 100:.3g}%"
    if unit == "s":
        return _time(value)
    if unit in {"bytes", "Bps"}:
        return _scaled(value, 1024, _BINARY) + ("/s" if unit == "Bps" else "")
    if unit == "dateTimeAsIso":
        return datetime.fromtimestamp(value / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return _scaled(value, 1000, _DECIMAL) + _ENDS.get(unit, "")


def _time(seconds: float) -> str:
    for length, name in _TIMES:
        if seconds >= length:
            return f"{seconds / length:.3g} {name}"
    return f"{seconds:.3g} s" if seconds >= 1 or not seconds else f"{seconds * 1000:.3g} ms"


def _scaled(value: float, base: int, names: Sequence[str]) -> str:
    place = 0
    while abs(value) >= base and place < len(names) - 1:
        value, place = value / base, place + 1
    digits = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"  # noqa: PLR2004 - what has four digits
    return f"{digits} {names[place]}".rstrip()


def name_of(legend: str, labels: Mapping[str, str]) -> str:
    """Return the name of a series by its panel's legend."""
    if legend != AUTO:
        return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found[1], ""), legend)
    return labels.get("__name__", "") or ", ".join(f"{key}={value}" for key, value in labels.items())


def colour_of(value: float, thresholds: Mapping[str, Any]) -> str:
    """Return the colour of the highest step that a value reaches."""
    reached = [step["color"] for step in thresholds["steps"] if step["value"] is None or value >= step["value"]]
    return COLOURS[reached[-1]]


def defaults_of(panel: Mapping[str, Any], name: str = "") -> dict[str, Any]:
    """Return how a panel shows a field: its defaults and the overrides for that name."""
    config = panel["fieldConfig"]
    found = dict(config["defaults"])
    for override in config["overrides"]:
        if override["matcher"] == {"id": "byName", "options": name}:
            found |= {entry["id"]: entry["value"] for entry in override["properties"]}
    return found


def last_values(targets: Iterable[Mapping[str, Any]]) -> list[tuple[str, float]]:
    """Return name and value of every sample of instant results."""
    return [
        (name_of(target["legend"], sample["metric"]), float(sample["value"][1]))
        for target in targets
        for sample in target["result"]
    ]
