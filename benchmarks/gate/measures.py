"""Rules of measures of one search: shares and paired differences, of so many rules at once."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from modicum.gate.catalogue import known_rules

from benchmarks.gate.documents import IMAGES, document, outcome, policy
from benchmarks.gate.rows import CASES, Drawn, Row, Truths

TRUTHS = Truths(limit=0.10, within=0.02, beyond=0.20)
LOST = 0.02
"""Share of pairs that differ the other way."""
RULES = (1, 8, 24)
MakeMeasure = Callable[[float, Drawn], dict[str, Any]]


def share(rate: float, drawn: Drawn) -> dict[str, Any]:
    """A share of `IMAGES` images."""
    found = int(drawn.binomial(IMAGES, rate))
    return {"value": found / IMAGES, "unit": "share", "n": IMAGES, "parameters": {"successes": found}}


def paired(mean: float, drawn: Drawn) -> dict[str, Any]:
    """A paired difference of `IMAGES` images."""
    gained, lost, _ = drawn.multinomial(IMAGES, (mean + LOST, LOST, 1 - mean - 2 * LOST)).tolist()
    return {
        "value": (gained - lost) / IMAGES,
        "unit": "difference",
        "n": IMAGES,
        "parameters": {"differing": gained + lost},
    }


KINDS: Mapping[str, MakeMeasure] = {"share": share, "paired difference": paired}


def rows() -> Iterator[Row]:
    """Yield every kind, number of rules and case."""
    for kind, make in KINDS.items():
        for count in RULES:
            for case in CASES:
                yield Row(kind, count, case, _drawing(make, count, case))


def _drawing(make: MakeMeasure, count: int, case: str) -> Callable[[Drawn], str]:
    names = plain_rules(count)
    by = policy("spot: off", *(f"{name.replace('_', '-')}: {{max: {TRUTHS.limit}}}" for name in names))
    values = TRUTHS.of(case)

    def draw(drawn: Drawn) -> str:
        return outcome(document({name: make(values[at > 0], drawn) for at, name in enumerate(names)}), by)

    return draw


def plain_rules(count: int) -> list[str]:
    """Return the names of so many measures of one search that need no label."""
    known = known_rules().values()
    return [one.name for one in known if one.kind == "measure" and not one.part and "accura" not in one.name][:count]
