"""A real issuer of identity tokens on loopback: its own keys, a discovery document and a JWK set over HTTP."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

AUDIENCE = "https://modicum.example.org"
#: As GitHub Actions says it of a job.
CLAIMS = {
    "sub": "repo:octo/birds:ref:refs/heads/main",
    "repository": "octo/birds",
    "repository_id": "1296269",
    "repository_owner_id": "583231",
    "ref": "refs/heads/main",
    "ref_protected": True,
}


@cache
def rsa_key(_which: str = "first") -> rsa.RSAPrivateKey:
    """An RSA key, the same for each name in this process."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def jwk_of(key: Any, key_id: str, **more: str) -> dict[str, Any]:
    """The public key as an entry of a JWK set."""
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": key_id, "use": "sig", **more}


Reply = tuple[int, bytes, Mapping[str, str]]
"""Status, body and headers."""


@dataclass
class Issuer:
    """What it serves and signs. Tests change it; the server takes each reply from here."""

    address: str
    keys: list[dict[str, Any]] = field(default_factory=lambda: [jwk_of(rsa_key(), "one")])
    replies: dict[str, Reply] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    bearers: list[str] = field(default_factory=list)
    byte_seconds: float = 0.0

    def reply(self, path: str) -> Reply:
        self.asked.append(path)
        if path in self.replies:
            return self.replies[path]
        documents = {"/.well-known/openid-configuration": self.discovery(), "/keys": {"keys": self.keys}}
        return (200, json.dumps(documents[path]).encode(), {}) if path in documents else (404, b"", {})

    def discovery(self) -> dict[str, Any]:
        """What its discovery document says."""
        return {"issuer": self.address, "jwks_uri": f"{self.address}/keys"}

    def answer(self, path: str, _form: bytes, _headers: Mapping[str, str]) -> Reply:
        """What it answers to a form: an issuer takes none."""
        self.asked.append(path)
        return 404, b"", {}

    def token(
        self,
        key: Any = None,
        *,
        key_id: str | None = "one",
        algorithm: str = "RS256",
        headers: Mapping[str, Any] | None = None,
        without: tuple[str, ...] = (),
        **changed: Any,
    ) -> str:
        """An identity token, good for five minutes, unless something is changed."""
        now = int(time.time())
        claims = {
            "iss": self.address,
            "aud": AUDIENCE,
            "iat": now,
            "nbf": now,
            "exp": now + 300,
            "jti": str(uuid.uuid4()),
        }
        said = {name: value for name, value in {**claims, **CLAIMS, **changed}.items() if name not in without}
        named = {} if key_id is None else {"kid": key_id}
        return jwt.encode(said, rsa_key() if key is None else key, algorithm, headers={**named, **(headers or {})})


Kind = TypeVar("Kind", bound=Issuer)


def running_issuer() -> AbstractContextManager[Issuer]:
    """Start an issuer on a free port of loopback."""
    return running(Issuer)


@contextmanager
def running(kind: Callable[[str], Kind]) -> Iterator[Kind]:
    """Start an issuer of a kind on a free port of loopback."""

    class Handler(_Handler):
        def of(self) -> Issuer:
            return issuer

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = kind(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Serves what an issuer answers."""

    def of(self) -> Issuer:
        raise NotImplementedError

    def do_GET(self) -> None:
        if "Authorization" in self.headers:
            self.of().bearers.append(self.headers["Authorization"])
        self._send_reply(self.of().reply(self.path))

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._send_reply(self.of().answer(self.path, form, self.headers))

    def _send_reply(self, reply: Reply) -> None:
        status, body, headers = reply
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self._send(body)
        except OSError:
            return  # the reader has gone

    def _send(self, body: bytes) -> None:
        seconds = self.of().byte_seconds
        if not seconds:
            self.wfile.write(body)
            return
        for at in range(len(body)):
            self.wfile.write(body[at : at + 1])
            time.sleep(seconds)

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""
