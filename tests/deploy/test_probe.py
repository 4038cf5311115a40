"""The images' health check, run as a process against the real API and worker."""

import asyncio
import subprocess
import sys

import pytest
from modicum_server.bootstrap import running_api
from modicum_server.settings import Settings
from modicum_server.worker.exposition import exposed
from prometheus_client import CollectorRegistry

from tests import machine
from tests.deploy.dockerfile_reading import REPOSITORY
from tests.waiting import until


async def probe(service: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(REPOSITORY / "deploy/probe.py"), service]
    return await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


async def healthy(service: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The probe that finds a service healthy: on a loaded machine one may wait too long, as Docker allows for."""

    async def look() -> subprocess.CompletedProcess[str] | None:
        done = await probe(service, **environment)
        return done if done.returncode == 0 else None

    return await until(look, f"a healthy {service}")


@pytest.fixture
def settings(database_url, tmp_path):
    return Settings(
        database_url=database_url, artifacts_url=str(tmp_path / "artifacts"), grpc_port=0, http_port=0, grace_seconds=1
    )


async def test_an_api_that_can_serve_is_healthy(settings):
    async with running_api(settings) as (_, port):
        done = await healthy("api", MODICUM_HTTP_PORT=str(port))

    assert '"database": true' in done.stdout


@pytest.fixture
def certificate(tmp_path):
    """A certificate for another machine's name, and its key."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    openssl = machine.program("openssl", package="openssl")
    making = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=service.example"]
    subprocess.run([openssl, *making, "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


async def test_an_api_with_a_certificate_is_healthy(settings, certificate):
    cert, key = certificate
    async with running_api(settings.model_copy(update={"tls_cert": cert, "tls_key": key})) as (_, port):
        await healthy("api", MODICUM_HTTP_PORT=str(port), MODICUM_TLS_CERT=str(cert))


async def test_a_worker_is_healthy_until_it_stops():
    alive = True
    async with exposed(CollectorRegistry(), port=0, healthy=lambda: alive) as port:
        await healthy("worker", MODICUM_WORKER_METRICS_PORT=str(port))
        alive = False
        stopping = await probe("worker", MODICUM_WORKER_METRICS_PORT=str(port))

    assert stopping.returncode == 1


async def test_without_a_listener_the_probe_is_unhealthy(settings):
    async with running_api(settings) as (_, port):
        pass

    done = await probe("api", MODICUM_HTTP_PORT=str(port))

    assert done.returncode == 1
    assert done.stderr.startswith("no answer: ")


@pytest.mark.long
async def test_a_proxy_in_the_environment_is_ignored(settings):
    async with running_api(settings) as (_, port):
        proxy = "http://127.0.0.1:1"
        await healthy("api", MODICUM_HTTP_PORT=str(port), http_proxy=proxy, HTTP_PROXY=proxy)


async def test_an_unknown_service_is_named():
    done = await probe("postgres")

    assert done.returncode == 1
    assert done.stderr == "expected one of api, worker, got postgres\n"
