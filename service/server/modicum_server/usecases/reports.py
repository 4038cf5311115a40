"""Reports of an audit, rendered from its result document and the artifacts that the document names."""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar

from modicum_server.domain.audits import Audit
from modicum_server.domain.findings import Finding
from modicum_server.domain.models import InputSpecification
from modicum_server.domain.projects import Principal
from modicum_server.domain.reviews import Review
from modicum_server.errors import ArtifactNotFound, FormatUnknown
from modicum_server.measures import canonical_json
from modicum_server.ports import ArtifactStore, ReportRenderer, Store
from modicum_server.usecases.audits import Audits, require_succeeded
from modicum_server.usecases.input_specifications import first_part, framing_of
from modicum_server.usecases.read_reviews import named_reviews, reported_review
from modicum_server.usecases.retained import require_findings, told_of
from modicum_server.usecases.shares import READS_AT_ONCE, READS_OF_PROJECTS_AT_ONCE, TurnsOfPrincipals
from modicum_server.usecases.stored_results import findings_beside, read_document, read_whole, require_undamaged
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
        self, store: Store, artifacts: ArtifactStore, renderer: ReportRenderer, threads: ThreadsInTurn
    ) -> None:
        self._store = store
        self._audits = Audits(store)
        self._artifacts = artifacts
        self._renderer = renderer
        self._threads = threads
        self._beginnings = TurnsOfPrincipals(READS_AT_ONCE, READS_OF_PROJECTS_AT_ONCE)

    async def render(self, principal: Principal, name: str, form: ReportFormat | None) -> Report:
        """Begin the report of an audit that succeeded. `form` is None when the caller asked for an unknown form.

        Memory is bounded, however many rows there are. The caller must read the pieces to their end, or close them.

        Raises:
            FieldInvalid, ProjectNotFound, FormatUnknown, AuditNotFound, AuditNotSucceeded
            ShareExceeded: too many reports of the principal wait to begin.
        """
        async with self._beginnings.taken(principal):
            audit = await self._audits.get(principal, name)
            if form is None:
                raise FormatUnknown(f"expected one of {', '.join(ReportFormat)}, got another format")
            require_succeeded(audit)
            if form is ReportFormat.CANVAS:
                require_findings(audit)
            document = await read_document(self._artifacts, audit.result_digest)
        match form:
            case ReportFormat.JSON:
                pieces = self._json(principal, audit, document)
            case ReportFormat.HTML:
                pieces = self._page(principal, audit, document)
            case ReportFormat.CANVAS:
                pieces = self._canvas(principal, audit, document)
        return Report(MEDIA_TYPES[form], pieces)

    async def _json(self, principal: Principal, audit: Audit, document: Mapping[str, Any]) -> AsyncGenerator[bytes]:
        reported = await self._with_deleted(audit, await self.as_reported(principal, audit, document))
        if audit.findings_delete_time is not None:
            yield canonical_json(reported)
            return
        report = self._renderer.json(reported)
        yield report.begin()
        async with aclosing(self._findings(document)) as packed:
            async for piece in packed:
                for text in report.feed(piece):
                    yield text
        yield report.end()

    async def as_reported(self, principal: Principal, audit: Audit, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the document with what stands beside it: pictures of copied spots, and blind reviews.

        Raises:
            ShareExceeded: too many pictures and reports of the principal wait to be drawn.
        """
        reported = await self._with_reviews(audit, document)
        shows_spots = any(row["examples"] for test in document.get("spots", ()) for row in test["rows"])
        if not shows_spots or audit.findings_delete_time is not None:
            return reported
        drawn = await self._drawn(principal, audit, document, self._renderer.spot_pictures)
        return {**reported, SPOT_PICTURES: drawn}

    async def _with_reviews(self, audit: Audit, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the document with the blind reviews that it names, if there are any."""
        named = named_reviews(await self._reviews(audit), audit)
        return {**document, REVIEWS: [reported_review(one) for one in named]} if named else document

    async def _with_deleted(self, audit: Audit, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the document with sentences on what the retention of the project deleted, if there are any."""
        async with self._store.transaction() as transaction:
            told = await told_of(transaction, audit)
        return {**document, DELETED: told} if told else document

    async def _reviews(self, audit: Audit) -> list[Review]:
        """Return every review of an audit, newest first."""
        async with self._store.transaction() as transaction:
            page = found = await transaction.reviews.page(audit.name, after="", limit=REVIEWS_READ)
            while len(page) == REVIEWS_READ:
                page = await transaction.reviews.page(audit.name, after=page[-1][0], limit=REVIEWS_READ)
                found = [*found, *page]
        return [review for _, review in found]

    async def _page(self, principal: Principal, audit: Audit, document: Mapping[str, Any]) -> AsyncGenerator[bytes]:
        """Yield the page as one piece: its size is bounded. The findings that it is chosen from are read twice."""
        reported = await self._with_deleted(audit, await self._with_reviews(audit, document))
        yield await self._drawn(principal, audit, reported, self._renderer.html)

    async def _drawn(
        self, principal: Principal, audit: Audit, document: Mapping[str, Any], draw: Callable[..., Drawn]
    ) -> Drawn:
        """Return what a function of the renderer draws from findings and images, in a thread while the loop reads."""
        async with self._store.transaction() as transaction:
            names = audit.specification.model_versions
            versions = [await require_version(transaction, name) for name in names]
        framing = framing_of(audit.specification.canvas, versions)
        findings = await self._stored_findings(audit, document)
        return await self._threads.run(
            principal,
            lambda: draw(
                document,
                findings,
                self._load_image,
                inputs={} if framing is None else dict.fromkeys(names, framing),
                labels={version.name: version.class_labels for version in versions},
            ),
        )

    async def _stored_findings(self, audit: Audit, document: Mapping[str, Any]) -> Iterable[Finding]:
        """Return the findings, which a rendering thread reads; none where they were deleted."""
        if audit.findings_delete_time is not None:
            return ()
        await require_undamaged(self._artifacts, document["findings"]["digest"])
        return findings_beside(self._artifacts, document)

    async def _canvas(self, principal: Principal, audit: Audit, document: Mapping[str, Any]) -> AsyncGenerator[bytes]:
        """Yield the images that have a subset, one after another, without those that are no longer stored."""
        framing = await self.framing(audit)
        await require_undamaged(self._artifacts, document["findings"]["digest"])
        archive = self._renderer.canvas(document, framing, audit.specification.canvas)
        digests = await self._threads.run(
            principal, lambda: self._renderer.canvas_images(findings_beside(self._artifacts, document))
        )
        for digest in digests:
            try:
                data = await read_whole(self._artifacts, digest)
            except ArtifactNotFound:
                continue
            yield await self._threads.run(principal, partial(archive.add, digest, data))
        yield archive.end()

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

    async def _findings(self, document: Mapping[str, Any]) -> AsyncGenerator[bytes]:
        """Yield the bytes of the findings artifact."""
        async with aclosing(self._artifacts.read(document["findings"]["digest"])) as pieces:
            async for piece in pieces:
                yield piece

    def _load_image(self, digest: str) -> bytes | None:
        """Return the bytes of an image in a rendering thread, while the loop reads."""
        try:
            return current_work().waited(lambda: read_whole(self._artifacts, digest))
        except ArtifactNotFound:
            return None
