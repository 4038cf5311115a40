"""The form of a measure: a value, its unit, its interval, what it was taken over. Must not compute one."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modicum_server.measures.intervals import (
    LEVEL,
    SMALLEST_SAMPLE,
    Interval,
    order_ends,
    order_statistics,
    quantile,
    wilson,
)

Parameters = Mapping[str, Any]
LARGER_THAN_ALL = "too many searches found nothing, so the value is larger than every size that was found"


@dataclass(frozen=True, slots=True)
class Measure:
    """One number about one version and one search.

    `value` is None only with `unavailable`, the reason in words. `groups` holds the same measure a class, where it is
    taken by class. `evidence` is what it takes to judge it at another level, where n and the parameters do not tell.
    """

    value: float | None
    unit: str
    n: int
    interval: Interval | None = None
    parameters: Parameters = field(default_factory=dict)
    unavailable: str = ""
    groups: Mapping[str, "Measure"] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values; `no_interval` says why there is none."""
        document: dict[str, Any] = {
            "value": self.value,
            "unit": self.unit,
            "n": self.n,
            "interval": None if self.interval is None else asdict(self.interval),
            "parameters": dict(self.parameters),
        }
        if self.unavailable:
            document["unavailable"] = self.unavailable
        elif self.interval is None:
            document["no_interval"] = f"no interval below n = {SMALLEST_SAMPLE}; here n = {self.n}"
        if self.evidence:
            document["evidence"] = dict(self.evidence)
        if self.groups:
            document["groups"] = {name: measure.as_json() for name, measure in self.groups.items()}
        return document


@dataclass(frozen=True, slots=True)
class Reading:
    """One sentence about a control, and its outcome, by the rule in the docstring of the control's module.

    `statements` is how many statements about intervals could each have led to another outcome by chance. `conclusion`
    is what `text` ends with, without its figures; it is empty where the text has no such end.
    """

    control: str
    text: str
    outcome: str
    statements: int = 1
    conclusion: str = ""


def concluded(
    control: str, fact: str, conclusion: str, outcome: str, *, statements: int = 1, more: Sequence[str] = ()
) -> Reading:
    """Return the reading that says the fact, what follows from it, and further figures as sentences of their own.

    None of them holds more than one interval, so that nobody has to parse a sentence twice.
    """
    text = " ".join((f"{fact}: {conclusion}.", *(f"{one}." for one in more)))
    return Reading(control, text, outcome, statements, conclusion)


def measure_from_json(document: Mapping[str, Any]) -> Measure:
    """Return the measure that `as_json` wrote; what a later version added is left out."""
    interval = document["interval"]
    return Measure(
        value=document["value"],
        unit=document["unit"],
        n=document["n"],
        interval=None if interval is None else Interval(**interval),
        parameters=document["parameters"],
        unavailable=document.get("unavailable", ""),
        groups={name: measure_from_json(group) for name, group in document.get("groups", {}).items()},
        evidence=document.get("evidence", {}),
    )


Measured = Mapping[str, Measure]


def share(
    holds: NDArray[np.bool_],
    *,
    empty: str,
    unit: str = "share",
    level: float = LEVEL,
    parameters: Parameters | None = None,
) -> Measure:
    """Return the share of True, with Wilson's interval; unavailable, for the reason in `empty`, of nothing."""
    n, successes = len(holds), int(holds.sum())
    if n == 0:
        return Measure(None, unit, 0, parameters=parameters or {}, unavailable=empty)
    return Measure(successes / n, unit, n, wilson(successes, n, level), {**(parameters or {}), "successes": successes})


def quantile_measure(
    values: NDArray[np.float64],
    q: float,
    *,
    unit: str,
    empty: str,
    level: float = LEVEL,
    parameters: Parameters | None = None,
) -> Measure:
    """Return a quantile with the interval that order statistics give; infinite values are censored ones."""
    n = len(values)
    if n == 0:
        return Measure(None, unit, 0, parameters=parameters or {}, unavailable=empty)
    censored = int(np.isinf(values).sum())
    recorded = {**(parameters or {}), **({"censored": censored} if censored else {})}
    value, interval = quantile(values, q), order_statistics(values, q, level)
    ends = order_ends(values, q)
    evidence = {"ends": ends} if ends else {}
    if math.isinf(value):
        return Measure(None, unit, n, interval, recorded, LARGER_THAN_ALL, evidence=evidence)
    return Measure(value, unit, n, interval, recorded, evidence=evidence)
