"""How an operator sees a fault: a log line, a metric that rose, the reason of an audit.

A sign must not appear in undisturbed audits: `reference.undisturbed` checks that.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from tests.faults.stage import Stage


@dataclass(frozen=True)
class Before:
    """Logs and metrics at the beginning of the trial."""

    log_bytes: Mapping[str, int]
    metrics: Mapping[str, Mapping[str, float]]
    last_note: int

    @classmethod
    def of(cls, stage: Stage) -> "Before":
        """Read them from a stage."""
        return cls(
            {part.name: part.log_bytes for part in stage.parts},
            {part.name: stage.metrics(part) for part in stage.parts},
            int(stage.value("SELECT coalesce(max(id), 0) FROM faults.notes")),
        )


class Sign(Protocol):
    """Something that an operator would see."""

    def seen(self, stage: Stage, before: Before, audit: str) -> bool:
        """Whether it is there now and was not before the trial."""


@dataclass(frozen=True)
class Line:
    """A log line of this event from a part, or from any worker for "worker". With `names_audit`, of this audit only.

    `fact` is a key that the line must have, with its value.
    """

    part: str
    event: str
    names_audit: bool = False
    fact: tuple[str, object] | None = None

    def seen(self, stage: Stage, before: Before, audit: str) -> bool:
        """Whether such a line was written since the trial began."""
        wanted = ([("audit", audit)] if self.names_audit else []) + ([self.fact] if self.fact else [])
        lines = lines_of(stage, before, self.part, self.event)
        return any(all(line.get(key) == value for key, value in wanted) for line in lines)

    def __str__(self) -> str:
        """Text for the page."""
        return f"log `{self.event}`" + (f" with {self.fact[0]} `{self.fact[1]}`" if self.fact else "")


@dataclass(frozen=True)
class StrangeTime:
    """Log lines of a part whose times are far from this machine's time."""

    part: str
    at_least: timedelta

    def seen(self, stage: Stage, before: Before, audit: str) -> bool:
        """Whether such a line was written since the trial began."""
        now = datetime.now(UTC)
        times = [line["timestamp"] for line in lines_of(stage, before, self.part) if "timestamp" in line]
        return any(abs(now - datetime.fromisoformat(time)) >= self.at_least for time in times)

    def __str__(self) -> str:
        """Text for the page."""
        return "the times in the log's lines"


@dataclass(frozen=True)
class Metric:
    """A metric of a part that rose. The metrics of a restarted part count from 0."""

    part: str
    name: str

    def seen(self, stage: Stage, before: Before, audit: str) -> bool:
        """Whether it is higher now, or positive in a new process."""
        for part in stage.parts:
            if part.name.startswith(self.part):
                with contextlib.suppress(OSError):  # the part is away; the next look tries again
                    now, then = self._of(stage.metrics(part)), self._of(before.metrics.get(part.name, {}))
                    if now > then or (0 < now < then):
                        return True
        return False

    def _of(self, values: Mapping[str, float]) -> float:
        return values.get(self.name, 0.0) + values.get(f"{self.name}_total", 0.0)

    def __str__(self) -> str:
        """Text for the page."""
        return f"metric `{self.name}`"


@dataclass(frozen=True)
class Reason:
    """The reason of a failed audit, as its owner reads it."""

    reason: str

    def seen(self, stage: Stage, before: Before, audit: str) -> bool:
        """Whether the audit failed with this reason and a detail."""
        row = stage.sql("SELECT failure_reason, failure_detail FROM audits WHERE name = %s", audit)[0]
        return row["failure_reason"] == self.reason and bool(row["failure_detail"])

    def __str__(self) -> str:
        """Text for the page."""
        return f"reason `{self.reason}`"


def lines_of(stage: Stage, before: Before, part: str, *events: str) -> list[dict[str, Any]]:
    """Log lines of a part since the trial began, including parts that have stopped."""
    return [
        line
        for each in stage.all_parts
        if each.name.startswith(part)
        for line in each.lines(*events, since=before.log_bytes.get(each.name, 0))
    ]
