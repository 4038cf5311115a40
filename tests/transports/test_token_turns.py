"""Many calls at once with one token wait for each other, and those of other tokens do not wait for them."""

import asyncio

import pytest
from modicum_server.errors import ShareExceeded
from modicum_server.transports.token_turns import AT_ONCE, WAITING, TokenTurns


class Calls:
    """Calls that hold their turn until they are let go."""

    def __init__(self) -> None:
        self.turns, self.begun, self.let_go = TokenTurns(), [], asyncio.Event()

    async def call(self, token: str) -> None:
        async with self.turns.taken(token, 60.0):
            self.begun.append(token)
            await self.let_go.wait()


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_of_many_calls_of_a_token_few_are_looked_up_and_another_token_gets_its_turn_at_once():
    calls = Calls()
    crowd = [asyncio.create_task(calls.call("crowd")) for _ in range(100)]
    await settled()
    single = asyncio.create_task(calls.call("single"))
    await settled()

    assert calls.begun == ["crowd"] * AT_ONCE + ["single"]
    calls.let_go.set()
    await asyncio.gather(*crowd, single)
    assert len(calls.begun) == 101
    assert calls.turns._turns == {}


async def test_calls_beyond_those_that_wait_are_refused_without_a_look():
    calls = Calls()
    crowd = [asyncio.create_task(calls.call("crowd")) for _ in range(AT_ONCE + WAITING + 3)]
    await settled()

    refused = [task.exception() for task in crowd if task.done()]

    assert [type(one) for one in refused] == [ShareExceeded] * 3
    assert "more than 208 calls with this token came at once" in str(refused[0])
    calls.let_go.set()
    await asyncio.gather(*crowd, return_exceptions=True)
    assert len(calls.begun) == AT_ONCE + WAITING


async def test_a_call_without_a_turn_in_its_time_is_refused_and_a_cancelled_one_gives_up_its_place():
    calls = Calls()
    holding = [asyncio.create_task(calls.call("crowd")) for _ in range(AT_ONCE)]
    await settled()
    cancelled = asyncio.create_task(calls.call("crowd"))
    await settled()
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)

    with pytest.raises(ShareExceeded, match=r"waited 0\.01 s for its turn"):
        async with calls.turns.taken("crowd", 0.01):
            pass

    calls.let_go.set()
    await asyncio.gather(*holding)
    assert calls.turns._turns == {}
