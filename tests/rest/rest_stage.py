"""A served API and its REST interface as a stranger sees it: plain HTTP, one connection per request."""

import asyncio
import hashlib
import http.client
import io
import json
from collections.abc import AsyncIterator, Container, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import grpc
from modicum_server.artifacts.folder_store import FolderArtifactStore
from modicum_server.domain.findings import Finding
from modicum_server.domain.models import ModelCheck, OutputKind
from modicum_server.measures.rows import write_findings
from modicum_server.metrics.api import ApiMetrics
from modicum_server.store.postgres import PostgresStore
from modicum_server.transports.api import Api
from modicum_server.transports.contract import services_of_contract
from modicum_server.transports.http.rest.openapi.document import document
from modicum_server.transports.http.rest.openapi.operations import path_of
from modicum_server.transports.http.rest.routes import Binding, bindings_of
from modicum_server.usecases.refused_attempts import RefusedAttempts

PROJECT = "projects/default"
TOKENS = {"admin": "token-of-ada", "auditor": "token-of-otto", "viewer": "token-of-vera"}
PATIENCE_SECONDS = 60.0

SIZE = {"channels": 3, "height": 8, "width": 8, "upperBound": 1, "interpolation": "bilinear"}
INPUT = {**SIZE, "mean": [0.5] * 3, "std": [0.5] * 3}


@cache
def operations() -> Mapping[Binding, Mapping[str, Any]]:
    """The description of every HTTP rule of the contract."""
    bindings = [one for service in services_of_contract() for method in service.methods for one in bindings_of(method)]
    paths = document()["paths"]
    return {one: paths[path_of(one)][one.verb.lower()] for one in bindings}


def described_statuses(verb: str, path: str) -> Container[int]:
    """The statuses with which an operation may respond. For an unknown operation, any status."""
    requested = "GET" if verb == "HEAD" else verb
    for binding, operation in operations().items():
        if binding.verb == requested and binding.template.match(path) is not None:
            return {int(status) for status in operation["responses"] if status != "default"}
    return range(1000)


@dataclass(frozen=True)
class Reply:
    """A complete response."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        assert self.headers["Content-Type"] == "application/problem+json", self
        assert self.json["status"] == self.status
        assert self.json["request_id"] == self.headers["X-Request-ID"]
        return self.json["reason"]


@dataclass(frozen=True)
class Rest:
    """The HTTP interface on a port, called with one person's token.

    `as_described`: a status that the description does not list for the operation fails the test.
    """

    port: int
    token: str | None = TOKENS["admin"]
    as_described: bool = True

    async def ask(
        self,
        verb: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        raw: bytes | Iterable[bytes] | None = None,
    ) -> Reply:
        """Send a request with a JSON body or raw bytes, and read the whole response."""
        sent = {"Content-Type": "application/json"} if body is not None else {}
        data = json.dumps(body).encode() if body is not None else raw

        def exchange() -> Reply:
            connection = self.send(verb, path, data, headers=sent | dict(headers or {}))
            try:
                response = connection.getresponse()
                return Reply(response.status, response.headers, response.read())
            finally:
                connection.close()

        reply = await asyncio.to_thread(exchange)
        if self.as_described:
            assert reply.status in described_statuses(verb, path.partition("?")[0]), (verb, path, reply)
        return reply

    def send(self, verb: str, path: str, data: Any = None, *, headers: Mapping[str, str]) -> http.client.HTTPConnection:
        """Send a request and return the open response."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        authorization = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        connection.request(verb, path, body=data, headers=authorization | dict(headers))
        return connection

    @asynccontextmanager
    async def events(self, path: str, **headers: str) -> AsyncIterator["Events"]:
        """Open a stream of events."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = await asyncio.to_thread(self.send, "GET", path, headers=named)
        try:
            yield Events(await asyncio.to_thread(connection.getresponse))
        finally:
            connection.close()


@dataclass(frozen=True)
class Events:
    """An open stream of events."""

    response: http.client.HTTPResponse

    async def next(self) -> dict[str, str]:
        """Return the fields of the next event, or a comment as `comment`; nothing at the end of the stream."""
        return await asyncio.to_thread(self._next)

    def _next(self) -> dict[str, str]:
        fields: dict[str, str] = {}
        while (line := self.response.readline().decode()) not in {"", "\n"}:
            name, _, value = line.rstrip("\n").partition(": ")
            fields[name.strip(":") or "comment"] = value
        return fields


@dataclass
class Served:
    """A served API, its stores and its interfaces."""

    api: Api
    store: PostgresStore
    artifact_store: FolderArtifactStore
    metrics: ApiMetrics
    grpc_port: int
    http_port: int
    channel: grpc.aio.Channel
    refused: RefusedAttempts

    def rest(self, who: str = "admin") -> Rest:
        return Rest(self.http_port, TOKENS[who])

    async def upload(self, data: bytes, project: str = PROJECT) -> str:
        digest = hashlib.sha256(data).hexdigest()
        reply = await self.rest().ask("PUT", f"/v1/{project}/artifacts/{digest}", raw=data)
        assert reply.status == 200, reply
        return digest

    async def manifest(self, *labels: str) -> str:
        """Upload images and a manifest of them. Return its digest."""
        images = [await self.upload(f"image {place}".encode()) for place in range(len(labels))]
        rows = [
            {"item": f"{place}.png", "image": image, "label": label}
            for place, (image, label) in enumerate(zip(images, labels, strict=True))
        ]
        return await self.upload("\n".join(map(json.dumps, rows)).encode())

    async def audit(self, audit_id: str = "first", model: str = "net", dataset: str = "photos") -> str:
        """Create an audit and all that it needs. Return its name."""
        rest = self.rest()
        await rest.ask("POST", f"/v1/{PROJECT}/models?modelId={model}", {})
        weights = {"digest": await self.upload(b"weights"), "architecture": "torchvision:resnet18"}
        version = {"weights": weights, "input": INPUT, "classLabels": ["cat", "dog"]}
        made = (await rest.ask("POST", f"/v1/{PROJECT}/models/{model}/versions", version)).json["name"]
        await self.accept(made)
        manifest = {"manifestDigest": await self.manifest("cat", "dog")}
        photos = (await rest.ask("POST", f"/v1/{PROJECT}/datasets?datasetId={dataset}", manifest)).json["name"]
        requested = {"modelVersions": [made], "dataset": photos, "searches": [{"threshold": 0.9}]}
        reply = await rest.ask("POST", f"/v1/{PROJECT}/audits?auditId={audit_id}", {"specification": requested})
        assert reply.status == 200, reply
        return reply.json["name"]

    async def accept(self, version: str, **changes: Any) -> None:
        """End the check of a version as a worker would."""
        async with self.store.transaction() as transaction:
            await transaction.models.accept(version, replace(ModelCheck(2, OutputKind.LOGITS, True, 3.0), **changes))

    async def succeed(
        self,
        audit: str,
        findings: int = 1,
        result: Mapping[str, Any] | None = None,
        each: Mapping[str, Any] | None = None,
    ) -> None:
        """End an audit as a worker would, with this many findings and this result document, or with one of no model.

        `each` are fields of all findings. Without them, the stored findings name no version.
        """
        async with self.store.transaction() as transaction:
            versions = (await transaction.audits.get(audit)).specification.model_versions
            plain = [Finding(place, f"{place}.png", f"{place:02x}" * 32, versions[0], 0) for place in range(findings)]
            found = [replace(one, **(each or {})) for one in plain]
            await transaction.findings.add(audit, found)
        packed = io.BytesIO()
        rows = found if each else [replace(one, model_version="") for one in found]  # equal in every project
        write_findings(rows, packed)
        stored = await self.artifact_store.put(packed.getvalue())
        whole = {"schema_version": 1, "models": [], **(result or {}), "findings": {"digest": stored}}
        digest = await self.artifact_store.put(json.dumps(whole).encode())
        async with self.store.transaction() as transaction:
            await transaction.audits.succeed(audit, result_digest=digest, artifacts=[stored])
