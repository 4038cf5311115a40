"""Threads that wait for the event loop: they alone may, they give up for a caller that is gone, and keep their turn."""

import ast
import asyncio
import io
import os
import threading
from contextlib import asynccontextmanager
from pathlib import Path

import modicum_server
import pytest
from modicum_server.domain.findings import Finding
from modicum_server.measures import write_findings
from modicum_server.usecases.stored_results import findings_beside
from modicum_server.usecases.waiting_threads import GivenUp, WaitingThreads, current_work

PATIENCE_SECONDS = 60
SERVER = Path(modicum_server.__file__).parent
WAITING = "usecases/waiting_threads.py"
READING = "artifacts/threads.py"


@pytest.fixture
def threads():
    made = WaitingThreads("test", 1)
    yield made
    made.close()


async def answer() -> str:
    return "the loop's answer"


class Held:
    """A turn, and whether it was given back."""

    def __init__(self) -> None:
        self.free = asyncio.Event()

    @asynccontextmanager
    async def taken(self):
        try:
            yield
        finally:
            self.free.set()


async def test_a_thread_waits_for_what_the_loop_does(threads):
    assert await threads.run(lambda: current_work().waited(answer)) == "the loop's answer"


async def test_no_thread_of_the_loop_s_own_pool_may_wait_for_the_loop(threads):
    await threads.run(lambda: None)

    with pytest.raises(AssertionError, match="only a thread of WaitingThreads"):
        await asyncio.to_thread(current_work)


def test_nothing_else_in_the_server_waits_for_the_loop_or_reads_artifacts_in_its_pool():
    """Of what is called, by file: the rules that keep every thread that the loop needs free."""
    called = {
        (node.attr, path.relative_to(SERVER).as_posix())
        for path in SERVER.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Attribute)
    }

    waits = {file for name, file in called if name == "run_coroutine_threadsafe"}
    reads = {file for name, file in called if name in {"to_thread", "run_in_executor"} and file.startswith("artifacts")}
    assert waits == {WAITING}
    assert reads == {READING}


async def test_what_waits_for_a_caller_that_is_gone_ends_and_frees_its_turn(threads):
    waits, held, ended = asyncio.Event(), Held(), []

    async def forever() -> None:
        waits.set()
        await asyncio.Event().wait()

    def wait() -> None:
        try:
            current_work().waited(forever)
        except GivenUp:
            ended.append(True)
            raise

    asking = asyncio.create_task(threads.run(wait, turn=held.taken()))
    await waits.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    async with asyncio.timeout(PATIENCE_SECONDS):
        await held.free.wait()
    assert await threads.run(lambda: "next") == "next"
    assert ended == [True]


async def test_what_has_begun_holds_its_turn_until_its_thread_is_free(threads):
    begun, may_end, held = threading.Event(), threading.Event(), Held()

    def work() -> None:
        begun.set()
        may_end.wait(PATIENCE_SECONDS)

    asking = asyncio.create_task(threads.run(work, turn=held.taken()))
    await asyncio.to_thread(begun.wait, PATIENCE_SECONDS)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not held.free.is_set()
    may_end.set()

    async with asyncio.timeout(PATIENCE_SECONDS):
        await held.free.wait()


async def test_what_has_not_begun_never_begins_for_a_caller_that_is_gone(threads):
    begun, may_end, done = threading.Event(), threading.Event(), []

    def hold() -> None:
        begun.set()
        may_end.wait(PATIENCE_SECONDS)

    first = asyncio.create_task(threads.run(hold))
    await asyncio.to_thread(begun.wait, PATIENCE_SECONDS)
    second = asyncio.create_task(threads.run(lambda: done.append("second")))
    third = asyncio.create_task(threads.run(lambda: done.append("third")))
    await asyncio.sleep(0)
    second.cancel()
    may_end.set()
    await asyncio.gather(first, third)

    assert done == ["third"]


async def test_a_thread_reads_the_findings_as_often_as_it_wants(place, threads):
    written = [Finding(number, os.urandom(200).hex(), "ab" * 32, "a version", 0) for number in range(3_000)]
    packed = io.BytesIO()
    write_findings(written, packed)
    digest = await place.artifact_store.put(packed.getvalue())
    findings = findings_beside(place.artifact_store, {"findings": {"digest": digest}})

    first, second = await threads.run(lambda: (list(findings), next(iter(findings))))

    assert first == written
    assert second == first[0]
