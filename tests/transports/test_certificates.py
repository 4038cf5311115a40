"""Both ports take a new certificate without a restart, and only callers with one of their own where that is set."""

import asyncio
import http.client
import ssl
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from modicum import AsyncClient, InvalidArgument
from modicum_server.artifacts.folder_store import FolderArtifactStore
from modicum_server.bootstrap import build_api
from modicum_server.settings import Settings
from modicum_server.store.changes import PostgresChanges
from modicum_server.store.postgres import PostgresStore
from modicum_server.transports.certificates import LOOK_SECONDS, Certificates

from tests.waiting import until


def made(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate that signed itself, for 127.0.0.1, and its key."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "1", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return cert, key


def put(source: tuple[Path, Path], target: tuple[Path, Path]) -> None:
    """Put a pair into the place of another one, each file at once."""
    for new, old in zip(source, target, strict=True):
        beside = old.with_suffix(".new")
        beside.write_bytes(new.read_bytes())
        beside.replace(old)


@asynccontextmanager
async def served(database_url, folder: Path, **settings):
    """Yields the gRPC port and the HTTP port of an API."""
    store, changes = PostgresStore(database_url), PostgresChanges(database_url)
    artifacts = FolderArtifactStore(folder / "artifacts")
    api = build_api(store, changes, artifacts, Settings(grpc_port=0, http_port=0, **settings))
    ports = await api.start()
    try:
        yield ports
    finally:
        await api.stop(grace=0)
        await changes.close()
        await store.close()


async def by_http(port: int, trusted: Path, own: tuple[Path, Path] | None = None) -> bool:
    """Whether /healthz answers a caller that trusts this certificate."""
    context = ssl.create_default_context(cafile=str(trusted))
    if own:
        context.load_cert_chain(*own)

    def ask() -> bool:
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=60)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (ssl.SSLError, ConnectionError):
            return False
        finally:
            connection.close()

    return await asyncio.to_thread(ask)


async def by_grpc(port: int, trusted: Path, own: tuple[Path, Path] | None = None) -> bool:
    """Whether health answers a caller that trusts this certificate."""
    shown = {"certificate_chain": own[0].read_bytes(), "private_key": own[1].read_bytes()} if own else {}
    credentials = grpc.ssl_channel_credentials(trusted.read_bytes(), **shown)
    async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials) as channel:
        try:
            await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="liveness"))
        except grpc.aio.AioRpcError:
            return False
    return True


async def test_both_ports_take_a_new_certificate_without_a_restart(database_url, tmp_path):
    used, newer = made(tmp_path, "used"), made(tmp_path, "newer")
    before = tmp_path / "before.pem"
    before.write_bytes(used[0].read_bytes())

    async with served(database_url, tmp_path, tls_cert=used[0], tls_key=used[1]) as (grpc_port, http_port):
        assert await by_grpc(grpc_port, before)
        assert await by_http(http_port, before)
        put(newer, used)
        await until(lambda: by_grpc(grpc_port, newer[0]))
        await until(lambda: by_http(http_port, newer[0]))

        assert not await by_grpc(grpc_port, before)
        assert not await by_http(http_port, before)


async def test_both_ports_take_only_callers_with_a_certificate_of_the_authority(database_url, tmp_path, monkeypatch):
    pair, friend, stranger = (made(tmp_path, name) for name in ("server", "friend", "stranger"))
    settings = {"tls_cert": pair[0], "tls_key": pair[1], "tls_client_ca": friend[0]}

    async with served(database_url, tmp_path, **settings) as (grpc_port, http_port):
        for ask, port in ((by_grpc, grpc_port), (by_http, http_port)):
            assert [await ask(port, pair[0], own) for own in (friend, stranger, None)] == [True, False, False]

        monkeypatch.setenv("MODICUM_TLS_CLIENT_CERT", str(friend[0]))
        with pytest.raises(InvalidArgument, match="MODICUM_TLS_CLIENT_KEY"):
            async with AsyncClient(f"https://127.0.0.1:{grpc_port}", token="any"):
                pass


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_pair_that_does_not_fit_leaves_the_one_before(tmp_path):
    used, newer = made(tmp_path, "used"), made(tmp_path, "newer")
    clock = Clock()
    certificates = Certificates(*used, None, clock=clock)
    before = certificates.current()

    newer[1].replace(used[1])  # the new key, beside the old certificate
    clock.now += LOOK_SECONDS
    assert certificates.current() is before

    newer[0].replace(used[0])
    assert certificates.current() is before  # nobody looks twice within a second
    clock.now += LOOK_SECONDS
    assert certificates.current().certificate == used[0].read_bytes() != before.certificate


def test_a_file_that_is_gone_leaves_the_pair_before(tmp_path):
    used = made(tmp_path, "used")
    clock = Clock()
    certificates = Certificates(*used, None, clock=clock)
    before = certificates.current()

    used[0].unlink()
    clock.now += LOOK_SECONDS

    assert certificates.current() is before


def test_an_authority_of_clients_needs_a_certificate(tmp_path):
    with pytest.raises(ValueError, match="MODICUM_TLS_CLIENT_CA needs"):
        Settings(tls_client_ca=tmp_path / "ca.pem")
