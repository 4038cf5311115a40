"""Starting an API: without torch, and with a certificate."""

import ssl
import subprocess
import sys
import urllib.request
from asyncio import to_thread

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from modicum_server.artifacts.folder_store import FolderArtifactStore
from modicum_server.bootstrap import build_api
from modicum_server.settings import Settings
from modicum_server.store.changes import PostgresChanges
from modicum_server.store.postgres import PostgresStore

from tests import machine

WITHOUT_TORCH = """
import asyncio, sys
from pathlib import Path

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "torchvision", "timm", "safetensors", "modicum_sis", "ts"}:
            raise ModuleNotFoundError(f"{name} is not installed here")

sys.meta_path.insert(0, Absent())

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from modicum_server.artifacts.folder_store import FolderArtifactStore
from modicum_server.settings import Settings
from modicum_server.store.changes import PostgresChanges
from modicum_server.store.postgres import PostgresStore
from modicum_server.bootstrap import build_api

async def main(database_url, folder):
    store, changes = PostgresStore(database_url), PostgresChanges(database_url)
    api = build_api(store, changes, FolderArtifactStore(Path(folder)), Settings(grpc_port=0, http_port=0))
    port, _ = await api.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    await api.stop(grace=0)
    await changes.close()
    await store.close()
    print(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))

asyncio.run(main(*sys.argv[1:]))
"""


SLOW_TO_READ = """
import sys
import modicum_server.cli, modicum_server.bootstrap, modicum_server.transports.api
import modicum_server.torchserve.adapter, modicum_server.worker.worker, modicum_server.store.wakeups
print(*sorted({"alembic", "matplotlib", "scipy", "torch", "ts"} & sys.modules.keys()))
"""


@pytest.mark.long
def test_no_process_waits_for_what_its_start_does_not_need():
    done = subprocess.run([sys.executable, "-c", SLOW_TO_READ], capture_output=True, text=True, check=True, timeout=300)

    assert done.stdout.split() == []


def test_the_api_serves_where_torch_is_absent(database_url, tmp_path):
    command = [sys.executable, "-W", "error", "-c", WITHOUT_TORCH, database_url, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)

    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "SERVING"


@pytest.fixture
def certificate(tmp_path):
    """A certificate for 127.0.0.1 and its key."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = [
        machine.program("openssl", package="openssl"),
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "1",
    ]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return cert, key


async def test_both_doors_take_the_certificate(database_url, tmp_path, certificate):
    cert, key = certificate
    store, changes = PostgresStore(database_url), PostgresChanges(database_url)
    settings = Settings(grpc_port=0, http_port=0, tls_cert=cert, tls_key=key)
    api = build_api(store, changes, FolderArtifactStore(tmp_path), settings)
    grpc_port, http_port = await api.start()

    credentials = grpc.ssl_channel_credentials(cert.read_bytes())
    async with grpc.aio.secure_channel(f"127.0.0.1:{grpc_port}", credentials) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())

    def fetch() -> int:
        trust = ssl.create_default_context(cafile=str(cert))
        with urllib.request.urlopen(f"https://127.0.0.1:{http_port}/healthz", context=trust) as response:
            return response.status

    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    assert await to_thread(fetch) == 200
    await api.stop(grace=0)
    await store.close()


def test_a_certificate_without_its_key_is_refused(certificate):
    with pytest.raises(ValueError, match="or neither"):
        build_api(None, None, None, Settings(grpc_port=0, http_port=0, tls_cert=certificate[0]))
