"""A verdict on a terminal: ten rows of 80 columns at most, the summary first. The worst rule and excuses always fit."""

from collections.abc import Iterator, Sequence

from modicum.gate.rendering.words import Document, remarks, rule_line, worst_first
from modicum.gate.verdict import Outcome
from modicum.resource_names import printable
from modicum.wrapping import cut, rows_of

MOST_LINES = 10
LINE_COLUMNS = 80
MOST_EXCUSES = 3
MOST_ROWS = (2, 3, 1, 1, 1, 1)
"""Of summary, worst rule and excuses, which always stand there. They are cut to this where they leave no room."""
NO_PASS = (Outcome.FAIL.value, Outcome.INCONCLUSIVE.value)
HOW_TO_SEE = "write them with --output FILE.md"


def terminal_lines(verdict: Document) -> list[str]:
    """Return the lines. What does not fit is counted in the last one. No name writes more than its part of a line."""
    first, others = _first(verdict), _others(verdict)
    if _rows([*first, *others]) <= MOST_LINES:
        return [*first, *others]
    if _rows(first) > MOST_LINES - 1:
        first = [cut(line, LINE_COLUMNS, rows) for line, rows in zip(first, MOST_ROWS, strict=False)]
    free = MOST_LINES - 1 - _rows(first)
    fits = next(count for count in range(len(others), -1, -1) if _rows(others[:count]) <= free)
    left = len(others) - fits
    more = (
        f"and {left} more line{'' if left == 1 else 's'}: {HOW_TO_SEE}" if left else f"lines that are cut: {HOW_TO_SEE}"
    )
    return [*first, *others[:fits], more]


def next_step(verdict: Document) -> str:
    """Return what to do about a verdict, in one line; empty where nothing is to be said."""
    plan = "`modicum plan RESULT` says how many images and passes would settle each rule"
    accept = "if the spot is the object itself, list it under `accept` in the policy"
    if verdict["outcome"] not in NO_PASS:
        return ""
    by_spot = any(rule["id"] == "spot" and rule["outcome"] in NO_PASS for rule in verdict["rules"])
    is_open = verdict["outcome"] == Outcome.INCONCLUSIVE.value
    steps = [*([plan] if is_open else []), *([accept] if by_spot else [])]
    return f"next: {'; '.join(steps)}" if steps else ""


def _first(verdict: Document) -> list[str]:
    """The summary, the worst rule, and what is excused."""
    rules = list(_rules(verdict))
    return [printable(line) for line in (verdict["summary"], *rules[:1], *_excuses(verdict.get("excused", [])))]


def _others(verdict: Document) -> list[str]:
    excused = verdict.get("excused", [])
    notes = (f"note: {one}" for one in remarks(verdict) if one not in excused)
    return [printable(line) for line in (*list(_rules(verdict))[1:], *notes)]


def _excuses(excused: Sequence[str]) -> Iterator[str]:
    yield from (f"note: {one}" for one in excused[:MOST_EXCUSES])
    if len(excused) > MOST_EXCUSES:
        yield f"note: and {len(excused) - MOST_EXCUSES} more that are accepted or waived"


def _rules(verdict: Document) -> Iterator[str]:
    for rule in worst_first(verdict["rules"]):
        yield f"{rule['outcome']:<12} {rule['id']} ({rule['level']}): {rule_line(rule)}"


def _rows(lines: Sequence[str]) -> int:
    return sum(rows_of(line, LINE_COLUMNS) for line in lines)
