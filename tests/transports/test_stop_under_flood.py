"""The API process stops within its grace time, also while callers send frames that gRPC never stops to answer."""

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import threading

import pytest

from benchmarks.attack.frames import BEGIN, settings
from tests.waiting import PATIENCE_SECONDS, eventually

CONNECTIONS = 20
READ_BYTES = 65_536
SENT_BYTES = 8 * 1024**2
"""What each connection has sent before the stop."""
STOP_SECONDS = 60.0
"""Ten times what the stop needs. Without a bound it waits until the frames are answered, which takes minutes."""


@pytest.fixture
def api(database_url, tmp_path):
    """`modicum-server serve`: the process and its address."""
    ready, log = tmp_path / "ready.json", tmp_path / "api.log"
    words = ["serve", "--grpc-port", "0", "--http-port", "0", "--ready-file", str(ready)]
    environment = {
        "MODICUM_DATABASE_URL": database_url,
        "MODICUM_ARTIFACTS_URL": str(tmp_path / "artifacts"),
        "MODICUM_GRACE_SECONDS": "0.5",
    }
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            [sys.executable, "-m", "modicum_server.cli", *words], env={**os.environ, **environment}, stderr=stderr
        ) as process,
    ):
        try:
            eventually(lambda: ready.exists() or process.poll() is not None, "the API to be ready")
            assert process.poll() is None, log.read_text()
            yield process, json.loads(ready.read_text())["grpc_address"]
        finally:
            process.kill()


class Flood:
    """Sends SETTINGS on one connection and reads the answers, until `stop` is set or the server closes it."""

    def __init__(self, address: str) -> None:
        host, port = address.split(":")
        self.connection = socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS)
        self.sent, self.stop = 0, threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        with self.connection, contextlib.suppress(ConnectionError):
            self.connection.sendall(BEGIN)
            piece = next(settings())
            left = piece
            while not self.stop.is_set():
                readable, writable, _ = select.select([self.connection], [self.connection], [], 0.1)
                if readable and not self.connection.recv(READ_BYTES):
                    return
                if writable:
                    taken = self.connection.send(left)
                    self.sent += taken
                    left = left[taken:] or piece


@pytest.mark.long
def test_frames_that_never_end_do_not_keep_the_process(api):
    process, address = api
    floods = [Flood(address) for _ in range(CONNECTIONS)]
    try:
        eventually(lambda: all(one.sent > SENT_BYTES for one in floods), "the floods to flow")

        process.terminate()

        assert process.wait(STOP_SECONDS) == 0
    finally:
        for one in floods:
            one.stop.set()
        for one in floods:
            one.thread.join()
