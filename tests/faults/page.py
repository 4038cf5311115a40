"""docs/faults.md: one row a fault, written by the tests that played it, seed by seed."""

import re
from collections.abc import Sequence
from pathlib import Path

from tests.faults.fault import Fault, Trial
from tests.faults.stage import SUBJECT

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
SEEDS_KEPT = 6
HEADER = """# What it survives

Written by `pytest tests/faults --full --fault-seed N --write-faults-page`, which plays each fault on real parts (API,
worker, TorchServe, Postgres) and then checks, every time: one audit, one terminal state in time, every item once with
the result of an undisturbed run to the bit, watches that only grow, no write of a superseded attempt, nothing left in
the database, no process and no file left behind, bounded memory, another project's audit undisturbed and served in its
turn, and the signs by which an operator sees it. *Quick* rows are part of `make test`; `make soak` plays all that leave
a stage whole, at random. What is drawn (which finding, which delay) comes from the seed; a row names the seeds with
which it was green. Times are seconds from the fault's end to the audit's, on two busy cores.

| fault | where it strikes | injected | seen | survived by | played | green with seeds |
|---|---|---|---|---|---|---|
"""
_ROW = re.compile(r"^\| `(?P<name>\w+)` \|.*\| (?P<seen>[^|]*) \|[^|]*\|[^|]*\| (?P<seeds>[\d, ]*) \|$", re.MULTILINE)


def names() -> Sequence[str]:
    """The faults that the page lists, in its order."""
    return [found["name"] for found in _ROW.finditer(_text())]


def write(table: Sequence[Fault], trial: Trial, seed: int) -> None:
    """Put what was seen of one fault on the page; rows of faults that are in the table no more go, new ones come."""
    rows = {found["name"]: (found["seen"], _numbers(found["seeds"])) for found in _ROW.finditer(_text())}
    _, before = rows.get(trial.fault.name, ("", []))
    rows[trial.fault.name] = (seen(trial), [*(number for number in before if number != seed), seed][-SEEDS_KEPT:])
    lines = [_line(fault, *rows.get(fault.name, ("not played yet", ()))) for fault in table]
    PAGE.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")


def seen(trial: Trial) -> str:
    """What came of the fault, in words."""
    took = max(0.0, trial.watchers[SUBJECT].ended_at - trial.ended_at)
    words = [f"{trial.audit.state} after {took:.0f} s", *trial.notes, *(str(sign) for sign in trial.fault.signs)]
    return "; ".join(words).replace("|", "/")


def _line(fault: Fault, what: str, green: Sequence[int]) -> str:
    played = "quick" if fault.quick else "full"
    cells = (f"`{fault.name}`", fault.where, fault.injected, what, fault.mechanism, played)
    return f"| {' | '.join(cells)} | {', '.join(map(str, green))} |"


def _text() -> str:
    return PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""


def _numbers(words: str) -> list[int]:
    return [int(word) for word in words.split(",") if word.strip()]
