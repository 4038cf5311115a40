"""Stored results: which one an audit may reuse, and how its document is read back.

An audit's reuse key digests all that its result depends on. Audits of equal keys have equal results.
"""

import json
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType
from typing import Any

from modicum_server.domain.audits import Audit, AuditSpecification
from modicum_server.domain.datasets import Dataset
from modicum_server.domain.models import ModelVersion
from modicum_server.measures import FindingsArtifact
from modicum_server.measures.document import SCHEMA_VERSION
from modicum_server.ports import ArtifactStore, Transaction
from modicum_server.settings import Settings
from modicum_server.usecases.request_ids import canonical_digest
from modicum_server.usecases.waiting_threads import current_work

DTYPE = "float32"
AUTO = "auto"


def reuse_key(
    specification: AuditSpecification,
    versions: Sequence[ModelVersion],
    dataset: Dataset,
    settings: Settings,
    *,
    second: Dataset | None = None,
    counterfactual: Dataset | None = None,
    left_out: Mapping[str, Collection[int]] = MappingProxyType({}),
    schema_version: int = SCHEMA_VERSION,
) -> str:
    """Return the SHA-256 of specification, digests, versions, dtype, device kind and the limit on image files.

    The versions are those of the library and of the result's schema: an older schema lacks numbers, or means others by
    an outcome. So a stored result is reused only by a server that would write the same.

    `second` is the out-of-distribution data set, where there is one, and `counterfactual` the counterfactual one.

    Where the specification leaves the device open, the workers' setting is used. Where that leaves it open too, the key
    says "auto", and `reusable_audit` compares the devices that the workers chose.

    `left_out` are indices of items whose pictures were erased before, by data set.
    """
    gone = [sorted(left_out.get(name, ())) for name in specification.datasets]
    return canonical_digest(
        {
            "specification": specification.digest,
            "model_digests": [version.digest for version in versions],
            "manifest_digest": dataset.manifest_digest,
            "second_manifest_digest": "" if second is None else second.manifest_digest,
            "libraries": library_versions(),
            "schema_version": schema_version,
            "dtype": DTYPE,
            "device": settings.device if specification.device == AUTO else specification.device,
            "max_image_pixels": settings.max_image_pixels,
            **({} if counterfactual is None else {"counterfactual_manifest_digest": counterfactual.manifest_digest}),
            **({"left_out": gone} if any(gone) else {}),
        }
    )


async def reusable_audit(transaction: Transaction, project: str, audit: Audit) -> Audit | None:
    """Return a stored audit whose result this one can reuse, locked against deletion; None when it has to run.

    Where the workers choose the device, the stored result must come from the device that they chose last.
    """
    stored = await transaction.audits.reusable(project, audit.reuse_key)
    if stored is None or audit.specification.device != AUTO:
        return stored
    chosen = (await transaction.audits.parameters(stored.name)).get("device")
    return stored if chosen == await transaction.audits.newest_device() else None


def library_versions() -> Mapping[str, str]:
    """Return the library versions that results depend on; without the library, the server's, which pins it."""
    try:
        return {"modicum-sis": version("modicum-sis")}
    except PackageNotFoundError:
        return {"modicum-server": version("modicum-server")}


async def read_whole(artifacts: ArtifactStore, digest: str) -> bytes:
    """Return the bytes of an artifact."""
    return b"".join([data async for data in artifacts.read(digest)])


async def require_undamaged(artifacts: ArtifactStore, digest: str) -> None:
    """Read an artifact to its end. What is parsed as it comes is otherwise refused by its parser, whose words say less.

    Raises:
        ArtifactNotFound, ArtifactCorrupt
    """
    async for _ in artifacts.read(digest):
        pass


def read_beside(artifacts: ArtifactStore, digest: str) -> Generator[bytes]:
    """Yield the bytes of an artifact in one of the threads that may wait for the loop, which reads."""
    pieces, work = artifacts.read(digest), current_work()

    async def following() -> bytes | None:
        return await anext(pieces, None)

    try:
        while (piece := work.waited(following)) is not None:
            yield piece
    finally:
        work.afterwards(pieces.aclose)  # without waiting: the loop itself may close this generator


def findings_beside(artifacts: ArtifactStore, document: Mapping[str, Any]) -> FindingsArtifact:
    """Return the findings of a result document, which are read as `read_beside` does."""
    return FindingsArtifact(lambda: read_beside(artifacts, document["findings"]["digest"]))


def document_beside(artifacts: ArtifactStore, digest: str) -> dict[str, Any]:
    """Return a result document, which is read as `read_beside` does."""
    with closing(read_beside(artifacts, digest)) as pieces:
        document: dict[str, Any] = json.loads(b"".join(pieces))
    return document


async def read_document(artifacts: ArtifactStore, digest: str) -> dict[str, Any]:
    """Return a result document."""
    document: dict[str, Any] = json.loads(await read_whole(artifacts, digest))
    return document
