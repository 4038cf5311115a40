"""Reports: how many are open at once, their pieces by turns, and what one that waits keeps."""

import asyncio
from contextlib import AsyncExitStack, aclosing

import pytest
from modicum_server.errors import ShareExceeded
from modicum_server.reports.renderer import Renderer
from modicum_server.usecases.reports import ReportFormat, Reports
from modicum_server.usecases.threads_in_turn import ThreadsInTurn

from tests.usecases.usecases_stage import ADMIN, AUDITOR, VIEWER
from tests.waiting import until

OF_PRINCIPAL, OF_PROJECT = 2, 3


@pytest.fixture
def reports(place) -> Reports:
    """Reports of a server that lets few be open."""
    limits = {"max_reports_per_principal": OF_PRINCIPAL, "max_reports_per_project": OF_PROJECT}
    settings = place.settings.model_copy(update=limits)
    return Reports(place.store, place.artifact_store, Renderer(), place.report_threads, settings=settings)


async def first_piece(reports: Reports, principal, audit: str, held: AsyncExitStack) -> bytes:
    """Begin a report, which stays open."""
    report = await reports.render(principal, audit, ReportFormat.JSON)
    return await anext(await held.enter_async_context(aclosing(report.pieces)))


async def test_open_reports_of_a_principal_and_of_a_project_are_limited(reports, audited):
    audit = await audited()

    async with AsyncExitStack() as held:
        for _ in range(OF_PRINCIPAL):
            assert await first_piece(reports, VIEWER, audit, held)
        with pytest.raises(ShareExceeded, match="vera may have at most 2 open reports"):
            await first_piece(reports, VIEWER, audit, held)
        assert await first_piece(reports, AUDITOR, audit, held)
        with pytest.raises(ShareExceeded, match="projects/default may have at most 3 open reports"):
            await first_piece(reports, ADMIN, audit, held)

    async with AsyncExitStack() as held:
        assert await first_piece(reports, ADMIN, audit, held)


@pytest.mark.parametrize("form", ReportFormat)
async def test_a_report_that_waits_for_its_thread_has_read_nothing(place, audited, monkeypatch, form):
    audit, threads, read, busy = await audited(), ThreadsInTurn("reports", 1), [], asyncio.Event()
    reports = Reports(place.store, place.artifact_store, Renderer(), threads, settings=place.settings)
    reading = place.artifact_store.read

    def noted(digest: str, **options):
        read.append(digest)
        return reading(digest, **options)

    monkeypatch.setattr(place.artifact_store, "read", noted)
    monkeypatch.setattr(Renderer, "html", lambda *_, **__: b"a page")
    others = asyncio.create_task(threads.run_on(VIEWER, lambda: _when(busy), bytes))
    report = await reports.render(VIEWER, audit, form)

    async with aclosing(report.pieces) as pieces:
        waiting = asyncio.create_task(anext(pieces))
        await until(lambda: threads._turns._of_principals.count(VIEWER.share) == 2, "the report to wait for its turn")
        assert read == []
        busy.set()
        assert await waiting
        assert read

    assert await others == b""


async def _when(free: asyncio.Event) -> bytes:
    await free.wait()
    return b""
