"""The spans of a shard: how long it waited in the queue, and what was done with it since."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from modicum_server.domain.audits import Shard
from modicum_server.ports import Facts, Span, SpanKind, Traces, spanned


@contextmanager
def shard_span(traces: Traces, shard: Shard, worker: str, slot: int) -> Iterator[Span]:
    """Put a span around the work on a claimed shard, behind one of its time in the queue.

    The parent of both is the call that the shard was queued for. Without one, the work begins a trace of its own.
    """
    facts, parent, now = _facts_of(shard), shard.cause.traceparent, time.time()
    if parent:
        traces.begin("queue", parent, facts=facts, at=now - shard.waited_seconds).end(at=now)
    place = {"worker": worker, "slot": slot, **facts}
    with spanned(traces, f"shard {shard.stage}", parent, kind=SpanKind.CONSUMER, facts=place) as span:
        yield span


def _facts_of(shard: Shard) -> Facts:
    facts = {
        "request_id": shard.cause.request_id,
        "project": shard.project,
        "audit": shard.audit,
        "model_version": shard.model_version,
        "stage": shard.stage.value,
        "shard": shard.id,
        "attempt": shard.attempt,
        "images": len(shard.positions),
    }
    return {name: value for name, value in facts.items() if value != ""}
