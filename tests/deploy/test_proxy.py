"""The configuration of nginx that `deploy/proxy` has, in a real nginx before a real API behind TLS."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
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

from benchmarks.attack.site import TEAM, Site, served
from tests import machine
from tests.deploy.dockerfile_reading import REPOSITORY
from tests.deploy.http2_floods import BEGIN, FLOODS
from tests.ports import free_port
from tests.waiting import eventually

SHIPPED = REPOSITORY / "deploy" / "proxy"
FILES = ("modicum.conf", "loopback.conf")
"""What the page copies onto a machine."""
PAGE = REPOSITORY / "docs" / "how-to" / "put-a-proxy-in-front.md"
MAIN = """{user}daemon off; worker_processes 1; pid nginx.pid; error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
  client_body_temp_path body; proxy_temp_path proxy;
  fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  include modicum.conf;
  include loopback.conf;
}}
"""
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


@contextlib.contextmanager
def nginx(folder: Path, site: Site) -> Iterator[Front]:
    """The configuration of the repository, with addresses and certificate of this API, in a real nginx."""
    program = machine.program("nginx", "/usr/sbin/nginx", package="nginx-light")
    grpc_port, http_port = free_port(), free_port()
    places = {
        "listen 7400 ": f"listen 127.0.0.1:{grpc_port} ",
        "listen 7401 ": f"listen 127.0.0.1:{http_port} ",
        "127.0.0.1:7500": site.grpc_address,
        "127.0.0.1:7501": site.http_address,
        "/etc/modicum/tls/tls.crt": str(site.certificate),
        "/etc/modicum/tls/tls.key": str(site.certificate.with_name("key.pem")),
    }
    _write(folder, places)
    (folder / "nginx.conf").write_text(MAIN.format(user="user root; " if os.geteuid() == 0 else ""))
    with subprocess.Popen([program, "-p", str(folder), "-c", "nginx.conf"]) as process:
        eventually(lambda: _listens(grpc_port) and _listens(http_port), "nginx to listen")
        try:
            yield Front(f"127.0.0.1:{grpc_port}", f"127.0.0.1:{http_port}", site)
        finally:
            process.send_signal(signal.SIGTERM)


def _write(folder: Path, places: Mapping[str, str]) -> None:
    """Write the shipped files with other places in them, each of which must have been there."""
    texts = {name: (SHIPPED / name).read_text() for name in FILES}
    for shipped, here in places.items():
        assert shipped in "".join(texts.values()), f"{SHIPPED} has no {shipped!r}"
        texts = {name: text.replace(shipped, here) for name, text in texts.items()}
    folder.mkdir()
    for name, text in texts.items():
        (folder / name).write_text(text)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def front():
    with tempfile.TemporaryDirectory(prefix="modicum-proxy-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # Postgres of another user lies below it
        async with served(folder, MODICUM_TRUSTED_PROXIES=HERE) as site:
            with nginx(folder / "nginx", site) as before:
                yield before


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
    """Create a model from an address of loopback. gRPC cannot choose one, so its connection is carried from there."""
    host, port = front.grpc_address.split(":")
    carried = asyncio.Event()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection(host, int(port), local_addr=(caller, 0))
        await asyncio.gather(_pump(reader, forth), _pump(back, writer))
        carried.set()

    credentials = grpc.ssl_channel_credentials(front.site.certificate.read_bytes())
    metadata = (("authorization", f"Bearer {front.site.tokens[TEAM]}"), ("x-forwarded-for", SPOOFED))
    async with await asyncio.start_server(carry, HERE, 0) as server:
        place = f"{HERE}:{server.sockets[0].getsockname()[1]}"
        async with grpc.aio.secure_channel(place, credentials) as channel:
            request = models.CreateModelRequest(parent=TEAM, model_id=name)
            await model_service_pb2_grpc.ModelServiceStub(channel).CreateModel(request, metadata=metadata)
        await carried.wait()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await source.read(65_536):
            sink.write(data)
    sink.close()
    with contextlib.suppress(ConnectionError):
        await sink.wait_closed()


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
