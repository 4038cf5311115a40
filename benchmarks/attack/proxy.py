"""nginx with the configuration of docs/how-to/put-a-proxy-in-front.md, before one or more API processes."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.attack.relay import LOOPBACK
from benchmarks.attack.site import Site
from benchmarks.results import ROOT

SHIPPED = ROOT / "deploy" / "proxy"
FILES = ("modicum.conf", "loopback.conf")
"""What the page copies onto a machine."""
PROGRAMS = ("nginx", "/usr/sbin/nginx")
LIMITS = ("worker_rlimit_nofile 8192;", "worker_connections 4096;")
"""What the page says to write into nginx.conf."""
#: A flood can fill the log with thousands of lines, so it is not on standard error.
MAIN = """{user}daemon off; worker_processes auto; pid nginx.pid; error_log error.log crit;
{limits[0]}
events {{ {limits[1]} }}
http {{
  client_body_temp_path body; proxy_temp_path proxy;
  fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  include modicum.conf;
  include loopback.conf;
}}
"""
START_SECONDS, POLL_SECONDS = 60.0, 0.02


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where nginx listens, and its main process."""

    grpc_address: str
    http_address: str
    pid: int


def nginx_program() -> str | None:
    """Where nginx is on this machine, if it is."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


@contextmanager
def proxied(program: str, folder: Path, sites: Sequence[Site]) -> Iterator[Proxy]:
    """Run nginx before these processes of one API while the context is open. It makes the folder."""
    grpc_port, http_port = _free_port(), _free_port()
    places = {
        "listen 7400 ": f"listen {LOOPBACK}:{grpc_port} ",
        "listen 7401 ": f"listen {LOOPBACK}:{http_port} ",
        "server 127.0.0.1:7500;": " ".join(f"server {site.grpc_address};" for site in sites),
        "server 127.0.0.1:7501;": " ".join(f"server {site.http_address};" for site in sites),
        "/etc/modicum/tls/tls.crt": str(sites[0].certificate),
        "/etc/modicum/tls/tls.key": str(sites[0].certificate.with_name("key.pem")),
    }
    _write(folder, places)
    with subprocess.Popen([program, "-p", str(folder), "-c", "nginx.conf"]) as process:  # noqa: S603  found by its name
        try:
            _wait_for(process, (grpc_port, http_port))
            yield Proxy(f"{LOOPBACK}:{grpc_port}", f"{LOOPBACK}:{http_port}", process.pid)
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
    (folder / "nginx.conf").write_text(MAIN.format(user="user root; " if os.geteuid() == 0 else "", limits=LIMITS))


def _wait_for(process: "subprocess.Popen[bytes]", ports: Sequence[int]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not all(map(_listens, ports)):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"nginx did not listen within {START_SECONDS:g} s. Its messages are above.")
        time.sleep(POLL_SECONDS)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection((LOOPBACK, port)):
        return True
    return False


def _free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
