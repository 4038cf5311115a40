"""A server waits for one that is leaving its data folder, and says so where it takes too long."""

import fcntl

import pytest
from modicum_server.local import folder
from modicum_server.local.folder import DataFolder, FolderInUse, ServerAddresses


@pytest.fixture
def taken(tmp_path):
    """A data folder, and the lock by which another server holds it."""
    with (tmp_path / "server.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield DataFolder(tmp_path), lock


def test_a_server_that_announces_its_address_is_not_waited_for(taken):
    held, _ = taken
    held.announce(ServerAddresses(1, "127.0.0.1:7400", "127.0.0.1:7401", "2026-01-01"))

    with pytest.raises(FolderInUse, match="a server already runs in"), held.held():
        pass


def test_a_server_that_announces_none_is_waited_for(taken, monkeypatch):
    held, lock = taken
    monkeypatch.setattr(folder.time, "sleep", lambda _: fcntl.flock(lock, fcntl.LOCK_UN))

    with held.held():
        assert lock.fileno()


def test_a_server_that_takes_too_long_to_leave_is_told(taken):
    held, _ = taken

    with pytest.raises(FolderInUse, match="a server is starting or stopping in"), held.held(leaving_seconds=0):
        pass
