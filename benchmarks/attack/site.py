"""What is attacked: a real `modicum-server serve` behind TLS with its Postgres, and two teams, each with an audit."""

import asyncio
import hashlib
import ipaddress
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from modicum_server.artifacts.folder_store import FolderArtifactStore
from modicum_server.domain.audits import AuditSpecification
from modicum_server.domain.models import InputSpecification, ModelCheck, OutputKind, Weights
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.searches import Canvas, Search, SearchMethod
from modicum_server.endpoints.entries_file import EntriesFile
from modicum_server.images.objects import check_objects
from modicum_server.local.postgres import EmbeddedPostgres
from modicum_server.settings import Settings
from modicum_server.store.migrate import migrate
from modicum_server.store.postgres import PostgresStore
from modicum_server.usecases.artifacts import Artifacts, UploadHeader
from modicum_server.usecases.audit_creation import AuditCreation, AuditOptions
from modicum_server.usecases.datasets import Datasets
from modicum_server.usecases.models import Models
from modicum_server.usecases.operator_tokens import OperatorTokens
from modicum_server.usecases.request_ids import CreateOptions
from modicum_server.usecases.specifications import AuditDraft
from modicum_server.usecases.versions import NewVersion, Versions

TEAM, MALLORY = "projects/team", "projects/mallory"
ARTIFACT_BYTES = 32 * 1024**2
PIECE_BYTES = 1024**2
START_SECONDS, POLL_SECONDS, STOP_SECONDS = 120.0, 0.1, 60.0
INPUT = InputSpecification(3, 8, 8, 0.0, 1.0, 0, "bilinear", (0.5,) * 3, (0.5,) * 3)
CHECK = ModelCheck(2, OutputKind.LOGITS, useful_gradient=True, pass_milliseconds=3.0)


@dataclass(frozen=True, slots=True)
class Site:
    """Where it serves, by which certificate, in which process, and what is there.

    `tokens`: an auditor's by project, a viewer's of mallory's, and an admin's of the team. `audits`: one by project,
    which is queued.
    """

    grpc_address: str
    http_address: str
    certificate: Path
    pid: int
    tokens: Mapping[str, str]
    viewer: str
    admin: str
    audits: Mapping[str, str]
    artifact: str
    database_url: str


@asynccontextmanager
async def served(folder: Path, **settings: str) -> AsyncIterator[Site]:
    """Serve below a folder while the context is open. `settings` are variables of the server's environment."""
    postgres = EmbeddedPostgres(folder / "postgres")
    await postgres.start()
    try:
        await asyncio.to_thread(migrate, postgres.url)
        teams = await _furnished(PostgresStore(postgres.url), folder / "artifacts")
        certificate, _ = _certified(folder)
        environment = {**_environment(postgres.url, folder, certificate), **settings}
        process, ready = await _started(folder, environment)
        try:
            grpc_address, http_address = ready["grpc_address"], ready["http_address"]
            yield Site(grpc_address, http_address, certificate, process.pid, *teams, postgres.url)
        finally:
            await _stopped(process)
    finally:
        await postgres.stop()


@asynccontextmanager
async def beside(folder: Path, site: Site, **settings: str) -> AsyncIterator[Site]:
    """Serve the same database and artifacts by one more process while the context is open."""
    environment = {**_environment(site.database_url, folder, site.certificate), **settings}
    more = folder / "beside"
    more.mkdir()
    process, ready = await _started(more, environment)
    try:
        yield replace(site, grpc_address=ready["grpc_address"], http_address=ready["http_address"], pid=process.pid)
    finally:
        await _stopped(process)


def _environment(database_url: str, folder: Path, certificate: Path) -> dict[str, str]:
    return {
        "MODICUM_DATABASE_URL": database_url,
        "MODICUM_ARTIFACTS_URL": str(folder / "artifacts"),
        "MODICUM_TLS_CERT": str(certificate),
        "MODICUM_TLS_KEY": str(certificate.with_name("key.pem")),
    }


async def _stopped(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    await asyncio.to_thread(process.wait, STOP_SECONDS)


async def _started(folder: Path, environment: Mapping[str, str]) -> tuple["subprocess.Popen[bytes]", dict[str, str]]:
    ready = folder / "ready.json"
    words = ["serve", "--grpc-port", "0", "--http-port", "0", "--ready-file", str(ready)]
    with (folder / "api.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220, S603 - it goes on beside this; the words are ours
            [sys.executable, "-m", "modicum_server.cli", *words], env={**os.environ, **environment}, stderr=log
        )
    async with asyncio.timeout(START_SECONDS):
        while not ready.exists():
            if process.poll() is not None:
                raise RuntimeError(f"the API did not start: {(folder / 'api.log').read_text()[-2000:]}")
            await asyncio.sleep(POLL_SECONDS)
    return process, {name: str(value) for name, value in json.loads(ready.read_text()).items()}


async def _furnished(store: PostgresStore, folder: Path) -> tuple[dict[str, str], str, str, dict[str, str], str]:
    """Make the teams, their tokens and audits, and an artifact of mallory's; return the last fields of a `Site`."""
    artifacts, tokens = FolderArtifactStore(folder), OperatorTokens(store)
    async with store.transaction() as transaction:
        for project in (TEAM, MALLORY):
            await transaction.projects.create(project, admin="ada")
    secrets = {
        project: (await tokens.create(f"{project[9:]}-ci", project, Role.AUDITOR)).secret for project in (TEAM, MALLORY)
    }
    viewer = (await tokens.create("eve", MALLORY, Role.VIEWER)).secret
    admin = (await tokens.create("ada", TEAM, Role.ADMIN)).secret
    audits = {project: await _audit(store, artifacts, project) for project in (TEAM, MALLORY)}
    digest = await _uploaded(store, artifacts, MALLORY, os.urandom(ARTIFACT_BYTES))
    await store.close()
    return secrets, viewer, admin, audits, f"{MALLORY}/artifacts/{digest}"


async def _audit(store: PostgresStore, artifacts: FolderArtifactStore, project: str) -> str:
    """Queue an audit of one image, which no worker begins."""
    principal, settings = Principal("ada", {project: Role.ADMIN}), Settings()
    await Models(store).create(principal, project, "net", CreateOptions())
    weights = await _uploaded(store, artifacts, project, b"weights")
    new = NewVersion(source=Weights(weights, "torchvision:resnet18"), input=INPUT, class_labels=("cat", "dog"))
    versions = Versions(store, settings, EntriesFile(settings.endpoints_file))
    version = await versions.create(principal, f"{project}/models/net", new, CreateOptions())
    async with store.transaction() as transaction:
        await transaction.models.accept(version.name, CHECK)
    image = await _uploaded(store, artifacts, project, b"image")
    line = json.dumps({"item": "a.png", "image": image, "label": "cat"})
    manifest = await _uploaded(store, artifacts, project, line.encode())
    datasets = Datasets(store, artifacts, settings, check_objects=check_objects)
    dataset = await datasets.create(principal, project, "photos", manifest, CreateOptions())
    asked = AuditSpecification(
        model_versions=(version.name,),
        dataset=dataset.name,
        canvas=Canvas(0, 0, 0),
        searches=(Search(SearchMethod.MASK_OPTIMIZATION, threshold=0.9),),
        controls=(),
        seed=0,
        sample=0,
        device="",
    )
    return (await AuditCreation(store, settings).create(principal, project, AuditDraft(asked), AuditOptions())).name


async def _uploaded(store: PostgresStore, artifacts: FolderArtifactStore, project: str, data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(data), PIECE_BYTES):
            yield data[start : start + PIECE_BYTES]

    header = UploadHeader(project, digest, len(data), 0)
    await Artifacts(store, artifacts, Settings()).upload(Principal("ada", {project: Role.ADMIN}), header, pieces())
    return digest


def _certified(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for 127.0.0.1 and its key."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]),
    )
    now, loopback = datetime.now(UTC), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([loopback]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    paths[0].write_bytes(certificate.public_bytes(pem))
    paths[1].write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
    return paths
