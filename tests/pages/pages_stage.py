"""A served API with projects, models, data sets, audits and verdicts, and a browser's view of it by plain HTTP."""

import asyncio
import base64
import hashlib
import http.client
import io
import json
import re
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
from modicum_server.artifacts.folder_store import FolderArtifactStore
from modicum_server.bootstrap import api_adapters, open_artifact_store
from modicum_server.domain.audits import Audit, AuditFailure, AuditSpecification, ItemCounts, Stage
from modicum_server.domain.models import ModelCheck, OutputKind, Weights
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.searches import Canvas, Search, SearchMethod
from modicum_server.domain.spots import SpotRow
from modicum_server.domain.verdicts import Verdict
from modicum_server.measures import FindingsArtifact, result_document
from modicum_server.measures.document import canonical_json
from modicum_server.metrics.api import ApiMetrics
from modicum_server.metrics.scrapes import Scrapes
from modicum_server.settings import Settings
from modicum_server.store.changes import PostgresChanges
from modicum_server.store.postgres import PostgresStore
from modicum_server.transports.api import Api
from modicum_server.transports.call_limits import Bounds
from modicum_server.transports.readiness import Readiness
from modicum_server.transports.services import Services, build_services
from modicum_server.usecases.audit_creation import AuditOptions
from modicum_server.usecases.judging import AskedPolicy
from modicum_server.usecases.request_ids import CreateOptions
from modicum_server.usecases.sessions import new_link
from modicum_server.usecases.specifications import AuditDraft
from modicum_server.usecases.versions import NewVersion
from PIL import Image

from tests.clock import Pauses
from tests.measures.example_audit import INPUT, LABELS, failed, finding, pack
from tests.tokens import add_token

PROJECT, OTHER = "projects/default", "projects/secret"
ADA = Principal("ada", {PROJECT: Role.ADMIN})
EVE = Principal("eve", {OTHER: Role.ADMIN})
TOKENS = {"ada": "token-of-ada", "otto": "token-of-otto", "vera": "token-of-vera", "eve": "token-of-eve"}
ROLES = {"ada": Role.ADMIN, "otto": Role.AUDITOR, "vera": Role.VIEWER}
PATIENCE_SECONDS = 60.0
ISSUER = "https://token.actions.githubusercontent.com"
"""Whose identity tokens the server accepts. Nothing asks it."""
POLICY = """version: 1
require: {eligible_images: 10, passes: 100}
preset: report-only
rules:
  overinterpretation-rate: {level: error, max: 0.01}
  accuracy: {level: warn, min: 0.1}
"""


@dataclass
class Scene:
    """A served API whose loop runs in a thread, and what fills its store."""

    store: PostgresStore
    artifacts: FolderArtifactStore
    services: Services
    http_port: int
    loop: asyncio.AbstractEventLoop
    database_url: str
    principals: dict[str, Principal] = field(default_factory=lambda: {PROJECT: ADA, OTHER: EVE})
    pictured: str = ""
    """The name of a verdict whose worst spot has pictures."""
    reviewed: str = ""
    """The name of a review with answers."""
    grpc_port: int = 0
    pauses: Pauses = field(default_factory=Pauses)
    """The pauses after wrong tokens, which are left out."""

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do something on the loop of the API."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE_SECONDS)

    def browser(self, who: str = "ada", host: str = "") -> "PlainBrowser":
        """A browser in which somebody has signed in."""
        browser = PlainBrowser(self.http_port, host or f"127.0.0.1:{self.http_port}")
        assert browser.sign_in(TOKENS[who]).status == 303
        return browser

    def link(self, who: str = "ada") -> str:
        """The secret of a link that signs somebody in."""
        return self.run(new_link(self.store, TOKENS[who]))

    async def people(self) -> None:
        """Add everybody's token."""
        async with self.store.transaction() as transaction:
            await transaction.projects.create(OTHER, admin="eve")
            for who, token in TOKENS.items():
                project, role = (OTHER, Role.ADMIN) if who == "eve" else (PROJECT, ROLES[who])
                await add_token(transaction, token, principal=who, project=project, role=role)

    async def hold(self, data: bytes, project: str = PROJECT, *, size_bytes: int | None = None) -> str:
        """Store bytes for a project, noted with another size where one is given; returns their digest."""
        digest = await self.artifacts.put(data)
        async with self.store.transaction() as transaction:
            await transaction.artifacts.add(project, digest, len(data) if size_bytes is None else size_bytes)
        return digest

    async def model(self, model: str = "tiny", project: str = PROJECT, labels: tuple[str, ...] = LABELS) -> str:
        """Register a READY version of a model; returns its name."""
        name = await self.unchecked(model, project, labels)
        async with self.store.transaction() as transaction:
            await transaction.models.accept(name, ModelCheck(len(labels), OutputKind.LOGITS, True, 3.0))
        return name

    async def unchecked(
        self, model: str = "tiny", project: str = PROJECT, labels: tuple[str, ...] = LABELS[:-1]
    ) -> str:
        """Register a version of a model that no worker has checked; returns its name."""
        able, who = self.services.use_cases, self.principals[project]
        await able.models.create(who, project, model, CreateOptions())
        weights = await self.hold(f"weights {model} {project} {labels} {len(labels)}".encode(), project)
        new = NewVersion(Weights(weights, "modicum:small_cnn"), INPUT, labels)
        return (await able.versions.create(who, f"{project}/models/{model}", new, CreateOptions())).name

    async def dataset(self, dataset: str = "few", count: int = 12, project: str = PROJECT, **names: str) -> str:
        """Upload pictures; returns the name of the data set. `names` gives items names by their number."""
        rows = []
        for place in range(count):
            digest = await self.hold(picture(place), project)
            item = names.get(f"item{place}", f"{LABELS[place % 3]}/{place}.png")
            rows.append({"item": item, "image": digest, "label": LABELS[place % 3]})
        manifest = await self.hold("\n".join(map(json.dumps, rows)).encode(), project)
        able = self.services.use_cases
        made = await able.datasets.create(self.principals[project], project, dataset, manifest, CreateOptions())
        return made.name

    async def audit(
        self,
        audit: str,
        version: str,
        dataset: str,
        *,
        threshold: float = 0.9,
        passes: int = 600,
        seed: int = 0,
        beside: Sequence[str] = (),
    ) -> Audit:
        """Queue an audit of a version, and of others beside it."""
        project = "/".join(version.split("/")[:2])
        search = Search(SearchMethod.MASK_OPTIMIZATION, threshold, passes=passes)
        asked = AuditSpecification((version, *beside), dataset, Canvas(0, 0, 0), (search,), (), seed, 0, "")
        return await self.services.use_cases.audit_creation.create(
            self.principals[project], project, AuditDraft(asked), AuditOptions(audit_id=audit, no_reuse=True)
        )

    async def begin(self, audit: Audit, images: int = 3, *, is_held: bool = True) -> None:
        """Let an audit run, as a worker would, until it has done some images; `is_held`: a worker goes on with it."""
        version = audit.specification.model_versions[0]
        async with self.store.transaction() as transaction:
            await transaction.audits.start(audit.name, Stage.SEARCH)
            await transaction.findings.add(
                audit.name, [finding(place, model_version=version) for place in range(images)]
            )
            await transaction.audits.add_progress(audit.name, passes_done=images * 900)
            while is_held and (shard := await transaction.shards.claim("me", lease_seconds=3600)) is not None:
                is_held = shard.audit != audit.name

    async def succeed(
        self,
        audit: Audit,
        size: int = 3,
        failed_places: tuple[int, ...] = (),
        changes: Callable[[int], Mapping[str, Any]] = lambda _: {},
        spots: Sequence[SpotRow] | None = None,
    ) -> None:
        """End an audit as a worker would, with subsets of about so many pixels, and findings changed by their place."""
        names = audit.specification.model_versions
        found = [
            replace(failed(place), model_version=names[0])
            if place in failed_places
            else replace(finding(place, size + place % 3, model_version=names[0], label=place % 3), **changes(place))
            for place in range(audit.item_count)
        ]
        packed = pack(found)
        async with self.store.transaction() as transaction:
            versions = [await transaction.models.version(name) for name in names]
            dataset = await transaction.datasets.get(audit.specification.dataset)
            await transaction.findings.add(audit.name, found)
        document = result_document(
            audit=audit,
            dataset=dataset,
            item_counts=ItemCounts(len(found), 0, 0),
            versions=versions,
            findings=FindingsArtifact(lambda: (packed,)),
            parameters={"device": "cpu", "chunk_size": 4, "versions": {"torch": "2.4"}, "donor_digests": []},
            findings_digest=hashlib.sha256(packed).hexdigest(),
            spots=None if spots is None else {names[0]: spots},
        )
        rows = await self.artifacts.put(packed)
        digest = await self.artifacts.put(canonical_json(document))
        async with self.store.transaction() as transaction:
            await transaction.audits.succeed(audit.name, result_digest=digest, artifacts=[rows])

    async def fail(self, audit: Audit, reason: str = "MODEL_DIED", detail: str = "its process ended") -> None:
        """End an audit without a result."""
        async with self.store.transaction() as transaction:
            await transaction.audits.fail(audit.name, AuditFailure(reason, detail))

    async def judge(self, audit: Audit, policy: str = POLICY) -> Verdict:
        """Store a verdict on an audit."""
        who = self.principals["/".join(audit.name.split("/")[:2])]
        return await self.services.use_cases.judging.judge(who, audit.name, AskedPolicy(policy), CreateOptions())

    async def judge_with_spot(self, audit: Audit) -> Verdict:
        """Store a verdict whose document has the pictures of a worst spot."""
        verdict = await self.judge(audit)
        document = await self.services.use_cases.verdicts.document(ADA, verdict)
        return await self.with_document(verdict, {**document, "worst_spot": worst_spot()})

    async def with_document(self, verdict: Verdict, document: Mapping[str, Any] | None) -> Verdict:
        """Store a verdict again under another document, or under one that is gone."""
        digest = "0" * 64 if document is None else await self.hold(json.dumps(document).encode())
        async with self.store.transaction() as transaction:
            name = f"{verdict.name}-{digest[:6]}"
            return await transaction.verdicts.create(replace(verdict, name=name, document_digest=digest))

    async def store_again(self, verdict: Verdict, times: int) -> None:
        """Store a verdict as many times again, under names of their own."""
        async with self.store.transaction() as transaction:
            for number in range(times):
                await transaction.verdicts.create(replace(verdict, name=f"{verdict.name}-again-{number}"))

    async def under_policy(self, verdict: Verdict, policy_digest: str) -> Verdict:
        """Store a verdict again as one by another policy."""
        async with self.store.transaction() as transaction:
            name = f"{verdict.name}-{policy_digest[:6]}"
            return await transaction.verdicts.create(replace(verdict, name=name, policy_digest=policy_digest))


def worst_spot() -> Mapping[str, Any]:
    """A worst spot as a verdict's document has it."""
    uri = f"data:image/png;base64,{base64.b64encode(picture(2)).decode()}"
    said = {
        "cat/1.png": "The model says cat (99%).",
        "The spot covered by pixels of another picture": "The model then says another class than cat.",
        "dog/<2>.png": "The model says dog (62%).",
        "The spot pasted onto dog/<2>.png": "The model now says cat.",
    }
    return {
        "model_version": f"{PROJECT}/models/tiny/versions/1",
        "subject": "cat",
        "outcome": "FAIL",
        "place": {"kind": "WINDOW", "height": 4, "width": 4, "top": 8, "left": 8},
        "canvas": {"height": 48, "width": 48},
        "outline": "M8 8h4v4h-4z",
        "pictures": [{"title": title, "text": text, "uri": uri} for title, text in said.items()],
    }


def picture(place: int, side: int = 48) -> bytes:
    """A gradient with a bright square, another one for each place."""
    ramp = np.linspace(30, 200, side).astype(np.uint8)
    pixels = np.stack([np.tile(ramp, (side, 1)), np.tile(ramp[:, None], (1, side)), np.full((side, side), 90)], axis=2)
    pixels = pixels.astype(np.uint8)
    pixels[place % 5 * 8 : place % 5 * 8 + 6, place % 4 * 10 : place % 4 * 10 + 6] = 250 - place % 90
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()


@contextmanager
def served(database_url: str, folder: Path, **given: Any) -> Iterator[Scene]:
    """Serve an API on loopback, on a loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(PATIENCE_SECONDS)

    async def start() -> tuple[Api, PostgresChanges, Scene]:
        settings = Settings(**{"grpc_port": 0, "http_port": 0, "grace_seconds": 1, **given})
        store, changes, metrics = PostgresStore(database_url), PostgresChanges(database_url), ApiMetrics()
        artifacts = open_artifact_store(str(folder / "artifacts"))
        adapters = api_adapters(store, changes, artifacts, settings)
        services = build_services(adapters, settings=settings, metrics=metrics)
        readiness = Readiness(store, artifacts)
        exposition = Scrapes(store, artifacts, readiness.check, settings=settings, metrics=metrics)
        pauses = Pauses()
        api = Api(
            services,
            store,
            readiness=readiness,
            exposition=exposition,
            settings=settings,
            metrics=metrics,
            bounds=Bounds(pause=pauses),
        )
        grpc_port, http_port = await api.start()
        stage = Scene(store, artifacts, services, http_port, loop, database_url, grpc_port=grpc_port, pauses=pauses)
        return api, changes, stage

    api, changes, stage = run(start())
    try:
        yield stage
    finally:

        async def stop() -> None:
            await api.stop(grace=0)
            await changes.close()
            await stage.store.close()

        run(stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE_SECONDS)
        loop.close()


@dataclass(frozen=True)
class Seen:
    """A whole response."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def form_token(self) -> str:
        """The seal of the first form of a page."""
        return re.search(r'name="form_token" value="([^"]+)"', self.text)[1]


@dataclass
class PlainBrowser:
    """What a browser does with cookies and forms, without running scripts and without following redirects."""

    port: int
    host: str
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Seen:
        """Open a page."""
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, fields: Mapping[str, Any], origin: str | None = None, **headers: str) -> Seen:
        """Send a form as it stands."""
        sent = {"Content-Type": "application/x-www-form-urlencoded", "Origin": origin or f"http://{self.host}"}
        return self.ask("POST", path, urlencode(fields, doseq=True), sent | headers)

    def send(self, page: str, path: str, **fields: Any) -> Seen:
        """Open a page, and send a form of it."""
        return self.post(path, {"form_token": self.get(page).form_token, **fields})

    def sign_in(self, token: str) -> Seen:
        return self.send("/sign-in", "/sign-in", token=token)

    def ask(self, verb: str, path: str, body: str | None = None, headers: Mapping[str, str] | None = None) -> Seen:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        named = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        try:
            connection.request(verb, path, body, {"Host": self.host, **({"Cookie": cookie} if cookie else {}), **named})
            response = connection.getresponse()
            seen = Seen(response.status, response.headers, response.read())
        finally:
            connection.close()
        for given in seen.headers.get_all("Set-Cookie") or ():
            name, _, value = given.partition(";")[0].partition("=")
            self.cookies[name] = value
        return seen
