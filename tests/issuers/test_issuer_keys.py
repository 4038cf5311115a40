"""Keys are kept, read anew when they rotate, and never asked for more often than is fair."""

import asyncio

import pytest
from modicum_server.issuers.fetching import FetchRefused
from modicum_server.issuers.issuer_keys import FRESH_SECONDS, LONGEST_SECONDS, LOOK_SECONDS, IssuerKeys
from modicum_server.issuers.key_sets import keys_of
from modicum_server.ports import IssuerUnavailable

from tests.issuer import jwk_of, rsa_key
from tests.waiting import until


class Source:
    """Keys by id, with a count of the readings and a clock."""

    def __init__(self) -> None:
        self.ids, self.readings, self.now, self.away = ["one"], 0, 1000.0, False
        self.keys = IssuerKeys("https://issuer.example.org", self.read, clock=lambda: self.now)

    async def read(self):
        self.readings += 1
        await asyncio.sleep(0)
        if self.away:
            raise FetchRefused("away")
        return keys_of({"keys": [jwk_of(rsa_key(), key_id) for key_id in self.ids]})

    async def has(self, key_id: str) -> bool:
        return await self.keys.find(key_id) is not None

    async def has_read(self) -> None:
        """Wait for the end of a reading that nobody waits for."""
        await until(lambda: self.keys._looking is None, "the reading")


async def test_callers_at_once_share_one_reading_and_later_ones_need_none():
    source = Source()

    assert all(await asyncio.gather(*(source.has("one") for _ in range(20))))
    assert await source.has("one")

    assert source.readings == 1


async def test_invented_ids_lead_to_one_reading_in_half_a_minute():
    source = Source()
    await source.has("one")

    assert not any([await source.has(f"invented {number}") for number in range(50)])
    assert source.readings == 1
    source.now += LOOK_SECONDS
    assert not any([await source.has(f"invented {number}") for number in range(50)])

    assert source.readings == 2


async def test_a_new_key_is_found_and_an_old_one_is_forgotten():
    source = Source()
    await source.has("one")
    source.ids = ["two"]
    source.now += LOOK_SECONDS

    assert await source.has("two")
    assert not await source.has("one")


async def test_a_key_that_was_taken_back_is_forgotten_though_nobody_asks_for_another():
    source = Source()
    await source.has("one")
    source.ids = []
    source.now += FRESH_SECONDS + 1

    await source.has("one")
    await source.has_read()

    assert not await source.has("one")


async def test_an_issuer_that_is_away_is_survived_for_an_hour_and_no_longer():
    source = Source()
    await source.has("one")
    source.away = True
    source.now += LONGEST_SECONDS - 1
    assert await source.has("one")
    await source.has_read()

    source.now += LOOK_SECONDS
    with pytest.raises(IssuerUnavailable, match="cannot be read now"):
        await source.has("one")


async def test_a_caller_who_leaves_stops_no_reading():
    source = Source()
    impatient = asyncio.create_task(source.has("one"))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)

    assert await source.has("one")
    assert source.readings == 1
