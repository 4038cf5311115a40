"""Fixtures of the client's tests: a scripted service, and clients of it."""

import os
import subprocess

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


@pytest.fixture
def shell(tmp_path, address, forked_modicum):
    """Runs a line of bash, in which `modicum` is the command, in a folder with images and weights."""
    (tmp_path / "photos" / "cat").mkdir(parents=True)
    (tmp_path / "photos" / "cat" / "a.jpg").write_bytes(b"a")
    (tmp_path / "w.safetensors").write_bytes(b"w")
    (tmp_path / "labels.txt").write_text("cat\ndog\n")

    def run(line):
        return subprocess.run(
            ["bash", "-c", f'modicum() {{ {forked_modicum} "$@"; }}; {line}'],
            cwd=tmp_path,
            env={**os.environ, "MODICUM_ADDRESS": address},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    return run


@pytest.fixture
def gate_shell(shell, tmp_path):
    """As `shell`, with a policy in the folder."""
    audit = "{threshold: 0.9, passes: 300, seed: 7, controls: [spot], level: 0.99}"
    (tmp_path / "modicum.yaml").write_text(f"version: 1\naudit: {audit}\n")
    return shell
