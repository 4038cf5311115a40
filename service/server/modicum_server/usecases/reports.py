"""Reports of an audit: pure functions of its result document and the artifacts that the document names."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from modicum_server.domain.audits import Audit
from modicum_server.domain.models import InputSpecification
from modicum_server.domain.projects import Principal
from modicum_server.errors import ArtifactNotFound, FormatUnknown
from modicum_server.measures import FindingRows
from modicum_server.ports import ArtifactStore, ReportRenderer, Store
from modicum_server.usecases.audits import Audits, require_succeeded
from modicum_server.usecases.inputs import first_part, framing_of
from modicum_server.usecases.stored_results import read_document, read_whole
from modicum_server.usecases.versions import require_version


class ReportFormat(StrEnum):
    """A form of report."""

    JSON = "json"
    HTML = "html"
    CANVAS = "canvas"


MEDIA_TYPES = {
    ReportFormat.JSON: "application/json",
    ReportFormat.HTML: "text/html; charset=utf-8",
    ReportFormat.CANVAS: "application/zip",
}


@dataclass(frozen=True, slots=True)
class Report:
    """A report: its media type, and its bytes as they are rendered."""

    media_type: str
    pieces: AsyncGenerator[bytes]


class Reports:
    """Renders reports."""

    def __init__(self, store: Store, artifacts: ArtifactStore, renderer: ReportRenderer) -> None:
        self._store = store
        self._audits = Audits(store)
        self._artifacts = artifacts
        self._renderer = renderer

    async def render(self, principal: Principal, name: str, form: ReportFormat | None) -> Report:
        """Begin the report of an audit that succeeded; None is a form that the caller knows and we do not.

        Memory is bounded: rows pass by, however many there are. The pieces are to be read to their end, or closed.

        Raises:
            FieldInvalid, ProjectNotFound, FormatUnknown, AuditNotFound, AuditNotSucceeded
        """
        audit = await self._audits.get(principal, name)
        if form is None:
            raise FormatUnknown(f"expected one of {', '.join(ReportFormat)}, got none that this server writes")
        require_succeeded(audit)
        document = await read_document(self._artifacts, audit.result_digest)
        match form:
            case ReportFormat.JSON:
                pieces = self._json(document)
            case ReportFormat.HTML:
                pieces = self._page(audit, document)
            case ReportFormat.CANVAS:
                pieces = self._canvas(audit, document)
        return Report(MEDIA_TYPES[form], pieces)

    async def _json(self, document: Mapping[str, Any]) -> AsyncGenerator[bytes]:
        report = self._renderer.json(document)
        yield report.begin()
        async with aclosing(self._findings(document)) as packed:
            async for piece in packed:
                for text in report.feed(piece):
                    yield text
        yield report.end()

    async def _page(self, audit: Audit, document: Mapping[str, Any]) -> AsyncGenerator[bytes]:
        """The page whole: what it shows is bounded, and the rows that it is chosen from are read twice."""
        async with self._store.transaction() as transaction:
            names = audit.specification.model_versions
            versions = [await require_version(transaction, name) for name in names]
        framing = framing_of(audit.specification.canvas, versions)
        loop = asyncio.get_running_loop()
        yield await asyncio.to_thread(
            lambda: self._renderer.html(
                document,
                FindingRows(lambda: self._read_beside(loop, document)),
                self._loader(loop),
                inputs={} if framing is None else dict.fromkeys(names, framing),
                labels={version.name: version.class_labels for version in versions},
            )
        )

    async def _canvas(self, audit: Audit, document: Mapping[str, Any]) -> AsyncGenerator[bytes]:
        """The images that have a subset, one after another; one that is not stored any more is left out."""
        framing, loop = await self._framing(audit), asyncio.get_running_loop()
        archive = self._renderer.canvas(document, framing, audit.specification.canvas)
        digests = await asyncio.to_thread(
            lambda: self._renderer.canvas_images(FindingRows(lambda: self._read_beside(loop, document)))
        )
        for digest in digests:
            try:
                data = await read_whole(self._artifacts, digest)
            except ArtifactNotFound:
                continue
            yield await asyncio.to_thread(archive.add, digest, data)
        yield archive.end()

    async def _framing(self, audit: Audit) -> InputSpecification:
        """As the search framed its images; where no version of the audit has an input, that of the first's first part.

        Raises:
            ModelVersionNotFound
        """
        async with self._store.transaction() as transaction:
            versions = [await require_version(transaction, name) for name in audit.specification.model_versions]
            framing, first = framing_of(audit.specification.canvas, versions), versions[0]
            while framing is None:
                first = await require_version(transaction, first_part(first))
                framing = first.input
        return framing

    async def _findings(self, document: Mapping[str, Any]) -> AsyncGenerator[bytes]:
        """The bytes of the findings artifact."""
        async for piece in self._artifacts.read(document["findings"]["digest"]):
            yield piece

    def _read_beside(self, loop: asyncio.AbstractEventLoop, document: Mapping[str, Any]) -> Iterator[bytes]:
        """The same for a rendering thread; the loop does the reading."""
        packed = self._findings(document)

        async def following() -> bytes | None:
            return await anext(packed, None)

        try:
            while (piece := asyncio.run_coroutine_threadsafe(following(), loop).result()) is not None:
                yield piece
        finally:
            # not waited for: an error may leave this generator to be closed by the loop itself
            asyncio.run_coroutine_threadsafe(packed.aclose(), loop)

    def _loader(self, loop: asyncio.AbstractEventLoop) -> Callable[[str], bytes | None]:
        """Return a function that a rendering thread calls for an image's bytes; the loop does the reading."""

        def load_image(digest: str) -> bytes | None:
            try:
                return asyncio.run_coroutine_threadsafe(read_whole(self._artifacts, digest), loop).result()
            except ArtifactNotFound:
                return None

        return load_image
