"""Runs `modicum-server up` for the demo, as a user would."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from modicum_server.demo.commands import printed

START_SECONDS = 90.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.1


class ServerNotStarted(Exception):
    """The server did not start; its output is above."""


@contextmanager
def running_server(data: Path, *, say: Callable[[str], object]) -> Iterator[Mapping[str, str]]:
    """Run a server while the context is open; yields the environment of its clients.

    Raises:
        ServerNotStarted
    """
    arguments = ["up", "--data", str(data), "--grpc-port", "0", "--http-port", "0"]
    say(f"{printed('modicum-server', arguments)} &")
    announcement = data / "server.json"
    announcement.unlink(missing_ok=True)
    process = subprocess.Popen([sys.executable, "-m", "modicum_server.cli", *arguments], start_new_session=True)  # noqa: S603
    try:
        address = _wait_for(announcement, process)
        token = (data / "token").read_text().strip()
        yield {**os.environ, "MODICUM_ADDRESS": address, "MODICUM_TOKEN": token}
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)


def _wait_for(announcement: Path, process: "subprocess.Popen[bytes]") -> str:
    end = time.monotonic() + START_SECONDS
    while not announcement.exists():
        if process.poll() is not None or time.monotonic() > end:
            raise ServerNotStarted
        time.sleep(POLL_SECONDS)
    return str(json.loads(announcement.read_text())["grpc_address"])
