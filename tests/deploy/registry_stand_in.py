"""A registry of images on a port of loopback, for one image. It speaks the part of OCI's protocol that a pull needs."""

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def digest(data: bytes) -> str:
    """The digest by which a registry knows some bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def contents(layout: Path) -> tuple[dict[str, tuple[str, bytes]], bytes]:
    """The bytes of a layout (OCI) by digest, with their types, and an index of its one image for this platform."""
    blobs = {f"sha256:{path.name}": path.read_bytes() for path in (layout / "blobs" / "sha256").iterdir()}
    [manifest] = json.loads((layout / "index.json").read_text())["manifests"]
    config = json.loads(blobs[json.loads(blobs[manifest["digest"]])["config"]["digest"]])
    manifest = {**manifest, "platform": {"os": config["os"], "architecture": config["architecture"]}}
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [manifest]}).encode()
    typed = {name: ("application/octet-stream", data) for name, data in blobs.items()}
    return {**typed, manifest["digest"]: (MANIFEST, blobs[manifest["digest"]]), digest(index): (INDEX, index)}, index


class Answers(BaseHTTPRequestHandler):
    """Answers as a registry does. Every tag stands for the index."""

    known: Mapping[str, tuple[str, bytes]] = {}
    index = b""

    def do_GET(self) -> None:
        """Send what the path names."""
        kind, name = self.path.split("/")[-2:]
        if self.path == "/v2/":
            self._send(200, "application/json", b"{}")
        elif name in self.known:
            self._send(200, *self.known[name])
        elif kind == "manifests" and ":" not in name:
            self._send(200, INDEX, self.index)
        else:
            self._send(404, "application/json", b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}')

    def do_HEAD(self) -> None:
        """Say what the path names."""
        self.do_GET()

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Docker-Content-Digest", digest(body))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def registry(layout: Path) -> Iterator[tuple[str, str]]:
    """Yield the address (host:port) of a registry with the image of a layout, and the digest that its tags have."""
    known, index = contents(layout)
    handler = type("OneImage", (Answers,), {"known": known, "index": index})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield f"127.0.0.1:{server.server_port}", digest(index)
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
