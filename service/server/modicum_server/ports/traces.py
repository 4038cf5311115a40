"""Spans of traces. A span has its place as a `traceparent`, which its children get; nothing is kept in the background.

What stands in a span is read by whoever runs the server, in a system of theirs: ids, stages, counts and names of
resources. Never a token, a header, what a caller wrote beside a name, or the text of an error.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, Protocol

from modicum_server.errors import ModicumError

Facts = Mapping[str, str | int | float | bool]


class SpanKind(StrEnum):
    """The part that a span plays: it serves a call, makes one, takes work from a queue, or is a step of these."""

    SERVER = "SERVER"
    CLIENT = "CLIENT"
    CONSUMER = "CONSUMER"
    INTERNAL = "INTERNAL"


class Span(Protocol):
    """A span that has begun."""

    @property
    def traceparent(self) -> str:
        """Its place in its trace; empty where nobody collects traces."""

    def note(self, facts: Facts) -> None:
        """Add facts."""

    def end(self, failed: str = "", *, at: float | None = None) -> None:
        """End it: now, or at a time in seconds since 1970. `failed` is the reason why it failed, from a short list."""


class Traces(Protocol):
    """Where spans go. Nothing here waits or fails, whatever becomes of the spans."""

    def begin(
        self,
        name: str,
        parent: str,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        facts: Facts | None = None,
        at: float | None = None,
    ) -> Span:
        """Begin a span: now, or at a time in seconds since 1970. With an empty `parent` it begins a trace."""

    def admitted(self, given: str) -> str:
        """Return the parent of a call whose caller gave this `traceparent`; empty if that is malformed.

        The result says whether the call is traced, for all that follows from it.
        """


class NoSpan:
    """The span of a server that collects no traces."""

    traceparent = ""

    def note(self, facts: Facts) -> None:
        """Forget it."""

    def end(self, failed: str = "", *, at: float | None = None) -> None:
        """Do nothing."""


class NoTraces:
    """The traces of a server that collects none."""

    def begin(self, *_span: Any, **_details: Any) -> NoSpan:
        """Return the one span that there is."""
        return NO_SPAN

    def admitted(self, *_given: Any) -> str:
        """Return nothing."""
        return ""


NO_SPAN = NoSpan()
NO_TRACES = NoTraces()


@contextmanager
def spanned(
    traces: Traces, name: str, parent: str, *, kind: SpanKind = SpanKind.INTERNAL, facts: Facts | None = None
) -> Iterator[Span]:
    """Put a span around the context. An error that leaves it ends the span with its reason."""
    span = traces.begin(name, parent, kind=kind, facts=facts)
    try:
        yield span
    except BaseException as error:
        span.end(_reason_of(error))
        raise
    span.end()


def _reason_of(error: BaseException) -> str:
    if isinstance(error, ModicumError):
        return error.reason
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return "GIVEN_UP"
    return type(error).__name__
