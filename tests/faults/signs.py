"""By what an operator sees a fault: a line of a log, a metric that moved, the reason of an audit.

A sign shows nothing if undisturbed audits write it too: `reference.undisturbed` refuses such a sign.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from tests.faults.stage import Stage


@dataclass(frozen=True)
class Before:
    """Logs and metrics as they were when the trial began."""

    log_bytes: Mapping[str, int]
    metrics: Mapping[str, Mapping[str, float]]
    last_note: int

    @classmethod
    def of(cls, stage: Stage) -> "Before":
        """Look at a stage."""
        return cls(
            {part.name: part.log_bytes for part in stage.parts},
            {part.name: stage.metrics(part) for part in stage.parts},
            int(stage.value("SELECT coalesce(max(id), 0) FROM faults.notes")),
        )


class Sign(Protocol):
    """Something that an operator would see."""

    def seen(self, stage: Stage, before: Before, audit: str) -> bool:
        """Whether it is there, and was not before the trial."""


@dataclass(frozen=True)
class Line:
    """A line of this event in the log of a part ("worker": of any worker); of the audit, where `names_audit`.

    `fact` is a key of the line and what stands there.
    """

    part: str
    event: str
    names_audit: bool = False
    fact: tuple[str, object] | None = None

    def seen(self, stage: Stage, before: Before, audit: str) -> bool:
        """Whether such a line was written since."""
        wanted = ([("audit", audit)] if self.names_audit else []) + ([self.fact] if self.fact else [])
        lines = lines_of(stage, before, self.part, self.event)
        return any(all(line.get(key) == value for key, value in wanted) for line in lines)

    def __str__(self) -> str:
        """In words for the page."""
        return f"log `{self.event}`" + (f" with {self.fact[0]} {self.fact[1]}" if self.fact else "")


@dataclass(frozen=True)
class StrangeTime:
    """Lines of a part's log whose time is far from this machine's."""

    part: str
    at_least: timedelta

    def seen(self, stage: Stage, before: Before, audit: str) -> bool:
        """Whether such a line was written since."""
        now = datetime.now(UTC)
        times = [line["timestamp"] for line in lines_of(stage, before, self.part) if "timestamp" in line]
        return any(abs(now - datetime.fromisoformat(time)) >= self.at_least for time in times)

    def __str__(self) -> str:
        """In words for the page."""
        return "the times of its log's lines"


@dataclass(frozen=True)
class Metric:
    """A metric of a part that rose; that of a part which was started again counts from 0."""

    part: str
    name: str

    def seen(self, stage: Stage, before: Before, audit: str) -> bool:
        """Whether it is higher now, or is there in a process that is new."""
        for part in stage.parts:
            if part.name.startswith(self.part):
                with contextlib.suppress(OSError):  # it is away: asked again
                    now, then = self._of(stage.metrics(part)), self._of(before.metrics.get(part.name, {}))
                    if now > then or (0 < now < then):
                        return True
        return False

    def _of(self, values: Mapping[str, float]) -> float:
        return values.get(self.name, 0.0) + values.get(f"{self.name}_total", 0.0)

    def __str__(self) -> str:
        """In words for the page."""
        return f"metric `{self.name}`"


@dataclass(frozen=True)
class Reason:
    """The reason with which the audit failed, as its owner reads it."""

    reason: str

    def seen(self, stage: Stage, before: Before, audit: str) -> bool:
        """Whether the audit failed with it and says more in words."""
        row = stage.sql("SELECT failure_reason, failure_detail FROM audits WHERE name = %s", audit)[0]
        return row["failure_reason"] == self.reason and bool(row["failure_detail"])

    def __str__(self) -> str:
        """In words for the page."""
        return f"reason `{self.reason}`"


def lines_of(stage: Stage, before: Before, part: str, *events: str) -> list[dict[str, Any]]:
    """Lines of the logs of a part, those too of one that has left, since the trial began."""
    return [
        line
        for each in stage.all_parts
        if each.name.startswith(part)
        for line in each.lines(*events, since=before.log_bytes.get(each.name, 0))
    ]
