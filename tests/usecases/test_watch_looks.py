"""Watches of one audit read it together, and those of a project with many audits leave turns for other projects."""

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest
from modicum_server.domain.projects import Principal, Role
from modicum_server.errors import AuditNotFound
from modicum_server.settings import Settings
from modicum_server.usecases.turns import Turns
from modicum_server.usecases.watching import LOOKS_OF_PROJECT, Watching, until_common_look

CROWD, OTHER = "projects/crowd", "projects/other"
WATCHER = Principal("eve", {CROWD: Role.VIEWER, OTHER: Role.VIEWER})


class HeldStore:
    """A store without audits, and the changes of them. Reads wait until they are let go; `begun` has their names."""

    def __init__(self) -> None:
        self.begun, self.let_go, self.audits = [], asyncio.Event(), self

    @asynccontextmanager
    async def transaction(self):
        yield self

    @asynccontextmanager
    async def watch(self, _name):
        yield None

    async def get(self, name):
        self.begun.append(name)
        await self.let_go.wait()


@pytest.fixture
async def store():
    return HeldStore()


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def watched(watching: Watching, name: str) -> None:
    with suppress(AuditNotFound):
        await anext(watching.watch(WATCHER, name, 0))


async def test_watches_of_an_audit_share_a_read_that_begins_after_they_came(store):
    watching, name = Watching(store, store, Settings()), f"{CROWD}/audits/one"
    watches = [asyncio.create_task(watched(watching, name)) for _ in range(100)]
    await settled()
    watches += [asyncio.create_task(watched(watching, name)) for _ in range(100)]
    await settled()

    assert store.begun == [name]
    store.let_go.set()
    await asyncio.gather(*watches)
    assert store.begun == [name] * 2


async def test_a_project_with_many_audits_leaves_turns_for_another(store):
    watching = Watching(store, store, Settings())
    names = [f"{CROWD}/audits/{number}" for number in range(50)]
    watches = [asyncio.create_task(watched(watching, name)) for name in names]
    await settled()
    watches.append(asyncio.create_task(watched(watching, f"{OTHER}/audits/one")))
    await settled()

    assert store.begun == [*names[:LOOKS_OF_PROJECT], f"{OTHER}/audits/one"]
    store.let_go.set()
    await asyncio.gather(*watches)
    assert sorted(store.begun) == sorted([*names, f"{OTHER}/audits/one"])


def test_all_watches_of_an_audit_look_at_one_moment_and_those_of_another_at_their_own():
    every, now = 20.0, 1_000_000.0
    moments = {now + later + until_common_look("projects/p/audits/a", every, now + later) for later in (0.0, 1.5, 3.0)}
    other = now + until_common_look("projects/p/audits/b", every, now)

    assert len({round(moment, 6) % every for moment in moments}) == 1
    assert round(other, 6) % every not in {round(moment, 6) % every for moment in moments}
    at = now + until_common_look("projects/p/audits/a", every, now)
    assert until_common_look("projects/p/audits/a", every, at) == pytest.approx(every)


async def test_turns_are_given_in_order_and_a_key_without_one_is_forgotten():
    turns, order = Turns(1), []

    async def turn(number: int) -> None:
        async with turns.taken("key"):
            order.append(number)
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(turn(number)) for number in range(5)]
    await asyncio.sleep(0)
    assert turns.count("key") == 5
    tasks[2].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert order == [0, 1, 3, 4]
    assert turns.count("key") == 0
    assert turns._turns == {}
