"""The growth's budget and table in Markdown: pure functions of the results."""

from collections.abc import Iterator
from typing import Any

from benchmarks.tables import met, table

MOST_GROWTH = 1.5
STEPS = {
    "claim": "claim a shard",
    "plan": "make its task",
    "renew": "renew its lease",
    "store": "store its findings",
    "end": "end it",
    "read_progress": "read the audit's progress",
    "list_audits": "list audits",
    "list_findings": "a page in the midst of the findings",
    "newest_findings": "the newest findings",
    "list_items": "a page in the midst of the data set",
}


def budgets(part: dict[str, Any] | None) -> Iterator[tuple[str, ...]]:
    """Budget: the step that grows most."""
    if part is None:
        return
    first, last = part["runs"]
    step = max(STEPS, key=lambda step: _growth(part, step))
    growth = _growth(part, step)
    what = f"time of the database for one shard or page, {last['items']:,} over {first['items']:,} items"
    yield what, f"at most {MOST_GROWTH:g}", f"{growth:.2f} ({STEPS[step]})", met(growth <= MOST_GROWTH)


def growth(part: dict[str, Any]) -> Iterator[str]:
    """The time of every step in both audits."""
    first, last = part["runs"]
    yield (
        f"Half of the items of an audit have findings. Each step is done {part['repeats']} times, for shards of "
        f"{part['shard_images']} images and pages of {part['page']} rows, on a Postgres of its own with its default "
        "settings. Nothing is searched. A test counts the rows that each step reads.\n"
    )
    head = ("median, in ms", f"{first['items']:,} items", f"{last['items']:,} items", "ratio")
    yield from table(head, (_row(part, step) for step in STEPS))


def _row(part: dict[str, Any], step: str) -> tuple[str, ...]:
    times = [f"{run['milliseconds'][step]:.1f}" for run in part["runs"]]
    return STEPS[step], *times, f"{_growth(part, step):.2f}"


def _growth(part: dict[str, Any], step: str) -> float:
    first, last = (run["milliseconds"][step] for run in part["runs"])
    return float(last / first)
