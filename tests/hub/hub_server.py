"""A hub on loopback that serves the files of one commit of one model, as huggingface_hub asks for them."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

REPOSITORY, COMMIT = "acme/tiny-vit", "0123456789abcdef0123456789abcdef01234567"
LARGE_BYTES = 1_000
"""Files from here on are stored by the SHA-256 of their bytes, as Git LFS does, and others by git's own."""


@dataclass
class Hub:
    """What it serves. `told` changes what it tells of a file; `sent` changes the bytes that it sends.

    `refusal` is a status and an error code for the whole model.
    """

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    told: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: dict[str, bytes] = field(default_factory=dict)
    refusal: tuple[int, str] | None = None
    needs_token: str = ""
    asked: list[str] = field(default_factory=list)

    @property
    def uri(self) -> str:
        return f"hf://{REPOSITORY}@{COMMIT}"

    def reply(self, path: str, token: str) -> tuple[int, bytes, dict[str, str]]:
        self.asked.append(path)
        if self.needs_token and token != f"Bearer {self.needs_token}":
            return 401, b"", {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}
        if self.refusal:
            status, code = self.refusal
            return status, b"", {"X-Error-Code": code} if code else {}
        if path.startswith(f"/api/models/{REPOSITORY}/revision/{COMMIT}"):
            return 200, json.dumps(self.description()).encode(), {"Content-Type": "application/json"}
        if path.startswith(f"/api/models/{REPOSITORY}/revision/"):
            return 404, b"", {"X-Error-Code": "RevisionNotFound"}
        prefix = f"/{REPOSITORY}/resolve/{COMMIT}/"
        if path.startswith(prefix) and (name := path.removeprefix(prefix)) in self.files:
            data = self.sent.get(name, self.files[name])
            return 200, data, {"ETag": f'"{_digest(self.files[name])}"', "X-Repo-Commit": COMMIT}
        return 404, b"", {"X-Error-Code": "EntryNotFound" if path.startswith(prefix) else "RepoNotFound"}

    def description(self) -> dict[str, Any]:
        siblings = [{**_sibling(name, data), **self.told.get(name, {})} for name, data in self.files.items()]
        return {"id": REPOSITORY, "sha": COMMIT, "siblings": siblings}


def _sibling(name: str, data: bytes) -> dict[str, Any]:
    large = {"sha256": _digest(data), "size": len(data), "pointerSize": 134} if len(data) >= LARGE_BYTES else None
    return {"rfilename": name, "size": len(data), "blobId": git_digest(data), **({"lfs": large} if large else {})}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def git_digest(data: bytes) -> str:
    """The name of the bytes in git."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


@contextmanager
def running_hub() -> Iterator[Hub]:
    """A hub on a free port of loopback."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def _answer(self, *, with_body: bool) -> None:
            status, body, headers = hub.reply(urlsplit(self.path).path, self.headers.get("Authorization", ""))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
