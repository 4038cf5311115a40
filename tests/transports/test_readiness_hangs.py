"""A dependency that hangs: the answer comes in time all the same, and it is asked once."""

import asyncio

from modicum_server.transports.readiness import Readiness


class Dependency:
    """A store and an artifact store of which one question waits for the gate."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.asked = 0

    async def ping(self) -> None:
        self.asked += 1
        await self.gate.wait()

    async def require_schema(self) -> None:
        """It is current."""


async def test_a_question_that_hangs_is_answered_with_no_in_time_and_not_asked_again_meanwhile():
    dependency, well = Dependency(), Dependency()
    well.gate.set()
    checked = Readiness(well, dependency, ping_seconds=0.01)

    answers = [await checked.check() for _ in range(3)]

    assert answers == [{"database": True, "schema": True, "artifact_store": False}] * 3
    assert dependency.asked == 1


async def test_a_question_that_hung_is_asked_again_once_it_has_ended():
    dependency, well = Dependency(), Dependency()
    well.gate.set()
    checked = Readiness(well, dependency, ping_seconds=0.5)
    await checked.check()

    dependency.gate.set()
    await asyncio.sleep(0)

    assert all((await checked.check()).values())
