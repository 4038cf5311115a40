"""Names, times and numbers as people read them."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from modicum.gate.counting import counted

from modicum_server.measures.number_words import (
    confidence_text,
    fine_ratio_text,
    points_number,
    share_text,
    short_points_text,
)
from modicum_server.usecases.resource_names import DEFAULT_PROJECT

MINUTE, HOUR, DAY = 60, 3600, 86400
DIGITS = 3
SHARES = frozenset({"share", "pixels share"})
"""Units of figures between 0 and 1 that people read as per cent."""
ENDS: Mapping[str, Callable[[float], str]] = {
    **dict.fromkeys(SHARES, share_text),
    "difference": points_number,
    "ratio": fine_ratio_text,
    "confidence": confidence_text,
}
"""By the unit of a figure, how an end of its interval is written; others as a decimal."""


def id_of(name: str) -> str:
    """Return the last part of a resource name: `projects/p/audits/a` is `a`."""
    return name.rsplit("/", 1)[-1]


def label_of(version: str) -> str:
    """Return how a version is called: `projects/p/models/m/versions/2` is `m version 2`."""
    *_, model, _, number = version.split("/")
    return f"{model} version {number}"


def element_id(name: str) -> str:
    """Return the id of the element that is about a resource. It has no character with a meaning in selectors."""
    return f"of-{name.encode().hex()}"


def model_command(name: str = "resnet18") -> str:
    """Return an example of the command that uploads a version of a model of this name."""
    return (
        f"modicum models create {name} --weights w.safetensors --architecture torchvision:resnet18 --input imagenet "
        "--class-labels labels.txt"
    )


def acting_in(commands: str, project: str) -> str:
    """Return commands, one a line, for a project. Each line names the project, unless that is `default`."""
    if project == DEFAULT_PROJECT:
        return commands
    return "\n".join(f"MODICUM_PROJECT={id_of(project)} {line}" for line in commands.splitlines())


def day(time: datetime) -> str:
    """Return a day in UTC: 27 Nov 2026."""
    return f"{time.astimezone(UTC).day} {time.astimezone(UTC):%b %Y}"


def moment(time: datetime) -> str:
    """Return a time in UTC: 27 Nov 2026, 17:50 UTC."""
    return f"{day(time)}, {time.astimezone(UTC):%H:%M} UTC"


def span(seconds: float) -> str:
    """Return a length of time, rounded so that two digits or so are left: 40 s, 12 min, 3 h, 5 days."""
    if seconds < MINUTE:
        return f"{max(1, round(seconds))} s"
    if seconds < HOUR:
        return f"{round(seconds / MINUTE)} min"
    if seconds < DAY:
        return f"{seconds / HOUR:.1f} h".replace(".0 h", " h")
    return counted(round(seconds / DAY), "day")


def decimal(value: float) -> str:
    """Return a number with three digits at most, as people write it: 0.62, 1,380, 0.00031."""
    if value == 0 or abs(value) >= 10**DIGITS:
        return f"{value:,.0f}"
    text = f"{value:.{DIGITS}g}"
    return f"{value:.{DIGITS + 5}f}".rstrip("0") if "e" in text else text


def amount(value: float, unit: str) -> str:
    """Return a figure with its unit, as a report writes it."""
    if unit in SHARES:
        return share_text(value)
    if unit == "difference":
        return short_points_text(value)
    if unit == "confidence":
        return confidence_text(value)
    return f"{fine_ratio_text(value)} times" if unit == "ratio" else f"{decimal(value)} {unit}"


def apart(difference: float, unit: str) -> str:
    """Return by how much two figures of a unit differ, with its sign; shares in percentage points."""
    if unit in {*SHARES, "difference"}:
        return short_points_text(difference)
    return ENDS[unit](difference) if unit in ENDS else f"{decimal(difference)} {unit}"


def reach(low: float, high: float, unit: str) -> str:
    """Return the ends of an interval: in per cent of shares, without the unit of others, which the value has."""
    ends = ENDS.get(unit, decimal)
    return f"{ends(low)} to {ends(high)}"


def first_sentence(text: str) -> str:
    """Return the first sentence of a text: up to a full stop before a capital letter."""
    return re.split(r"(?<=\.) (?=[A-Z])", text, maxsplit=1)[0]


def lower_first(text: str) -> str:
    """Return a text that follows a colon."""
    return f"{text[:1].lower()}{text[1:]}"


def sentence(message: str) -> str:
    """Return a message as a sentence: these begin with a small letter and have no full stop.

    A name at its beginning, of a resource or a field, stays as it is.
    """
    first, *_ = message.split(" ", 1)
    begun = message if "/" in first or "_" in first else f"{message[:1].upper()}{message[1:]}"
    return f"{begun}{'' if message.endswith(('.', '?')) else '.'}"
