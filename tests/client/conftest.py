"""Fixtures of the client's tests: a scripted service, and clients of it."""

import pytest
from modicum import Client, connection
from modicum.retrying import CALLS_TO_KNOWN_SERVER, Backoff

from tests.client.scripted_service import Script, serve


@pytest.fixture(autouse=True)
def _no_server_of_the_developer(monkeypatch, tmp_path):
    for name in ("MODICUM_ADDRESS", "MODICUM_TOKEN", "MODICUM_INSECURE", "MODICUM_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODICUM_DATA", str(tmp_path / "data"))


@pytest.fixture
def quick_retries(monkeypatch):
    """The usual number of attempts, with hardly a pause."""
    monkeypatch.setattr(connection, "CALLS", Backoff(first_seconds=0.01, longest_seconds=0.02))
    monkeypatch.setattr(
        connection,
        "CALLS_TO_KNOWN_SERVER",
        Backoff(0.01, longest_seconds=0.02, attempts=CALLS_TO_KNOWN_SERVER.attempts),
    )
    monkeypatch.setattr(connection, "STREAMS", Backoff(first_seconds=0.01, longest_seconds=0.02))


@pytest.fixture
def script():
    return Script()


@pytest.fixture
def address(script):
    server, address = serve(script)
    yield address
    script.ended.set()
    server.stop(0).wait()


@pytest.fixture
def client(address, quick_retries):
    with Client(address, token="secret", timeout_seconds=60) as client:
        yield client
