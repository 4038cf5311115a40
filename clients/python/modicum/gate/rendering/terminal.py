"""A verdict on a terminal: at most ten lines, the summary first. The worst rule and what is excused always fit."""

from collections.abc import Iterator, Sequence

from modicum.gate.rendering.words import Document, remarks, rule_line, worst_first
from modicum.resource_names import printable

MOST_LINES = 10
MOST_EXCUSES = 3


def terminal_lines(verdict: Document) -> list[str]:
    """Return the lines. What does not fit is counted in the last one. No name writes more than its part of a line."""
    excused = verdict.get("excused", [])
    others = (f"note: {one}" for one in remarks(verdict) if one not in excused)
    rules = list(_rules(verdict))
    lines = [verdict["summary"], *rules[:1], *_excuses(excused), *rules[1:], *others]
    if len(lines) <= MOST_LINES:
        return list(map(printable, lines))
    kept = list(map(printable, lines[: MOST_LINES - 1]))
    return [*kept, f"and {len(lines) - len(kept)} more lines: write them with --output FILE.md"]


def _excuses(excused: Sequence[str]) -> Iterator[str]:
    yield from (f"note: {one}" for one in excused[:MOST_EXCUSES])
    if len(excused) > MOST_EXCUSES:
        yield f"note: and {len(excused) - MOST_EXCUSES} more that are accepted or waived"


def _rules(verdict: Document) -> Iterator[str]:
    for rule in worst_first(verdict["rules"]):
        yield f"{rule['outcome']:<12} {rule['id']} ({rule['level']}): {rule_line(rule)}"
