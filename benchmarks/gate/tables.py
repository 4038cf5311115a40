"""The gate part's tables, from its figures. Measures nothing."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from modicum.gate.policy import DEFAULT_ERROR_BUDGET
from modicum.gate.spot_rule import NONE_LIMIT, PASTED_LIMIT
from modicum_server.measures.intervals import wilson

from benchmarks.gate.documents import IMAGES
from benchmarks.gate.rows import AT_LIMIT, BEYOND, ONE_AT_LIMIT, WITHIN
from benchmarks.gate.run import KINDS
from benchmarks.tables import table

OUTCOMES = ("FAIL", "PASS", "INCONCLUSIVE")


def gate(part: Mapping[str, Any]) -> Iterator[str]:
    """How often verdicts are wrong and how often open, by kind of rule and by where the true values lie."""
    yield (
        f"The gate judged synthetic results, {part['verdicts']:,} for each row, with an error budget of "
        f"{DEFAULT_ERROR_BUDGET:.0%} and, unless the kind says otherwise, {IMAGES} images. No model ran. Square "
        "brackets hold 95% intervals (Wilson), in percent.\n"
    )
    yield (
        f'A FAIL is an error in the rows "{AT_LIMIT}", "{ONE_AT_LIMIT}" and "{WITHIN}". A PASS is an error in the rows '
        f'"{AT_LIMIT}", "{ONE_AT_LIMIT}" and "{BEYOND}". `spot` has two limits: it fails above {PASTED_LIMIT:g}, where '
        f"its rows lie, and passes below {NONE_LIMIT:g}, so a PASS at its limit is not an error.\n"
    )
    yield (
        "In the rows of an ensemble, the ratios at plain and at matched temperatures lie where the row says. The loss "
        f'of accuracy lies at its limit only in "{AT_LIMIT}". The stated verdict takes the intervals of the ratios '
        "from Student's t instead of a bootstrap.\n"
    )
    for kind, rows in groupby(part["rows"], key=lambda row: str(row["kind"])):
        yield f"#### {kind.capitalize()}\n"
        yield from table(("rules", "true values", *OUTCOMES), [_cells(row, part["verdicts"]) for row in rows])
    missing = _missing(part["rows"])
    if missing:
        yield f"Not measured yet: {'; '.join(missing)}.\n"


def _missing(measured: Sequence[Mapping[str, Any]]) -> list[str]:
    """The kinds of rules, with their numbers, of which a case was not measured."""
    found = {(row["kind"], row["rules"], row["case"]) for row in measured}
    wanted = [row for kind in KINDS for row in kind()]
    absent = {(row.kind, row.rules) for row in wanted if (row.kind, row.rules, row.case) not in found}
    return [f"{kind} ({rules} {'rule' if rules == 1 else 'rules'})" for kind, rules in sorted(absent)]


def _cells(row: Mapping[str, Any], verdicts: int) -> tuple[str, ...]:
    shares = (_percent(row["outcomes"].get(name, 0), verdicts) for name in OUTCOMES)
    return str(row["rules"]), row["case"], *shares


def _percent(count: int, total: int) -> str:
    interval = wilson(count, total)
    ends = "" if interval is None else f" [{100 * (interval.low or 0):.2f}, {100 * (interval.high or 0):.2f}]"
    return f"{100 * count / total:.2f}%{ends}"
