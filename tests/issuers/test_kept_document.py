"""A document is kept for a while, read once for all who wait, and outlives a provider that is away for a moment."""

import asyncio
import re

import pytest
from modicum_server.issuers.fetching import FetchRefused
from modicum_server.issuers.issuer_keys import FRESH_SECONDS, LONGEST_SECONDS
from modicum_server.issuers.kept_document import PAUSE_SECONDS, KeptDocument


class Source:
    """A document that says how often it was read, with a clock. A reading takes as long as `slow`."""

    def __init__(self) -> None:
        self.readings, self.now, self.away, self.slow = 0, 1000.0, False, asyncio.Event()
        self.slow.set()
        self.document = KeptDocument(self.read, clock=lambda: self.now)

    async def read(self):
        self.readings += 1
        await self.slow.wait()
        if self.away:
            raise FetchRefused("away")
        return {"reading": self.readings}


async def test_all_who_ask_while_it_is_read_share_one_reading_however_long_it_takes():
    source = Source()
    source.slow.clear()
    first = asyncio.create_task(source.document.get())
    await asyncio.sleep(0)
    source.now += 2 * PAUSE_SECONDS
    later = asyncio.create_task(source.document.get())
    await asyncio.sleep(0)
    source.slow.set()

    assert [await first, await later] == [{"reading": 1}] * 2


async def test_an_old_document_is_read_anew_behind_whoever_asks():
    source = Source()
    await source.document.get()
    source.now += FRESH_SECONDS + 1

    old = await source.document.get()
    await asyncio.sleep(0)

    assert (old, await source.document.get()) == ({"reading": 1}, {"reading": 2})


async def test_a_document_outlives_a_provider_that_is_away_for_less_than_an_hour():
    source = Source()
    await source.document.get()
    source.away = True
    source.now += LONGEST_SECONDS - 1
    during = await source.document.get()
    source.now += 2 + PAUSE_SECONDS

    with pytest.raises(FetchRefused, match=re.escape("cannot be read now")):
        await source.document.get()

    assert during == {"reading": 1}


async def test_a_provider_that_fails_is_asked_again_after_a_pause_alone():
    source = Source()
    source.away = True
    for _ in range(5):
        with pytest.raises(FetchRefused):
            await source.document.get()
    before, source.away = source.readings, False
    source.now += PAUSE_SECONDS

    assert (before, await source.document.get()) == (1, {"reading": 2})


async def test_whoever_leaves_ends_no_reading_of_others():
    source = Source()
    source.slow.clear()
    leaving, staying = (asyncio.create_task(source.document.get()) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    source.slow.set()

    assert await staying == {"reading": 1}
