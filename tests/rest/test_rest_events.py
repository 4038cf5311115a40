"""Watching with server-sent events: resume, heartbeats, and the end of a stream."""

import asyncio
import json

import pytest
from modicum_server.domain.audits import Stage
from modicum_server.metrics.api import ApiMetrics
from modicum_server.transports.call_limits import Bounds
from prometheus_client import generate_latest

from tests.waiting import until


def watchers(metrics: ApiMetrics) -> float:
    return metrics.registry.get_sample_value("modicum_watchers")


async def start(served, audit):
    async with served.store.transaction() as transaction:
        await transaction.audits.start(audit, Stage.SEARCH)


async def test_a_watch_is_events_until_the_terminal_one(served):
    audit = await served.audit()
    async with served.rest().events(f"/v1/{audit}:watch") as events:
        first = await events.next()
        await start(served, audit)
        second = await events.next()
        await served.rest().ask("POST", f"/v1/{audit}:cancel")
        last = await events.next()
        assert await events.next() == {}

    seen = [(event["event"], json.loads(event["data"])["state"]) for event in (first, second, last)]
    assert events.response.headers["Content-Type"] == "text/event-stream"
    assert seen == [("audit", "STATE_QUEUED"), ("audit", "STATE_RUNNING"), ("audit", "STATE_CANCELLED")]
    assert [event["id"] for event in (first, second, last)] == [
        json.loads(event["data"])["sequence"] for event in (first, second, last)
    ]
    assert int(first["id"]) < int(second["id"]) < int(last["id"])


async def test_a_watch_resumes_after_the_event_that_was_seen_last(served):
    audit = await served.audit()
    async with served.rest().events(f"/v1/{audit}:watch") as events:
        seen = (await events.next())["id"]
    async with served.rest().events(f"/v1/{audit}:watch", Last_Event_ID=seen) as events:
        await start(served, audit)
        later = await events.next()

    assert int(later["id"]) > int(seen)


@pytest.mark.long
async def test_a_watcher_that_has_seen_the_end_gets_no_content(served):
    audit = await served.audit()
    await served.rest().ask("POST", f"/v1/{audit}:cancel")
    whole = await served.rest().ask("GET", f"/v1/{audit}:watch")
    last = whole.body.split(b"id: ")[-1].split(b"\n")[0].decode()
    again = await served.rest().ask("GET", f"/v1/{audit}:watch", headers={"Last-Event-ID": last})
    earlier = await served.rest().ask("GET", f"/v1/{audit}:watch", headers={"Last-Event-ID": "0"})

    assert whole.status == 200
    assert (again.status, again.body) == (204, b"")
    assert earlier.body == whole.body


@pytest.mark.long
async def test_an_event_id_is_a_sequence(served):
    audit = await served.audit()
    for text in ("first", "-1", "9" * 19):
        reply = await served.rest().ask("GET", f"/v1/{audit}:watch", headers={"Last-Event-ID": text})
        assert reply.json["violations"][0]["field"] == "Last-Event-ID"


@pytest.mark.parametrize("bounds", [Bounds(heartbeat_seconds=0.05)])
async def test_a_silent_stream_has_heartbeats(served):
    audit = await served.audit()
    async with served.rest().events(f"/v1/{audit}:watch") as events:
        first, beat, next_beat = [await events.next() for _ in range(3)]
        await served.rest().ask("POST", f"/v1/{audit}:cancel")
        async with asyncio.timeout(60):
            while (event := await events.next()).keys() == {"comment"}:
                pass

    assert first["event"] == "audit"
    assert beat == next_beat == {"comment": "still there"}
    assert json.loads(event["data"])["state"] == "STATE_CANCELLED"


@pytest.mark.parametrize("bounds", [Bounds(heartbeat_seconds=1.0)])
@pytest.mark.long
async def test_a_stream_of_events_that_were_all_seen_before_has_heartbeats_too(served):
    audit = await served.audit()
    await start(served, audit)

    async def change() -> None:
        while True:
            async with served.store.transaction() as transaction:
                await transaction.audits.add_progress(audit, passes_done=1)
            await asyncio.sleep(0.05)

    async with served.rest().events(f"/v1/{audit}:watch", Last_Event_ID=str(2**62)) as events:
        changing = asyncio.create_task(change())
        async with asyncio.timeout(60):
            beats = [await events.next() for _ in range(2)]
        changing.cancel()
        await served.rest().ask("POST", f"/v1/{audit}:cancel")

    assert beats == [{"comment": "still there"}] * 2


@pytest.mark.long
async def test_a_watcher_that_leaves_frees_its_place(served):
    audit = await served.audit()
    async with served.rest().events(f"/v1/{audit}:watch") as events:
        await events.next()
        assert watchers(served.metrics) == 1

    await until(lambda: watchers(served.metrics) == 0)
    counted = 'modicum_rpcs_total{code="CANCELLED",method="/modicum.v1.AuditService/WatchAudit"} 1.0'
    await until(lambda: counted in generate_latest(served.metrics.registry).decode())


@pytest.mark.long
async def test_a_server_that_stops_ends_its_watches_with_a_hint(served):
    audit = await served.audit()
    async with served.rest().events(f"/v1/{audit}:watch") as events:
        first = await events.next()
        await served.api.stop(grace=0)
        last = await events.next()
        assert await events.next() == {}

    problem = json.loads(last["data"])
    assert last["event"] == "problem"
    assert int(last["retry"]) > 0
    assert (problem["reason"], problem["metadata"]) == ("SERVER_STOPPING", {"sequence": first["id"]})
    assert "id" not in last


@pytest.mark.parametrize("bounds", [Bounds(recheck_seconds=0.1)])
@pytest.mark.long
async def test_a_watch_whose_token_is_revoked_ends_with_the_problem(served):
    audit = await served.audit()
    async with served.rest().events(f"/v1/{audit}:watch") as events:
        await events.next()
        async with served.store.transaction() as transaction:
            await transaction.access.revoke("admin")
        last = await events.next()

    assert last["event"] == "problem"
    assert json.loads(last["data"])["reason"] == "TOKEN_INVALID"
