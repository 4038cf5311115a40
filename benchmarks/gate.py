"""`python -m benchmarks.gate` simulates verdicts at and away from the limits of their rules. Runs no model.

Each verdict is the gate's own, on a document of random counts. It counts how often a policy fails, passes and is
inconclusive: where every rule lies exactly at its limit, where one does and the others lie well within, where all lie
well within, and where one lies beyond.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

import numpy as np
import typer
from modicum.gate.catalogue import known_rules
from modicum.gate.judging import judge
from modicum.gate.policy import KnownRule, Policy
from modicum.gate.policy_file import policy_of
from modicum.gate.spot_rule import PASTED_LIMIT
from modicum_server.measures.intervals import wilson

VERDICTS = 10_000
IMAGES = 300
LIMIT = 0.10
WITHIN, BEYOND = 0.02, 0.20
LOST = 0.02
"""Share of pairs that differ the other way."""
CLASSES, SOURCES, OTHERS = 10, 30, 9
ALIKE = 20.0
"""Sum of the parameters of the beta distribution of a source's share."""
RULES = (1, 8, 24)
DAY = date(2026, 1, 1)
VERSION = "projects/default/models/m/versions/1"
Drawn = np.random.Generator
MakeMeasure = Callable[[float, Drawn], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Simulated:
    """How often a policy had each outcome, of so many verdicts."""

    kind: str
    rules: int
    case: str
    outcomes: Mapping[str, int]


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
#: By the case, the rate of the first rule and of the others.
CASES = {
    "all at the limit": (LIMIT, LIMIT),
    "one at the limit": (LIMIT, WITHIN),
    "all within": (WITHIN, WITHIN),
    "one beyond": (BEYOND, WITHIN),
}


def simulated(verdicts: int) -> Iterator[Simulated]:
    """Simulate every kind of rule, number of rules and case."""
    for kind, make in KINDS.items():
        for count in RULES:
            policy = _policy(count)
            for case, rates in CASES.items():
                drawn = np.random.default_rng(count)
                outcomes = Counter(_outcome(_measured(policy, make, rates, drawn), policy) for _ in range(verdicts))
                yield Simulated(kind, count, case, outcomes)
    policy = policy_of("version: 1\nrules: {spot: error}", "", today=DAY)
    for case, rates in CASES.items():
        drawn = np.random.default_rng(0)
        outcomes = Counter(_outcome(_document({}, _spots(rates, drawn)), policy) for _ in range(verdicts))
        yield Simulated(f"spot, {CLASSES} classes", 1, case, outcomes)


def _policy(count: int) -> Policy:
    names = [one.id for one in _plain_rules()][:count]
    lines = [f"  {name}: {{max: {LIMIT}}}" for name in names]
    return policy_of("\n".join(["version: 1", "rules:", "  spot: off", *lines]), "", today=DAY)


def _plain_rules() -> list[KnownRule]:
    """Rules of measures of one search that need no label."""
    return [
        one for one in known_rules().values() if one.kind == "measure" and not one.part and "accura" not in one.name
    ]


def _measured(policy: Policy, make: MakeMeasure, rates: tuple[float, float], drawn: Drawn) -> dict[str, Any]:
    names = [rule.known.name for rule in policy.rules if rule.mark is not None]
    return _document({name: make(rates[place > 0], drawn) for place, name in enumerate(names)}, [])


def _spots(rates: tuple[float, float], drawn: Drawn) -> list[dict[str, Any]]:
    """A row of all classes, which lies within unless all are at the limit, and a row a class; a place and a window."""
    shares = [rates[1], rates[0], *[rates[1]] * (CLASSES - 1)]
    return [
        {
            "target_class": None if number == 0 else number - 1,
            "label": f"class {number}",
            "sources": CLASSES * SOURCES if number == 0 else SOURCES,
            "places": [_place(share_of_row, drawn, own=own) for own in (False, True)],
        }
        for number, share_of_row in enumerate(shares)
    ]


def _place(rate: float, drawn: Drawn, *, own: bool) -> dict[str, Any]:
    scaled = rate / LIMIT * PASTED_LIMIT
    each = drawn.binomial(OTHERS, drawn.beta(scaled * ALIKE, (1 - scaled) * ALIKE, SOURCES)).tolist()
    counts = [{"source": at, "pairs": OTHERS, "here": here, "elsewhere": 0} for at, here in enumerate(each)]
    return {
        "own": own,
        "places": [{"kind": "WINDOW", "top": 0, "left": 0, "height": 4, "width": 4}],
        "measures": {"spot_pasted_difference": {"value": sum(each) / OTHERS / SOURCES, "n": SOURCES}},
        "pasted": counts,
        "covered": counts,
    }


def _document(measures: Mapping[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    counts = {"images": CLASSES * SOURCES, "failed": 0, "eligible": IMAGES}
    search = {"target_rule": "predicted", "threshold": 0.9, "fill": "mean", "passes": 300}
    searched = {"search": search, "measures": measures, "readings": [], "counts": counts}
    return {
        "schema_version": 1,
        "audit": "",
        "created": "",
        "specification": {"statistics": {"level": 0.95}},
        "specification_digest": "",
        "findings": {"digest": ""},
        "dataset": {"name": "", "labelled": IMAGES},
        "models": [{"model_version": VERSION, "digest": "", "searches": [searched]}],
        "spots": [{"model_version": VERSION, "untested_classes": 0, "rows": rows}],
    }


def _outcome(document: Mapping[str, Any], policy: Policy) -> str:
    return str(judge(document, policy, today=DAY).outcome)


def _line(one: Simulated) -> str:
    total = sum(one.outcomes.values())
    cells = (_percent(one.outcomes.get(name, 0), total) for name in ("FAIL", "PASS", "INCONCLUSIVE"))
    return f"| {one.kind} | {one.rules} | {one.case} | {' | '.join(cells)} |"


def _percent(count: int, total: int) -> str:
    interval = wilson(count, total)
    ends = "" if interval is None else f" ({100 * (interval.low or 0):.2f} to {100 * (interval.high or 0):.2f})"
    return f"{100 * count / total:.2f}%{ends}"


def main(verdicts: Annotated[int, typer.Option(min=1, help="verdicts of each row")] = VERDICTS) -> None:
    """Print a table of the outcomes, each with its 95% interval (Wilson)."""
    print("| rules of | number | case | FAIL | PASS | INCONCLUSIVE |\n|---|---|---|---|---|---|")
    for one in simulated(verdicts):
        print(_line(one), flush=True)


if __name__ == "__main__":
    typer.run(main)
