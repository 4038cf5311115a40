"""The configuration of nginx that `deploy/proxy` has, in a real nginx before a real API behind TLS."""

import contextlib
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import psutil
import pytest
import pytest_asyncio
from modicum.v1 import model_service_pb2 as models
from modicum.v1 import model_service_pb2_grpc
from PIL import Image

from benchmarks.attack.frames import BEGIN, FLOODS
from benchmarks.attack.proxy import FILES, LIMITS, PROGRAMS, SHIPPED, proxied
from benchmarks.attack.relay import relayed
from benchmarks.attack.site import TEAM, Site, served
from tests import machine
from tests.deploy.dockerfile_reading import REPOSITORY

PAGE = REPOSITORY / "docs" / "how-to" / "put-a-proxy-in-front.md"
HERE, CALLERS, SPOOFED = "127.0.0.1", ("127.0.0.2", "127.0.0.3"), "203.0.113.9"
"""Where nginx and the API are, from where callers call, and where one of them says to be."""
CONNECTIONS = 10
FLOOD_BYTES = 64 * 1024**2
"""The most that a connection of a flood sends."""
GROWTH_MIB = 100
"""The most that the API may grow by it. Without the proxy, heads that never end make it grow by all that is sent."""
COMMAND_SECONDS, PATIENCE_SECONDS = 120, 10


@dataclass(frozen=True)
class Front:
    """nginx before an API: the addresses of nginx, and the API itself."""

    grpc_address: str
    http_address: str
    site: Site

    def modicum(self, *words: str) -> "subprocess.Popen[str]":
        """A command that knows only the proxy's address."""
        environment = {
            **os.environ,
            "MODICUM_ADDRESS": f"https://{self.grpc_address}",
            "MODICUM_TOKEN": self.site.tokens[TEAM],
            "MODICUM_PROJECT": TEAM.removeprefix("projects/"),
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(self.site.certificate),
        }
        command = [Path(sys.executable).with_name("modicum"), *words]
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
        )

    def said_by(self, *words: str) -> str:
        """What a command that must succeed prints."""
        with self.modicum(*words) as process:
            try:
                said, _ = process.communicate(timeout=COMMAND_SECONDS)
            finally:
                process.kill()
        assert process.returncode == 0, said
        return said


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def front():
    program = machine.program(*PROGRAMS, package="nginx-light")
    with tempfile.TemporaryDirectory(prefix="modicum-proxy-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # Postgres of another user lies below it
        async with served(folder, MODICUM_TRUSTED_PROXIES=HERE) as site:
            with proxied(program, folder / "nginx", [site]) as proxy:
                yield Front(proxy.grpc_address, proxy.http_address, site)


def test_a_watch_and_an_upload_go_through_the_proxy(front, tmp_path):
    (tmp_path / "cat").mkdir()
    Image.effect_noise((64, 64), 90).convert("RGB").save(tmp_path / "cat" / "a.png")

    front.said_by("datasets", "create", "more", str(tmp_path))
    front.said_by("audits", "create", "--name", "one", "--model", "net", "--dataset", "more", "--threshold", "0.9")
    assert "QUEUED" in front.said_by("audits", "list")
    with front.modicum("audits", "watch", "one") as watch:
        try:
            front.said_by("audits", "cancel", "one")
            said, _ = watch.communicate(timeout=COMMAND_SECONDS)
        finally:
            watch.kill()

    assert "CANCELLED" in said.upper()


def test_rest_and_metrics_go_through_the_proxy_with_a_token(front):
    with rest(front) as client, rest(front, front.site.tokens[TEAM]) as named:
        refused, metrics = client.get(f"/v1/{front.site.audits[TEAM]}"), client.get("/metrics")
        audit, scrape = named.get(f"/v1/{front.site.audits[TEAM]}"), named.get("/metrics")

    assert (refused.status_code, metrics.status_code) == (401, 401)
    assert (audit.status_code, audit.json()["name"]) == (200, front.site.audits[TEAM])
    assert scrape.status_code == 200


async def test_the_trail_names_the_callers_and_not_the_proxy_or_what_a_caller_says(front):
    for caller in CALLERS:
        await _create_by_grpc(front, caller, f"by-grpc-{caller}")
        with rest(front, front.site.tokens[TEAM], caller) as client:
            headers = {"X-Forwarded-For": SPOOFED, "X-Real-IP": SPOOFED}
            made = client.post(f"/v1/{TEAM}/models?modelId=by-rest-{caller}", json={}, headers=headers)
            assert made.status_code == 200, made.text

    with rest(front, front.site.admin) as admin:
        entries = admin.get(f"/v1/{TEAM}/trail", params={"filter": "verb = CreateModel"}).json()["entries"]
    named = {each["resource"].rpartition("/")[2]: each["clientAddress"] for each in entries}
    assert {name: address for name, address in named.items() if name.startswith("by-")} == {
        f"by-{port}-{caller}": caller for port in ("grpc", "rest") for caller in CALLERS
    }


def rest(front: Front, token: str = "", address: str = HERE) -> httpx.Client:
    """A client of REST through the proxy, which calls from this address of loopback."""
    transport = httpx.HTTPTransport(
        verify=ssl.create_default_context(cafile=str(front.site.certificate)), local_address=address
    )
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(base_url=f"https://{front.http_address}", transport=transport, headers=headers)


async def _create_by_grpc(front: Front, caller: str, name: str) -> None:
    """Create a model from an address of loopback."""
    credentials = grpc.ssl_channel_credentials(front.site.certificate.read_bytes())
    metadata = (("authorization", f"Bearer {front.site.tokens[TEAM]}"), ("x-forwarded-for", SPOOFED))
    async with (
        relayed(front.grpc_address, caller) as place,
        grpc.aio.secure_channel(place, credentials) as channel,
    ):
        request = models.CreateModelRequest(parent=TEAM, model_id=name)
        await model_service_pb2_grpc.ModelServiceStub(channel).CreateModel(request, metadata=metadata)


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_of_frames_does_not_pass_the_proxy(front, flood):
    process = psutil.Process(front.site.pid)
    before = process.memory_info().rss

    with ThreadPoolExecutor(CONNECTIONS) as connections:
        list(connections.map(lambda _: _flood(front, flood), range(CONNECTIONS)))

    assert process.memory_info().rss - before < GROWTH_MIB * 1024**2
    assert "audits/" in front.said_by("audits", "list", "--json")


@pytest.mark.parametrize("flood", ["pings", "settings"])
def test_nginx_ends_a_connection_of_frames_that_carry_no_call(front, flood):
    assert _flood(front, flood) < FLOOD_BYTES


def _flood(front: Front, flood: str) -> int:
    """Send a flood on one connection, and return how many bytes it took. What comes back is not read."""
    host, port = front.grpc_address.split(":")
    context = ssl.create_default_context(cafile=str(front.site.certificate))
    context.set_alpn_protocols(["h2"])
    sent = 0
    with (
        socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
        contextlib.suppress(OSError),
    ):
        connection.sendall(BEGIN)
        for piece in FLOODS[flood]():
            connection.sendall(piece)
            sent += len(piece)
            if sent >= FLOOD_BYTES:
                break
    return sent


def test_the_page_copies_these_files_and_names_their_ports():
    page, shipped = PAGE.read_text(), (SHIPPED / "loopback.conf").read_text()

    assert set(re.findall(r"127\.0\.0\.1:(\d+)", shipped)) == set(re.findall(r"_PORT=(\d+)", page))
    assert all(f"deploy/proxy/{name}" in page for name in FILES)
    assert all(f"`{limit}`" in page and limit in (SHIPPED / "nginx.conf").read_text() for limit in LIMITS)
