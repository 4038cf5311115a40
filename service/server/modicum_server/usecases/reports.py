"""Reports of an audit, rendered from its result document and the artifacts that the document names."""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar

from modicum_server.domain.audits import Audit
from modicum_server.domain.findings import Finding
from modicum_server.domain.models import InputSpecification, ModelVersion
from modicum_server.domain.projects import Principal
from modicum_server.domain.reviews import Review
from modicum_server.errors import ArtifactNotFound, FormatUnknown
from modicum_server.measures import canonical_json
from modicum_server.ports import ArtifactStore, CanvasWriter, JsonWriter, ReportRenderer, Store
from modicum_server.settings import Settings
from modicum_server.usecases.audits import Audits, require_succeeded
from modicum_server.usecases.input_specifications import first_part, framing_of
from modicum_server.usecases.open_downloads import OpenDownloads
from modicum_server.usecases.read_reviews import named_reviews, reported_review
from modicum_server.usecases.resource_names import project_of
from modicum_server.usecases.retained import require_findings, told_of
from modicum_server.usecases.shares import READS_AT_ONCE, READS_OF_PROJECTS_AT_ONCE, Share, TurnsOfPrincipals
from modicum_server.usecases.stored_results import document_beside, findings_beside, read_whole, require_undamaged
from modicum_server.usecases.threads_in_turn import ThreadsInTurn
from modicum_server.usecases.versions import require_version
from modicum_server.usecases.waiting_threads import current_work


class ReportFormat(StrEnum):
    """The form of a report."""

    JSON = "json"
    HTML = "html"
    CANVAS = "canvas"


SPOT_PICTURES = "spot_pictures"
"""The key of a JSON report that holds pictures of copied spots."""
REVIEWS = "reviews"
"""The key of a report that holds what blind reviews say."""
DELETED = "deleted"
"""The key of a report that holds sentences on what the retention of the project deleted."""
REPORTS_AT_ONCE = 2
"""Reports that a process draws, and findings that it reads for them, at the same time."""
REVIEWS_READ = 20
"""Reviews that are read at once."""

Drawn = TypeVar("Drawn")

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

    def __init__(
        self,
        store: Store,
        artifacts: ArtifactStore,
        renderer: ReportRenderer,
        threads: ThreadsInTurn,
        *,
        settings: Settings,
    ) -> None:
        self._store = store
        self._audits = Audits(store)
        self._artifacts = artifacts
        self._renderer = renderer
        self._threads = threads
        self._open = OpenDownloads(
            Share("open reports", settings.max_reports_per_principal, settings.max_reports_per_project)
        )
        self._beginnings = TurnsOfPrincipals(READS_AT_ONCE, READS_OF_PROJECTS_AT_ONCE)

    async def render(self, principal: Principal, name: str, form: ReportFormat | None) -> Report:
        """Begin the report of an audit that succeeded. `form` is None when the caller asked for an unknown form.

        Memory is bounded, however many rows there are: the result is read once it is the principal's turn for a thread.
        From its first piece on, the report is open. The caller must read the pieces to their end, or close them.

        Raises:
            FieldInvalid, ProjectNotFound, FormatUnknown, AuditNotFound, AuditNotSucceeded
            ShareExceeded: too many reports of the principal wait to begin. With the first piece: too many are open.
        """
        async with self._beginnings.taken(principal):
            audit = await self._audits.get(principal, name)
        if form is None:
            raise FormatUnknown(f"expected one of {', '.join(ReportFormat)}, got another format")
        require_succeeded(audit)
        match form:
            case ReportFormat.JSON:
                pieces = self._json(principal, audit)
            case ReportFormat.HTML:
                pieces = self._page(principal, audit)
            case ReportFormat.CANVAS:
                require_findings(audit)
                pieces = self._canvas(principal, audit)
        return Report(MEDIA_TYPES[form], self._open.served(principal, project_of("audit", name), pieces))

    async def _json(self, principal: Principal, audit: Audit) -> AsyncGenerator[bytes]:
        if audit.findings_delete_time is not None:
            yield await self._threads.run(principal, lambda: canonical_json(self._reported(audit, with_deleted=True)))
            return
        report, findings_digest = await self._threads.run(principal, partial(self._begun, audit))
        yield report.begin()
        async with aclosing(self._artifacts.read(findings_digest)) as packed:
            async for piece in packed:
                for text in report.feed(piece):
                    yield text
        yield report.end()

    def _begun(self, audit: Audit) -> tuple[JsonWriter, str]:
        """Return what writes the document, and the digest of the findings that follow, in a rendering thread."""
        reported = self._reported(audit, with_deleted=True)
        return self._renderer.json(reported), reported["findings"]["digest"]

    async def as_reported(self, principal: Principal, audit: Audit) -> Mapping[str, Any]:
        """Return the result document with what stands beside it: pictures of copied spots, and blind reviews.

        Raises:
            ShareExceeded: too many pictures and reports of the principal wait to be drawn.
        """
        return await self._threads.run(principal, partial(self._reported, audit))

    def _reported(self, audit: Audit, *, with_deleted: bool = False) -> Mapping[str, Any]:
        """Do so in a rendering thread. With `with_deleted`, say also what the retention of the project deleted."""
        document = document_beside(self._artifacts, audit.result_digest)
        reported = self._with_reviews(audit, document)
        if with_deleted:
            reported = self._with_deleted(audit, reported)
        shows_spots = any(row["examples"] for test in document.get("spots", ()) for row in test["rows"])
        if not shows_spots or audit.findings_delete_time is not None:
            return reported
        return {**reported, SPOT_PICTURES: self._drawn(audit, document, self._renderer.spot_pictures)}

    def _with_reviews(self, audit: Audit, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the document with the blind reviews that it names, if there are any."""
        named = named_reviews(current_work().waited(partial(self._reviews, audit)), audit)
        return {**document, REVIEWS: [reported_review(one) for one in named]} if named else document

    def _with_deleted(self, audit: Audit, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the document with sentences on what the retention of the project deleted, if there are any."""
        told = current_work().waited(partial(self._told, audit))
        return {**document, DELETED: told} if told else document

    async def _told(self, audit: Audit) -> list[str]:
        async with self._store.transaction() as transaction:
            return await told_of(transaction, audit)

    async def _reviews(self, audit: Audit) -> list[Review]:
        """Return every review of an audit, newest first."""
        async with self._store.transaction() as transaction:
            page = found = await transaction.reviews.page(audit.name, after="", limit=REVIEWS_READ)
            while len(page) == REVIEWS_READ:
                page = await transaction.reviews.page(audit.name, after=page[-1][0], limit=REVIEWS_READ)
                found = [*found, *page]
        return [review for _, review in found]

    async def _page(self, principal: Principal, audit: Audit) -> AsyncGenerator[bytes]:
        """Yield the page as one piece: its size is bounded. The findings that it is chosen from are read twice."""
        yield await self._threads.run(principal, partial(self._html, audit))

    def _html(self, audit: Audit) -> bytes:
        document = document_beside(self._artifacts, audit.result_digest)
        reported = self._with_deleted(audit, self._with_reviews(audit, document))
        return self._drawn(audit, reported, self._renderer.html)

    def _drawn(self, audit: Audit, document: Mapping[str, Any], draw: Callable[..., Drawn]) -> Drawn:
        """Return what a function of the renderer draws from findings and images, in a thread while the loop reads."""
        waited = current_work().waited
        versions = waited(partial(self._versions, audit))
        framing = framing_of(audit.specification.canvas, versions)
        return draw(
            document,
            waited(partial(self._stored_findings, audit, document)),
            self._load_image,
            inputs={} if framing is None else {version.name: framing for version in versions},
            labels={version.name: version.class_labels for version in versions},
        )

    async def _versions(self, audit: Audit) -> list[ModelVersion]:
        async with self._store.transaction() as transaction:
            return [await require_version(transaction, name) for name in audit.specification.model_versions]

    async def _stored_findings(self, audit: Audit, document: Mapping[str, Any]) -> Iterable[Finding]:
        """Return the findings, which a rendering thread reads; none where they were deleted."""
        if audit.findings_delete_time is not None:
            return ()
        await require_undamaged(self._artifacts, document["findings"]["digest"])
        return findings_beside(self._artifacts, document)

    async def _canvas(self, principal: Principal, audit: Audit) -> AsyncGenerator[bytes]:
        """Yield the images that have a subset, one after another, without those that are no longer stored."""
        archive, digests = await self._threads.run(principal, partial(self._archive, audit))
        for digest in digests:
            read = partial(read_whole, self._artifacts, digest)
            with suppress(ArtifactNotFound):
                yield await self._threads.run_on(principal, read, partial(archive.add, digest))
        yield archive.end()

    def _archive(self, audit: Audit) -> tuple[CanvasWriter, list[str]]:
        """Return an archive, and the digests of the images that belong into it, in a rendering thread."""
        waited = current_work().waited
        document = document_beside(self._artifacts, audit.result_digest)
        framing = waited(partial(self.framing, audit))
        findings = waited(partial(self._stored_findings, audit, document))
        archive = self._renderer.canvas(document, framing, audit.specification.canvas)
        return archive, self._renderer.canvas_images(findings)

    async def framing(self, audit: Audit) -> InputSpecification:
        """Return how the searches framed the images. When no version has an input, the first part of the first one has.

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

    def _load_image(self, digest: str) -> bytes | None:
        """Return the bytes of an image in a rendering thread, while the loop reads."""
        try:
            return current_work().waited(lambda: read_whole(self._artifacts, digest))
        except ArtifactNotFound:
            return None
