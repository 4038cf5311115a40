"""The HTTP door: metrics and probes."""

import asyncio
import json
import urllib.error
import urllib.request

import psycopg
import pytest
from modicum.v1 import project_service_pb2 as projects
from modicum_server.domain.audits import AuditState
from modicum_server.errors import DependencyUnavailable
from modicum_server.metrics.api import ApiMetrics
from modicum_server.metrics.store_metrics import FACT_GAUGES, Snapshot, Stored
from modicum_server.transports.http import scrapers as door

from tests.waiting import until

DEPENDENCIES = ("database", "schema", "artifact_store")


async def fetch(served, path: str, token: str = "", **more: str) -> tuple[int, str]:
    headers = ({"Authorization": f"Bearer {token}"} if token else {}) | more
    request = urllib.request.Request(f"http://127.0.0.1:{served.http_port}{path}", headers=headers)

    def answer() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    return await asyncio.to_thread(answer)


async def readiness(served) -> tuple[int, dict[str, bool]]:
    status, text = await fetch(served, "/readyz")
    return status, json.loads(text)


async def test_a_live_and_ready_service_says_so(served):
    assert await fetch(served, "/healthz") == (200, "alive\n")
    assert await readiness(served) == (200, dict.fromkeys(DEPENDENCIES, True))
    assert (await fetch(served, "/nothing"))[0] == 404


async def test_a_service_over_an_earlier_schema_is_not_ready(served, database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DELETE FROM alembic_version")

    assert await readiness(served) == (503, dict.fromkeys(DEPENDENCIES, True) | {"schema": False})


async def test_a_service_over_a_later_schema_is_ready_until_it_is_replaced(served, database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'of tomorrow'")

    assert (await fetch(served, "/readyz"))[0] == 200


async def test_metrics_count_calls_by_method_and_code(served):
    caller = served.caller()
    await caller.projects.ListProjects(projects.ListProjectsRequest(), metadata=caller.metadata)
    await served.upload(caller, b"12345")

    async def with_the_queue() -> tuple[int, str] | None:
        """The store is left out of a scrape while the database is slow."""
        status, text = await fetch(served, "/metrics")
        return (status, text) if "modicum_queue_shards_queued 0.0" in text else None

    status, text = await until(with_the_queue)

    assert status == 200
    assert 'modicum_rpcs_total{code="OK",method="/modicum.v1.ProjectService/ListProjects"} 1.0' in text
    assert "modicum_upload_bytes_total 5.0" in text
    assert 'modicum_dependency_up{dependency="database"} 1.0' in text


async def test_a_method_that_is_not_there_makes_no_label(served):
    call = served.channel.unary_unary("/modicum.v1.ProjectService/Invented")
    with pytest.raises(Exception, match="Method not found"):
        await call(b"")

    assert "Invented" not in (await fetch(served, "/metrics"))[1]


async def test_metrics_from_beyond_loopback_take_a_token(served, monkeypatch):
    monkeypatch.setattr(door, "is_direct_on_loopback", lambda _request: False)

    assert (await fetch(served, "/metrics"))[0] == 401
    assert (await fetch(served, "/metrics", "wrong"))[0] == 401
    assert (await fetch(served, "/metrics", "token-of-vera"))[0] == 200
    assert (await fetch(served, "/healthz"))[0] == 200


async def test_whose_token_was_good_still_reads_metrics_while_the_database_is_away(served, monkeypatch):
    async def away(*_, **__):
        raise DependencyUnavailable

    monkeypatch.setattr(door, "is_direct_on_loopback", lambda _request: False)
    assert (await fetch(served, "/metrics", "token-of-vera"))[0] == 200
    monkeypatch.setattr(door, "authenticate", away)

    assert (await fetch(served, "/metrics", "token-of-vera"))[0] == 200
    assert (await fetch(served, "/metrics", "token-of-otto"))[0] == 503
    assert (await fetch(served, "/metrics"))[0] == 503


@pytest.mark.long
async def test_a_token_that_was_revoked_is_not_good_any_more(served, monkeypatch):
    async def away(*_, **__):
        raise DependencyUnavailable

    monkeypatch.setattr(door, "is_direct_on_loopback", lambda _request: False)
    assert (await fetch(served, "/metrics", "token-of-vera"))[0] == 200
    async with served.store.transaction() as transaction:
        await transaction.access.revoke("viewer")
    assert (await fetch(served, "/metrics", "token-of-vera"))[0] == 401
    monkeypatch.setattr(door, "authenticate", away)

    assert (await fetch(served, "/metrics", "token-of-vera"))[0] == 503


def test_every_metric_says_what_it_is_and_in_what_unit():
    for family in ApiMetrics().registry.collect():
        assert family.name.startswith("modicum_")
        assert family.documentation.endswith(".")


async def test_every_fact_of_the_queue_that_is_shown_is_one_that_the_store_has(served):
    async with served.store.transaction() as transaction:
        facts = {**await transaction.shards.facts(), **await transaction.gauges.facts()}

    # nothing was claimed or collected yet
    assert FACT_GAUGES.keys() - facts.keys() == {"last_claim", "collectable_bytes"}


def test_without_a_database_the_queue_is_not_known():
    text = ApiMetrics().expose(Snapshot({"database": False}))[0].decode()

    assert 'modicum_dependency_up{dependency="database"} 0.0' in text
    assert "# TYPE modicum_queue_age_seconds gauge" in text
    assert "\nmodicum_queue_age_seconds" not in text


async def test_audits_are_counted_by_every_state(served):
    async with served.store.transaction() as transaction:
        counts = await transaction.audits.count_by_state()

    assert counts == dict.fromkeys(AuditState, 0)
    text, _ = served.metrics.expose(Snapshot(stored=Stored({}, counts, {})))
    assert b'modicum_audits{state="RUNNING"} 0.0' in text
