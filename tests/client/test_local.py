"""The local server: started once, kept while it is used, stopped when it is not."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from modicum import Client, errors, local
from modicum.client import resolved
from modicum.endpoints import Endpoint, parsed_endpoint

from tests.waiting import eventually

STAND_IN = Path(__file__).with_name("local_server_stand_in.py")
ATTACHING = f"""
import sys, time
from pathlib import Path
from modicum import local
from modicum.client import resolved
local._program = lambda: [sys.executable, {str(STAND_IN)!r}]
held = local.attach(Path(sys.argv[1]))
print(held.endpoint.target, flush=True)
time.sleep(60)
"""


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "_program", lambda: [sys.executable, str(STAND_IN)])
    folder = tmp_path / "data"
    yield folder
    gone(folder)


def starts(folder):
    path = folder / "starts"
    return path.read_text().splitlines() if path.exists() else []


def gone(folder, seconds=60.0):
    """Wait until no server is left; kill one that does not stop."""
    pids = [int(line.split()[0]) for line in starts(folder)]
    with suppress(AssertionError):
        eventually(lambda: not any(map(alive, pids)), "the end of the servers", seconds=seconds)
    left = [pid for pid in pids if alive(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    return not left


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_first_client_starts_a_server_in_its_own_session_and_the_last_releases_it(data):
    first = local.attach(data)
    second = local.attach(data)

    assert first.endpoint == second.endpoint
    assert first.endpoint.token == "local-token"
    [line] = starts(data)
    pid, session = line.split()
    assert pid == session
    first.release()
    time.sleep(0.2)
    assert alive(int(pid))
    second.release()
    assert gone(data)


def test_clients_that_start_together_share_one_server(data):
    held = []
    threads = [threading.Thread(target=lambda: held.append(local.attach(data))) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({attachment.endpoint.target for attachment in held}) == 1
    assert len(starts(data)) == 1
    for attachment in held:
        attachment.release()


def test_a_killed_client_releases_the_server(data):
    data.mkdir()
    process = subprocess.Popen([sys.executable, "-c", ATTACHING, str(data)], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout.readline().startswith("127.0.0.1:")
        process.kill()

    assert gone(data)


def test_a_killed_server_is_replaced(data):
    held = local.attach(data)
    pid = int(starts(data)[0].split()[0])
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not alive(pid), "the end of the server")
    assert (data / "server.json").exists()

    again = local.attach(data)

    assert len(starts(data)) == 2
    assert again.endpoint.port != held.endpoint.port
    held.release()
    again.release()


def test_a_server_that_does_not_start_is_reported_with_the_end_of_its_log(data, monkeypatch):
    monkeypatch.setenv("STAND_IN", "fails")

    with pytest.raises(errors.ServerDidNotStart, match=r"code 3(?s:.*)the disk is full"):
        local.attach(data)


def test_a_server_that_hangs_at_its_start_is_stopped(data, monkeypatch):
    monkeypatch.setenv("STAND_IN", "hangs")

    with pytest.raises(errors.ServerDidNotStart, match="was not ready after 1 s"):
        local.attach(data, start_seconds=1.0)

    assert gone(data)


def test_a_server_that_is_not_installed_is_an_error_that_says_what_to_set(tmp_path, monkeypatch):
    monkeypatch.setattr(local.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(local.shutil, "which", lambda name: None)

    with pytest.raises(errors.ServerNotInstalled, match=r"MODICUM_ADDRESS.*modicum\[local\]"):
        Client(data=tmp_path / "data")


def test_an_unusable_data_folder_is_an_error_that_names_it(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(errors.LocalServerError, match="MODICUM_DATA"):
        local.attach(tmp_path / "file" / "data")


def test_the_token_of_a_local_server_is_found_by_its_port_only(data):
    held = local.attach(data)

    assert local.token_for(parsed_endpoint(held.endpoint.target), data) == "local-token"
    assert local.token_for(Endpoint("127.0.0.1", held.endpoint.port + 1), data) == ""
    assert local.token_for(Endpoint("example.org", held.endpoint.port), data) == ""
    assert local.token_for(held.endpoint, data / "absent") == ""
    held.release()


def test_the_data_folder_comes_from_the_environment_or_the_user(monkeypatch):
    monkeypatch.setattr(local.os, "geteuid", lambda: 1000)

    assert local.data_folder({"MODICUM_DATA": "/a"}) == Path("/a")
    assert local.data_folder({"XDG_DATA_HOME": "/b"}) == Path("/b/modicum")
    assert local.data_folder({}) == Path.home() / ".local" / "share" / "modicum"
    monkeypatch.setattr(local.os, "geteuid", lambda: 0)
    assert local.data_folder({}) == Path("/var/lib/modicum")


@pytest.mark.parametrize(
    ("arguments", "variable", "used"),
    [
        ({}, "", "local-token"),
        ({}, "of-the-environment", "of-the-environment"),
        ({"token": "given"}, "of-the-environment", "given"),
        ({"local": True}, "of-the-environment", "local-token"),
        ({"local": True, "token": "given"}, "", "given"),
    ],
)
def test_a_token_that_is_set_is_used_for_the_local_server(data, monkeypatch, arguments, variable, used):
    monkeypatch.setenv("MODICUM_TOKEN", variable)

    held = resolved(None, **{"token": None, "local": False, "data": data, **arguments})

    assert held.endpoint.token == used
    held.release()
