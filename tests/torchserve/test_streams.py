"""Streams of a real TorchServe with the probing handler: what goes well, what goes wrong, what comes back after."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Iterator

import pytest
from modicum_server.domain.tasks import TaskFinished, TaskHeartbeat, TaskStarted
from modicum_server.model_server import ModelDied, ModelHung, ModelOutOfMemory, ModelServerDown, TaskFailed

from tests.tiers import long
from tests.torchserve.torchserve_stage import DIGEST, Never, RunningTask, heard, task

HANG_SECONDS = 3

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio(loop_scope="module")]


def said(events):
    return [json.loads(event.phase) for event in events if isinstance(event, TaskHeartbeat)]


async def pid_of(server, slot="slot0"):
    running = await server._supervisor.ready(30)
    return running.model_process(slot).pid


@contextlib.contextmanager
def hurried(server) -> Iterator[None]:
    """Tasks that begin within the block count as hung soon: those of other tests may be slow on a loaded machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "_settings", server._settings.model_copy(update={"hang_seconds": HANG_SECONDS}))
        yield


async def test_a_task_is_heard_from_its_start_to_its_end(server):
    events = await heard(server, "stream")

    assert isinstance(events[0], TaskStarted)
    assert said(events) == ["searching"] * 3
    assert events[-1] == TaskFinished(passes_done=7, chunk_size=4)


async def test_the_handler_finds_task_artifacts_and_lease_in_its_slot(server):
    (facts,) = said(await heard(server, "look"))

    assert facts == {
        "files": ["artifacts", f"artifacts/{DIGEST}", "lease", "task.binpb"],
        "bytes": "weights",
        "threads": 1,
    }


@pytest.mark.long
async def test_the_lease_is_touched_while_the_task_runs(server):
    assert said(await heard(server, "lease")) == [True]


async def test_the_slot_is_empty_after_the_task(server, run_folder):
    await heard(server, "stream")

    assert list((run_folder / "slot0").iterdir()) == []


async def test_two_slots_run_at_once(server):
    both = await asyncio.gather(heard(server, "stream", slot=0), heard(server, "stream", slot=1))

    assert all(isinstance(events[-1], TaskFinished) for events in both)
    assert await pid_of(server, "slot0") != await pid_of(server, "slot1")


async def test_a_second_task_waits_for_the_slot(server):
    both = await asyncio.gather(heard(server, "stream"), heard(server, "stream"))

    assert all(isinstance(events[-1], TaskFinished) for events in both)


@pytest.mark.parametrize("what", ["killed", long("crash")])
async def test_the_death_of_a_model_process_is_told_and_the_next_task_runs(server, what):
    # TorchServe tells a killed process from one that ended only when it sees the exit status in time
    with pytest.raises((ModelDied, ModelOutOfMemory) if what == "killed" else ModelDied):
        await heard(server, what)

    assert isinstance((await heard(server, "stream"))[-1], TaskFinished)


async def test_an_exception_of_the_handler_is_no_fault_of_the_model(server):
    with pytest.raises(TaskFailed) as caught:
        await heard(server, "escape")

    assert (caught.value.task_reason, caught.value.model_at_fault) == ("HANDLER_BUG", False)


async def test_chunks_of_another_attempt_are_dropped(server):
    events = await heard(server, "stale")

    assert [event for event in events if isinstance(event, TaskHeartbeat)] == []
    assert isinstance(events[-1], TaskFinished)


async def test_a_gap_in_the_sequence_is_a_death_and_the_next_task_runs(server):
    with pytest.raises(ModelDied):
        await heard(server, "gap")

    assert isinstance((await heard(server, "stream"))[-1], TaskFinished)


@pytest.mark.parametrize("what", ["hang", long("silence")])
@pytest.mark.long
async def test_a_task_without_progress_is_hung_its_process_is_replaced(server, what):
    before = await pid_of(server)

    with hurried(server), pytest.raises(ModelHung):
        await heard(server, what)

    assert await pid_of(server) != before
    assert isinstance((await heard(server, "stream"))[-1], TaskFinished)


@pytest.mark.long
async def test_a_check_that_reports_progress_for_ever_is_given_up_and_its_process_replaced(server):
    before = await pid_of(server)

    with hurried(server), pytest.raises(ModelHung):
        await heard(server, "dawdle")

    assert await pid_of(server) != before
    assert isinstance((await heard(server, "stream"))[-1], TaskFinished)


@pytest.mark.long
async def test_a_worker_that_was_stopped_for_long_does_not_blame_the_model(server):
    before = await pid_of(server)
    with hurried(server):
        task = RunningTask(server, "obey")
        await task.computes()

    stop_us = f"kill -STOP {os.getpid()}; sleep {HANG_SECONDS + 1}; kill -CONT {os.getpid()}"
    await (await asyncio.create_subprocess_exec("sh", "-c", stop_us)).wait()
    await task.computes()
    task.cancelled.set()

    assert isinstance((await task.events)[-1], TaskFinished)
    assert await pid_of(server) == before


async def test_a_cancelled_task_that_obeys_keeps_its_process(server):
    before = await pid_of(server)
    task = RunningTask(server, "obey")
    await task.computes()

    task.cancelled.set()

    assert isinstance((await task.events)[-1], TaskFinished)
    assert await pid_of(server) == before


@pytest.mark.long
async def test_a_cancelled_task_that_does_not_obey_is_killed(server):
    before = await pid_of(server)
    task = RunningTask(server, "ignore")
    await task.computes()

    task.cancelled.set()
    with pytest.raises(TaskFailed) as caught:
        await task.events

    assert caught.value.task_reason == "CANCELLED"
    assert await pid_of(server) != before
    assert isinstance((await heard(server, "stream"))[-1], TaskFinished)


@pytest.mark.parametrize("what", ["obey", long("ignore")])
@pytest.mark.long
async def test_closing_the_iterator_frees_the_slot(server, what):
    events = server.run(0, task(what), Never())
    await anext(events)

    await events.aclose()

    assert isinstance((await heard(server, "stream"))[-1], TaskFinished)


@pytest.mark.long
async def test_cancelling_the_reader_frees_the_slot(server):
    task = RunningTask(server, "ignore")
    await task.computes()

    task.events.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task.events

    assert isinstance((await heard(server, "stream"))[-1], TaskFinished)


@pytest.mark.long
async def test_a_killed_torchserve_is_told_comes_back_and_leaves_no_orphan(server):
    running = await server._supervisor.ready(30)
    orphan = running.model_process("slot0")
    task = RunningTask(server, "ignore")
    await task.computes()

    os.kill(running.process.pid, signal.SIGKILL)
    with pytest.raises(ModelServerDown):
        await task.events

    assert isinstance((await heard(server, "stream"))[-1], TaskFinished)
    assert not orphan.alive
    assert not running.folder.path.exists()


@pytest.mark.long
async def test_a_frozen_torchserve_is_replaced(server):
    running = await server._supervisor.ready(30)
    os.kill(running.process.pid, signal.SIGSTOP)

    with hurried(server), pytest.raises((ModelServerDown, ModelHung)):
        await heard(server, "stream")

    assert isinstance((await heard(server, "stream"))[-1], TaskFinished)
    assert not running.process.alive
