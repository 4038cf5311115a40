"""Traces that stay in memory, for tests of those who make spans."""

from dataclasses import dataclass, field
from typing import Any

from modicum_server.domain.traces import known_traceparent, trace_id_of
from modicum_server.ports import SpanKind


@dataclass
class RecordedSpan:
    name: str
    traceparent: str
    parent: str
    kind: SpanKind
    start: float | None
    facts: dict[str, Any]
    failed: str | None = None
    end_at: float | None = None
    ended: bool = False

    def note(self, facts):
        self.facts.update(facts)

    def end(self, failed="", *, at=None):
        assert not self.ended, f"{self.name} ended twice"
        self.failed, self.end_at, self.ended = failed, at, True


@dataclass
class RecordedTraces:
    spans: list[RecordedSpan] = field(default_factory=list)

    def begin(self, name, parent, *, kind=SpanKind.INTERNAL, facts=None, at=None):
        number = len(self.spans) + 1
        trace = trace_id_of(parent) or f"{number:032x}"
        span = RecordedSpan(name, f"00-{trace}-{number:016x}-01", parent, kind, at, dict(facts or {}))
        self.spans.append(span)
        return span

    def admitted(self, given):
        return known_traceparent(given)

    def named(self, name: str) -> list[RecordedSpan]:
        return [span for span in self.spans if span.name == name]
