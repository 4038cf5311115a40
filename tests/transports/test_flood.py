"""A flood of HTTP connections that say nothing, at a process that may open few files: it goes on, and logs little."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from modicum_server.processes.file_limits import raise_open_files

from tests.waiting import PATIENCE_SECONDS, eventually

OPEN_FILES = 256
FLOOD = 3 * OPEN_FILES
LARGEST_LOG_BYTES = 1_000_000
SHOW_LIMIT = "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"


#: A shell sets the limits of what it becomes. Between fork and exec, gRPC of the tests may end the child.
FEW_FILES = ("sh", "-c", f'ulimit -S -n {OPEN_FILES // 2}; ulimit -H -n {OPEN_FILES}; exec "$@"', "sh")


@pytest.fixture
def api(database_url, tmp_path):
    """Its addresses, its log, its pid: `modicum-server serve`."""
    ready, log = tmp_path / "ready.json", tmp_path / "api.log"
    words = ["serve", "--grpc-port", "0", "--http-port", "0", "--ready-file", str(ready)]
    settings = {"MODICUM_DATABASE_URL": database_url, "MODICUM_ARTIFACTS_URL": str(tmp_path / "artifacts")}
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            [*FEW_FILES, sys.executable, "-m", "modicum_server.cli", *words],
            env={**os.environ, **settings},
            stderr=stderr,
        ) as process,
    ):
        try:
            eventually(lambda: ready.exists() or process.poll() is not None, "the API to be ready")
            assert process.poll() is None, log.read_text()
            yield {**json.loads(ready.read_text()), "log": log, "pid": process.pid}
            process.terminate()
            assert process.wait(PATIENCE_SECONDS) == 0
        finally:
            process.kill()


def answers(http_address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{http_address}/healthz", timeout=10) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.mark.long
def test_a_flood_of_connections_that_say_nothing_is_survived_by_both_doors_and_by_the_log(api):
    host, port = api["http_address"].split(":")
    raise_open_files()
    with contextlib.ExitStack() as flood:
        for _ in range(FLOOD):
            connection = flood.enter_context(socket.socket())
            connection.setblocking(False)
            connection.connect_ex((host, int(port)))

        eventually(lambda: answers(api["http_address"]), "an answer beside the flood")
        with grpc.insecure_channel(api["grpc_address"]) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            liveness = health_pb2.HealthCheckRequest(service="liveness")
            assert health.Check(liveness, timeout=PATIENCE_SECONDS, wait_for_ready=True).status == 1
        time.sleep(3)
    eventually(lambda: answers(api["http_address"]), "an answer after the flood")

    eventually(lambda: len(list(Path(f"/proc/{api['pid']}/fd").iterdir())) < OPEN_FILES // 2, "the flood to be let go")
    assert api["log"].stat().st_size < LARGEST_LOG_BYTES


def test_the_limit_of_open_files_is_raised_to_what_is_allowed():
    words = f"from modicum_server.processes.file_limits import raise_open_files; raise_open_files(); {SHOW_LIMIT}"
    done = subprocess.run(
        [*FEW_FILES, sys.executable, "-c", words],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )

    assert int(done.stdout) == OPEN_FILES
