"""The slot's folder: lease, cancel mark, artifacts."""

import os
import threading

import pytest
from modicum_server.model_process.failure_reasons import TaskFailure
from modicum_server.model_process.slot import CANCEL_LOOK_SECONDS, EXIT_CODE, LEASE_SECONDS, LeaseWatch, Slot

from tests.clock import Clock


def test_the_process_leaves_when_the_lease_is_not_touched(tmp_path):
    left = threading.Event()
    codes = []

    def leave(code: int) -> None:
        codes.append(code)
        left.set()

    (tmp_path / "lease").touch()

    with LeaseWatch(tmp_path, lease_seconds=0.3, leave=leave).watching():
        assert left.wait(60)

    assert codes == [EXIT_CODE]


def test_a_lease_expires_when_it_was_not_touched_for_its_time(tmp_path):
    clock = Clock()
    (tmp_path / "lease").touch()
    watch = LeaseWatch(tmp_path, clock=clock)

    clock.pass_seconds(LEASE_SECONDS - 1)
    assert not watch.expired()

    clock.pass_seconds(1)
    assert watch.expired()


def test_a_lease_that_is_touched_does_not_expire(tmp_path):
    clock = Clock()
    lease = tmp_path / "lease"
    lease.touch()
    watch = LeaseWatch(tmp_path, clock=clock)

    for turn in range(5):
        clock.pass_seconds(LEASE_SECONDS - 1)
        os.utime(lease, ns=(turn, turn))  # an old time that changes is a sign of life all the same
        assert not watch.expired()


def test_a_lease_that_never_was_ends_too(tmp_path):
    clock = Clock()
    watch = LeaseWatch(tmp_path, clock=clock)

    clock.pass_seconds(LEASE_SECONDS)

    assert watch.expired()


def test_a_cancel_mark_is_seen_and_final(tmp_path):
    clock = Clock()
    slot = Slot(tmp_path, clock=clock)
    assert not slot.cancelled()

    (tmp_path / "cancel").touch()
    clock.pass_seconds(CANCEL_LOOK_SECONDS)
    assert slot.cancelled()

    (tmp_path / "cancel").unlink()
    clock.pass_seconds(CANCEL_LOOK_SECONDS)
    assert slot.cancelled()


@pytest.mark.parametrize("digest", ["", "../task.binpb", "ab" * 32, "/etc/passwd"])
def test_an_artifact_that_is_not_in_the_slot_is_a_typed_failure(tmp_path, digest):
    (tmp_path / "task.binpb").touch()

    with pytest.raises(TaskFailure) as failure:
        Slot(tmp_path).artifact(digest)

    assert failure.value.reason == "ARTIFACT_MISSING"
