"""By what an operator sees a fault: a line of a log, a metric that moved, the reason of an audit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

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
    """A line of this event in the log of a part ("worker": of any worker); of the audit, where `names_audit`."""

    part: str
    event: str
    names_audit: bool = False

    def seen(self, stage: Stage, before: Before, audit: str) -> bool:
        """Whether such a line was written since."""
        lines = [
            line
            for part in stage.all_parts
            if part.name.startswith(self.part)
            for line in part.lines(self.event, since=before.log_bytes.get(part.name, 0))
        ]
        return any(not self.names_audit or line.get("audit") == audit for line in lines)

    def __str__(self) -> str:
        """In words for the page."""
        return f"log `{self.event}`"


@dataclass(frozen=True)
class Metric:
    """A metric of a part that rose; that of a part which was started again counts from 0."""

    part: str
    name: str

    def seen(self, stage: Stage, before: Before, audit: str) -> bool:
        """Whether it is higher now, or is there in a process that is new."""
        for part in stage.parts:
            if part.name.startswith(self.part):
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
