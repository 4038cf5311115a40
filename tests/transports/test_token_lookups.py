"""Many calls at once with one token are looked up together, and those of other tokens do not wait for them."""

import asyncio
from itertools import pairwise

import pytest
from modicum_server.domain.projects import Principal
from modicum_server.errors import ShareExceeded, TokenInvalid
from modicum_server.transports.token_lookups import FOUND_AT_ONCE, MOST_WAITING, TokenLookups


class Database:
    """Tokens that are good, and the lookups that began. Each waits until it is let go."""

    def __init__(self, *good: str) -> None:
        self.good, self.begun, self.let_go = set(good), [], asyncio.Event()
        self.lookups = TokenLookups(self.look)

    async def look(self, token: str) -> Principal:
        self.begun.append(token)
        found = token in self.good
        await self.let_go.wait()
        if not found:
            raise TokenInvalid
        return Principal(token, {})

    def call(self, token: str, seconds: float = 60.0) -> "asyncio.Task[Principal]":
        return asyncio.create_task(self.lookups.principal(token, seconds))


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_many_calls_of_a_token_take_two_lookups_and_another_token_gets_its_own_at_once():
    database = Database("crowd", "single")
    first = database.call("crowd")
    await settled()
    crowd = [database.call("crowd") for _ in range(100)]
    await settled()
    single = database.call("single")
    await settled()

    assert database.begun == ["crowd", "single"]
    database.let_go.set()
    assert {one.name for one in await asyncio.gather(first, *crowd)} == {"crowd"}
    assert (await single).name == "single"
    assert database.begun == ["crowd", "single", "crowd"]


async def test_a_call_shares_no_lookup_that_began_before_it_came():
    database = Database("token")
    before = database.call("token")
    await settled()
    database.good.clear()  # the token is revoked

    after = database.call("token")
    await settled()
    database.let_go.set()

    assert (await before).name == "token"
    with pytest.raises(TokenInvalid):
        await after


async def test_calls_beyond_those_that_may_wait_are_refused_without_a_lookup():
    database = Database("crowd")
    crowd = [database.call("crowd") for _ in range(MOST_WAITING + 3)]
    await settled()

    refused = [task.exception() for task in crowd if task.done()]

    assert [type(one) for one in refused] == [ShareExceeded] * 3
    assert f"more than {MOST_WAITING} calls with this token came at once" in str(refused[0])
    database.let_go.set()
    outcomes = await asyncio.gather(*crowd, return_exceptions=True)
    assert sum(isinstance(one, Principal) for one in outcomes) == MOST_WAITING
    assert not database.lookups._waiting


async def test_a_call_that_waits_too_long_or_leaves_gives_up_its_place_and_the_others_get_their_answer():
    database = Database("token")
    staying, leaving = database.call("token"), database.call("token")
    await settled()
    leaving.cancel()

    with pytest.raises(TimeoutError):
        await database.call("token", 0.01)

    database.let_go.set()
    assert (await staying).name == "token"
    await asyncio.gather(leaving, return_exceptions=True)
    await settled()
    assert not database.lookups._waiting
    assert not database.lookups._lookups._running


async def test_calls_of_a_crowd_go_on_a_few_at_a_time_once_their_token_is_looked_up():
    database = Database("crowd")
    crowd = [database.call("crowd") for _ in range(20 * FOUND_AT_ONCE)]
    await settled()
    database.let_go.set()

    done = [0]
    while done[-1] < len(crowd):
        await asyncio.sleep(0)
        done.append(sum(task.done() for task in crowd))

    assert max(after - before for before, after in pairwise(done)) <= FOUND_AT_ONCE
