"""A verdict on a terminal: at most ten lines, the summary first."""

from collections.abc import Iterator

from modicum.gate.rendering.words import Document, remarks, rule_line, worst_first

MOST_LINES = 10


def terminal_lines(verdict: Document) -> list[str]:
    """Return the lines. What does not fit is counted in the last one."""
    lines = [verdict["summary"], *_rules(verdict), *(f"note: {one}" for one in remarks(verdict))]
    if len(lines) <= MOST_LINES:
        return lines
    kept = lines[: MOST_LINES - 1]
    return [*kept, f"and {len(lines) - len(kept)} more lines: write them with --output FILE.md"]


def _rules(verdict: Document) -> Iterator[str]:
    for rule in worst_first(verdict["rules"]):
        yield f"{rule['outcome']:<12} {rule['id']} ({rule['level']}): {rule_line(rule)}"
