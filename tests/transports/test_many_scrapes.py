"""Scrapes take turns by their callers and share texts, and their tokens are remembered once."""

import asyncio
from contextlib import asynccontextmanager, nullcontext

import pytest
from modicum_server.domain.gauges import ALL_NAMES, NO_NAMES
from modicum_server.domain.projects import Role
from modicum_server.errors import DependencyUnavailable
from modicum_server.metrics.scrapes import PAUSES, Scrapes
from modicum_server.metrics.store_metrics import Snapshot
from modicum_server.settings import Settings
from modicum_server.transports.http import scrapers
from modicum_server.transports.http.scrapers import Scrapers
from modicum_server.usecases.shares import READS_AT_ONCE
from starlette.requests import Request

from tests.clock import Clock
from tests.tokens import add_token
from tests.transports.test_http_door import fetch

SCRAPES = 20
TEAM = "projects/apples"


@pytest.fixture
async def tokens(served) -> tuple[str, str]:
    """Two tokens of one viewer."""
    async with served.store.transaction() as transaction:
        await transaction.projects.create(TEAM, admin="ann")
        for token in ("first", "second"):
            await add_token(transaction, token, principal="vera", project=TEAM, role=Role.VIEWER)
    return "first", "second"


@pytest.mark.parametrize("whose", ["", "first"], ids=["without a token", "of a viewer"])
async def test_many_scrapes_of_a_caller_take_turns(served, tokens, whose, monkeypatch):
    at_once, most = set(), []

    async def counted(_self, accept, sight, turn):
        mark = object()
        async with turn:
            at_once.add(mark)
            most.append(len(at_once))
            await asyncio.sleep(0.01)
            at_once.discard(mark)
        return b"", "text/plain"

    monkeypatch.setattr(Scrapes, "expose", counted)
    answers = await asyncio.gather(*(fetch(served, "/metrics", whose) for _ in range(SCRAPES)))

    assert [status for status, _ in answers] == [200] * SCRAPES
    assert max(most) <= READS_AT_ONCE


class Counting:
    """Metrics whose text is the number of texts so far, and takes some time."""

    def __init__(self, clock: Clock) -> None:
        self._made, self._clock = 0, clock

    def expose(self, _snapshot: Snapshot, accept: str) -> tuple[bytes, str]:
        self._made += 1
        self._clock.pass_seconds(0.125)
        return f"{self._made}".encode(), accept


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def scraping(served, clock, tmp_path, monkeypatch) -> Scrapes:
    async def read(_self) -> Snapshot:
        return Snapshot()

    async def pause(seconds: float) -> None:
        clock.pass_seconds(max(seconds, 0))

    monkeypatch.setattr(Scrapes, "read", read)
    settings = Settings(artifacts_url=str(tmp_path))
    return Scrapes(served.store, None, None, settings=settings, metrics=Counting(clock), clock=clock, pause=pause)


async def test_scrapes_of_the_same_names_share_a_text_that_is_begun_after_them(scraping):
    together = await asyncio.gather(*(scraping.expose("", ALL_NAMES, nullcontext()) for _ in range(SCRAPES)))
    later = await scraping.expose("text/html", ALL_NAMES, nullcontext())
    others = (
        await scraping.expose("", NO_NAMES, nullcontext()),
        await scraping.expose("application/openmetrics-text", NO_NAMES, nullcontext()),
    )

    assert {text for text, _ in together} == {b"1"}
    assert later[0] == b"2"
    assert [text for text, _ in others] == [b"3", b"4"]


async def test_a_text_is_made_in_a_turn_that_nobody_holds_while_it_waits(scraping, clock):
    taken = []

    @asynccontextmanager
    async def turn():
        taken.append(clock.now)
        yield

    for _ in range(2):
        await scraping.expose("", ALL_NAMES, turn())

    assert taken == [0, 0.125 + PAUSES * 0.125]


async def test_a_text_waits_some_times_as_long_as_the_one_before_took(scraping, clock):
    await scraping.expose("", ALL_NAMES, nullcontext())
    await scraping.expose("", NO_NAMES, nullcontext())
    assert clock.now == 2 * 0.125

    await scraping.expose("", ALL_NAMES, nullcontext())

    assert clock.now == 0.125 + PAUSES * 0.125 + 0.125


async def test_a_token_that_is_spelled_in_many_ways_is_forgotten_whole(served, tokens, monkeypatch):
    async def away(*_, **__):
        raise DependencyUnavailable

    spellings = ("Bearer first", "bearer first", "bEaReR  first")
    for header in spellings:
        assert (await fetch(served, "/metrics", Authorization=header))[0] == 200
    async with served.store.transaction() as transaction:
        await transaction.access.revoke("vera")
    refused = (await fetch(served, "/metrics", Authorization=spellings[0]))[0]
    monkeypatch.setattr(scrapers, "authenticate", away)

    assert refused == 401
    assert [(await fetch(served, "/metrics", Authorization=header))[0] for header in spellings] == [503] * 3


async def test_while_the_database_is_away_so_many_tokens_are_remembered(served, tokens, monkeypatch):
    async def away(*_, **__):
        raise DependencyUnavailable

    admitting = Scrapers(served.store, names_on_loopback=False, most_remembered=1)
    first, second = map(scrape_with, tokens)
    await admitting.admit(first)
    seen = await admitting.admit(second)
    monkeypatch.setattr(scrapers, "authenticate", away)

    with pytest.raises(DependencyUnavailable):
        await admitting.admit(first)
    assert await admitting.admit(second) == seen


def scrape_with(token: str) -> Request:
    headers = [(b"authorization", f"Bearer {token}".encode())]
    return Request({"type": "http", "headers": headers, "client": ("192.0.2.1", 9)})
