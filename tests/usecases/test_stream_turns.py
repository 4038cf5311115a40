"""What costs the API much takes turns, so that a crowd of one project leaves the database and the loop to others."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
from modicum_server.errors import AuditNotFound, DatasetEmpty
from modicum_server.usecases.artifacts import ADDS_OF_PROJECT, GETS_OF_PROJECT
from modicum_server.usecases.audits import Audits
from modicum_server.usecases.judging import AskedPolicy
from modicum_server.usecases.reports import ReportFormat
from modicum_server.usecases.request_ids import CreateOptions
from modicum_server.usecases.shares import READS_AT_ONCE

from tests.usecases.test_project_limits import bytes_of, upload
from tests.usecases.usecases_stage import AUDITOR, PROJECT, VIEWER

CROWD = 40
REFUSED = DatasetEmpty()


class AtOnce:
    """How many of something go on at the same time, and how many it were at most."""

    def __init__(self) -> None:
        self.now = self.most = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            yield
        finally:
            self.now -= 1


@pytest.fixture
def at_once() -> AtOnce:
    return AtOnce()


async def test_uploads_of_a_project_open_few_transactions_at_once(place, at_once, monkeypatch):
    transaction = place.store.transaction

    @asynccontextmanager
    async def counted():
        with at_once.one():
            async with transaction() as opened:
                yield opened

    monkeypatch.setattr(place.store, "transaction", counted)

    await asyncio.gather(*(upload(place.artifacts, bytes_of(number)) for number in range(CROWD)))

    assert 1 < at_once.most <= GETS_OF_PROJECT + ADDS_OF_PROJECT


async def test_few_reports_of_a_principal_begin_at_once(place, at_once, monkeypatch):
    async def get(*_: object) -> None:
        with at_once.one():
            await asyncio.sleep(0)
            raise AuditNotFound

    monkeypatch.setattr(Audits, "get", get)
    asked = (place.reports.render(VIEWER, f"{PROJECT}/audits/a", ReportFormat.HTML) for _ in range(CROWD))

    refused = await asyncio.gather(*asked, return_exceptions=True)

    assert {type(one) for one in refused} == {AuditNotFound}
    assert at_once.most == READS_AT_ONCE


@pytest.fixture
def refusing_work(at_once):
    """Some work that is refused after a moment, in a thread of whoever may do it."""

    def work(*_: object, **__: object) -> None:
        assert threading.current_thread() is not threading.main_thread()
        with at_once.one():
            time.sleep(0.01)
            raise REFUSED

    return work


async def test_manifests_of_a_principal_are_read_one_at_a_time_beside_the_loop(
    place, at_once, refusing_work, monkeypatch
):
    monkeypatch.setattr("modicum_server.usecases.datasets.read_manifest", refusing_work)
    manifest = await place.upload(b"a manifest")
    asked = (place.datasets.create(AUDITOR, PROJECT, f"d{number}", manifest, CreateOptions()) for number in range(8))

    refused = await asyncio.gather(*asked, return_exceptions=True)

    assert refused == [REFUSED] * 8
    assert at_once.most == 1


async def test_policies_of_a_principal_are_read_one_at_a_time_beside_the_loop(
    place, at_once, refusing_work, monkeypatch
):
    monkeypatch.setattr("modicum_server.usecases.judging._policy", refusing_work)
    asked = (
        place.judging.judge(AUDITOR, f"{PROJECT}/audits/a", AskedPolicy("version: 1"), CreateOptions())
        for _ in range(8)
    )

    refused = await asyncio.gather(*asked, return_exceptions=True)

    assert refused == [REFUSED] * 8
    assert at_once.most == 1
