"""A local server for the benchmark, started as a user's command starts one and removed with all its data."""

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
#: When root runs it, the server's Postgres is another user, who needs access to the folder.
FOLDER_MODE = 0o711
#: All load comes from one principal, which gets what the server has.
ONE_CALLER = {
    "MODICUM_MAX_WATCHERS_PER_PRINCIPAL": "2000",
    "MODICUM_MAX_WATCHERS_PER_PROJECT": "2000",
    "MODICUM_MAX_CALLS_PER_SECOND": "100000",
    "MODICUM_MAX_CALLS_PER_SECOND_PER_PROJECT": "100000",
}


@contextmanager
def local_client(*, slots: int = 1) -> Iterator[tuple[Client, Path]]:
    """Yield a client of a fresh local server and its data folder. Each slot uses this process's thread count."""
    parent = Path(tempfile.mkdtemp(prefix="mb-"))
    parent.chmod(FOLDER_MODE)
    data = parent / "data"
    os.environ["MODICUM_SLOTS"] = str(slots)
    os.environ["MODICUM_THREADS"] = str(torch.get_num_threads())
    os.environ.update(ONE_CALLER)
    started: list[psutil.Process] = []
    try:
        with Client(local=True, data=data) as client:
            started.append(server_process(data))
            yield client, data
    finally:
        psutil.wait_procs(started, timeout=STOP_SECONDS)  # it stops by itself after the client has closed
        shutil.rmtree(parent, ignore_errors=True)


def server_process(data: Path) -> psutil.Process:
    """The supervisor process, the ancestor of all other processes of the server."""
    return psutil.Process(int(json.loads((data / "server.json").read_text(encoding="utf-8"))["pid"]))
