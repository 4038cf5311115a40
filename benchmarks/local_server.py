"""A local server of the benchmark's own, started as a user's command starts one, gone with all it made afterwards."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # has no types
import torch
from modicum import Client

STOP_SECONDS = 60.0
#: Run by root, the server's Postgres is another user, who has to pass through.
FOLDER_MODE = 0o711


@contextmanager
def local_client(*, slots: int = 1) -> Iterator[tuple[Client, Path]]:
    """A client of a fresh local server, and the server's data folder; each slot has as many threads as this process."""
    parent = Path(tempfile.mkdtemp(prefix="mb-"))
    parent.chmod(FOLDER_MODE)
    data = parent / "data"
    os.environ["MODICUM_SLOTS"] = str(slots)
    os.environ["MODICUM_THREADS"] = str(torch.get_num_threads())
    started: list[psutil.Process] = []
    try:
        with Client(local=True, data=data) as client:
            started.append(server_process(data))
            yield client, data
    finally:
        psutil.wait_procs(started, timeout=STOP_SECONDS)  # it leaves by itself once the client has let go
        shutil.rmtree(parent, ignore_errors=True)


def server_process(data: Path) -> psutil.Process:
    """The supervisor, of which all else comes."""
    return psutil.Process(int(json.loads((data / "server.json").read_text(encoding="utf-8"))["pid"]))
