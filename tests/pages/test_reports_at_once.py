"""Reports, reviews, judgements and their pages, all at once, over a loop whose own pool has a single thread."""

import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from modicum.v1 import audit_service_pb2, audit_service_pb2_grpc

from tests.pages.pages_stage import PATIENCE_SECONDS, PROJECT, TOKENS, Scene
from tests.pages.test_page_findings import by_halves
from tests.reports.spot_rows import FINDINGS, rows

POLICY = """version: 1
preset: report-only
baseline: {file: main.json}
rules: {accuracy: {max_regression: 0.05}}
"""
FORMS = ("html", "json", "canvas")
OF_EACH = 3
AUDIT = f"{PROJECT}/audits/at-once"


@pytest.fixture(scope="module")
def audited(scene: Scene) -> str:
    """An audit whose report has pictures of copied spots."""
    version = scene.run(scene.model("at-once"))
    audit = scene.run(scene.audit("at-once", version, scene.run(scene.dataset("at-once", count=len(FINDINGS)))))
    (spots,) = rows().values()
    scene.run(scene.succeed(audit, changes=by_halves, spots=spots))
    return audit.name


@pytest.fixture
def one_thread(scene: Scene) -> Iterator[None]:
    """The loop of the API has one thread in its own pool: whatever waits there for the loop waits for ever."""
    scene.loop.call_soon_threadsafe(scene.loop.set_default_executor, ThreadPoolExecutor(1))
    yield
    scene.loop.call_soon_threadsafe(scene.loop.set_default_executor, ThreadPoolExecutor())


def by_rest(scene: Scene, verb: str, path: str, body: object = None) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", scene.http_port, timeout=PATIENCE_SECONDS)
    try:
        sent = None if body is None else json.dumps(body)
        connection.request(verb, path, sent, {"Authorization": f"Bearer {TOKENS['otto']}"})
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def by_grpc(scene: Scene, form: int) -> int:
    with grpc.insecure_channel(f"127.0.0.1:{scene.grpc_port}") as channel:
        stub = audit_service_pb2_grpc.AuditServiceStub(channel)
        asked = audit_service_pb2.GetAuditReportRequest(name=AUDIT, format=form)
        sent = (("authorization", f"Bearer {TOKENS['otto']}"),)
        assert b"".join(one.data for one in stub.GetAuditReport(asked, timeout=PATIENCE_SECONDS, metadata=sent))
        return 200


def test_every_kind_of_report_at_once_leaves_the_loop_its_thread(scene, audited, one_thread):
    browser, verdict = scene.browser("vera"), scene.pictured
    judged = {"policy": POLICY, "baseline": audited}
    asked = [
        *(lambda form=form: by_rest(scene, "GET", f"/v1/{audited}:report?format={form}") for form in FORMS),
        *(lambda form=form: by_grpc(scene, form) for form in (1, 2, 3)),
        lambda: by_rest(scene, "POST", f"/v1/{audited}:judge", judged),
        lambda: by_rest(scene, "POST", f"/v1/{audited}/reviews", {}),
        *(lambda path=path: browser.get(path).status for path in (f"/{audited}/report", f"/{audited}/report.zip")),
        *(lambda path=path: browser.get(f"/{verdict}{path}").status for path in ("", "/verdict.html", "/spot/0")),
    ]

    with ThreadPoolExecutor(OF_EACH * len(asked)) as callers:
        statuses = [one.result() for one in [callers.submit(ask) for ask in asked * OF_EACH]]

    assert set(statuses) == {200}
    assert by_rest(scene, "GET", "/readyz") == 200
