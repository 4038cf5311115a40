"""Uploads and reports take turns where they need the database, so that a crowd of one project leaves it to others."""

import asyncio
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
from modicum_server.errors import AuditNotFound
from modicum_server.usecases.artifacts import ADDS_OF_PROJECT, GETS_OF_PROJECT
from modicum_server.usecases.audits import Audits
from modicum_server.usecases.reports import ReportFormat
from modicum_server.usecases.shares import READS_AT_ONCE

from tests.usecases.test_project_limits import bytes_of, upload
from tests.usecases.usecases_stage import PROJECT, VIEWER

CROWD = 40


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
