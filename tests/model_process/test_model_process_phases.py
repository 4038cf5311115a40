"""A traced task says in its last chunk what its time was spent on; any other says nothing."""

import pytest
from modicum_server.generated.worker_pb2 import CheckWork
from modicum_server.model_process.phase_times import PhaseTimes

from tests.model_process.model_process_stage import (
    BRIGHT_TOP_LEFT,
    Corners,
    items_of,
    kinds,
    png,
    search_work,
    version_of_program,
)

TRACEPARENT = f"00-{'a' * 32}-{'b' * 16}-01"


def search(stage):
    return search_work(items_of(stage, [png(BRIGHT_TOP_LEFT)]))


@pytest.mark.parametrize(
    ("work", "names"),
    [(search, ["load", "prepare", "compute"]), (lambda _stage: CheckWork(), ["load", "compute"])],
)
def test_the_phases_of_a_traced_task_follow_each_other_in_its_last_chunk(stage, work, names):
    chunks = stage.run(version_of_program(stage, Corners()), work(stage), traceparent=TRACEPARENT)

    *others, last = chunks
    assert kinds(chunks)[-1] == "finished"
    assert [phase.name for phase in last.phases] == names
    assert all(0 < phase.start_nanoseconds <= phase.end_nanoseconds for phase in last.phases)
    assert not any(chunk.phases for chunk in others)


def test_a_traced_task_that_fails_has_the_phases_until_then(stage):
    version = version_of_program(stage, Corners())
    getattr(version, version.WhichOneof("source")).digest = "f" * 64

    *_, last = stage.run(version, search(stage), traceparent=TRACEPARENT)

    assert last.HasField("failure")
    assert [phase.name for phase in last.phases] == ["load"]
    assert last.phases[0].end_nanoseconds


def test_a_task_outside_of_any_trace_has_no_phases(stage):
    *_, last = stage.run(version_of_program(stage, Corners()), search(stage))

    assert not last.phases


def test_a_phase_ends_before_the_next_one_begins():
    times = PhaseTimes(now=iter(range(1, 100)).__next__)
    times.begin("load")
    times.begin("compute")

    assert [(each.start_nanoseconds, each.end_nanoseconds) for each in times.end()] == [(1, 2), (3, 4)]
    assert times.end() == times.end()
