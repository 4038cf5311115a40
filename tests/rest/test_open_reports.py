"""Open reports at both doors: one too many is refused before a status is sent."""

import asyncio
import threading

import grpc
import pytest
from modicum_server.settings import Settings
from modicum_server.usecases.reports import Reports

from tests.rest.rest_stage import PATIENCE_SECONDS, TOKENS
from tests.rest.two_doors import by_grpc
from tests.waiting import until


@pytest.fixture
def settings(settings) -> Settings:
    return settings.model_copy(update={"max_reports_per_principal": 1})


async def test_one_open_report_too_many_is_refused_with_a_time_to_wait(served, monkeypatch):
    audit, begun, free, begin = await served.audit(), threading.Event(), threading.Event(), Reports._begun
    await served.succeed(audit)

    def slowly(reports: Reports, *args: object) -> object:
        begun.set()
        assert free.wait(PATIENCE_SECONDS)
        return begin(reports, *args)

    monkeypatch.setattr(Reports, "_begun", slowly)
    rest, path = served.rest("viewer"), f"/v1/{audit}:report?format=json"
    first = asyncio.create_task(rest.ask("GET", path))
    await until(begun.is_set, "the first report to begin")

    refused = await rest.ask("GET", path)
    through_grpc = await by_grpc(served.channel, TOKENS["viewer"], "GetAuditReport", {"name": audit})
    free.set()

    assert (refused.status, refused.reason, refused.headers["Retry-After"]) == (429, "SHARE_EXCEEDED", "1")
    assert "viewer may have at most 1 open reports" in refused.json["detail"]
    assert (through_grpc.code, through_grpc.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "SHARE_EXCEEDED")
    assert (await first).status == 200
    assert (await rest.ask("GET", path)).status == 200
