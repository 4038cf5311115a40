"""The slot's folder: lease, cancel mark, artifacts."""

import os
import threading
import time

import pytest
from modicum_server.handler.failures import TaskFailure
from modicum_server.handler.slot import CANCEL_LOOK_SECONDS, EXIT_CODE, LeaseWatch, Slot


def test_the_process_leaves_when_the_lease_is_not_touched(tmp_path):
    left = threading.Event()
    codes = []

    def leave(code: int) -> None:
        codes.append(code)
        left.set()

    (tmp_path / "lease").touch()

    with LeaseWatch(tmp_path, lease_seconds=0.3, leave=leave):
        assert left.wait(5)

    assert codes == [EXIT_CODE]


def test_a_lease_that_is_touched_keeps_the_process(tmp_path):
    codes = []
    lease = tmp_path / "lease"

    with LeaseWatch(tmp_path, lease_seconds=0.6, leave=codes.append):
        for turn in range(20):
            lease.touch()
            os.utime(lease, ns=(turn, turn))  # an old time that changes is a sign of life all the same
            time.sleep(0.05)

    assert codes == []


def test_a_lease_that_never_was_ends_too(tmp_path):
    left = threading.Event()

    with LeaseWatch(tmp_path, lease_seconds=0.2, leave=lambda _: left.set()):
        assert left.wait(5)


def test_a_cancel_mark_is_seen_and_final(tmp_path):
    slot = Slot(tmp_path)
    assert not slot.cancelled()

    (tmp_path / "cancel").touch()
    time.sleep(CANCEL_LOOK_SECONDS)
    assert slot.cancelled()

    (tmp_path / "cancel").unlink()
    time.sleep(CANCEL_LOOK_SECONDS)
    assert slot.cancelled()


@pytest.mark.parametrize("digest", ["", "../task.binpb", "ab" * 32, "/etc/passwd"])
def test_an_artifact_that_is_not_in_the_slot_is_a_typed_failure(tmp_path, digest):
    (tmp_path / "task.binpb").touch()

    with pytest.raises(TaskFailure) as failure:
        Slot(tmp_path).artifact(digest)

    assert failure.value.reason == "ARTIFACT_MISSING"
