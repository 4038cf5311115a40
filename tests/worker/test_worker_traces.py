"""Spans of shards: the time in the queue, and what was done since, in the trace of the call that caused them."""

from collections import Counter

from modicum_server.domain.audits import AuditState
from modicum_server.domain.traces import Cause, trace_id_of
from modicum_server.ports import SpanKind

from tests.traces.recorded_traces import RecordedTraces
from tests.worker.arithmetic_model_server import ArithmeticModelServer
from tests.worker.worker_scene import PROJECT, Scene

CAUSE = Cause("request-7", f"00-{'a' * 32}-{'b' * 16}-01")


class Heard(ArithmeticModelServer):
    """Keeps the places of its tasks."""

    def __init__(self):
        super().__init__()
        self.places = []

    def run(self, slot, task, cancelled):
        self.places.append(task.traceparent)
        return super().run(slot, task, cancelled)


async def test_every_shard_of_an_audit_stands_in_the_trace_of_the_call_that_created_it(scene: Scene):
    traces, model_server = RecordedTraces(), Heard()
    version = await scene.register()
    audit = await scene.audit(version, images=6, shards=[range(4), range(4, 6)], cause=CAUSE)

    scene.work(model_server, traces=traces)
    assert (await scene.ended(audit)).state is AuditState.SUCCEEDED
    await scene.stop()

    searches, [summary] = traces.named("shard SEARCH"), traces.named("shard SUMMARISE")
    queued = traces.named("queue")
    assert {span.parent for span in (*searches, summary, *queued)} == {CAUSE.traceparent}
    assert {trace_id_of(span.traceparent) for span in traces.spans} == {trace_id_of(CAUSE.traceparent)}
    assert model_server.places == [search.traceparent for search in searches]
    for search in searches:
        assert search.kind is SpanKind.CONSUMER
        below = [span.name for span in traces.spans if span.parent == search.traceparent]
        assert Counter(below) == {"plan": 1, "settle": 1}
        assert search.facts["outcome"] == "done"
        assert search.facts["passes"] > 0
        assert search.facts.items() >= {"request_id": "request-7", "audit": audit, "project": PROJECT}.items()
    assert {"plan", "summarise", "settle"} == {span.name for span in traces.spans if span.parent == summary.traceparent}
    assert [span.facts["shard"] for span in queued] == [span.facts["shard"] for span in (*searches, summary)]
    assert all(span.end_at >= span.start for span in queued)
    assert all(span.ended and not span.failed for span in traces.spans)


async def test_a_shard_of_an_earlier_release_begins_a_trace(scene: Scene):
    traces = RecordedTraces()
    audit = await scene.audit(await scene.register(), images=2)

    scene.work(ArithmeticModelServer(), traces=traces)
    await scene.ended(audit)
    await scene.stop()

    assert traces.named("queue") == []
    assert {span.parent for span in traces.spans if span.name.startswith("shard ")} == {""}
