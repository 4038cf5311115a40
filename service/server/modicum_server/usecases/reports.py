"""Reports of an audit: pure functions of its result document and the artifacts that the document names."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from modicum_server.errors import FormatUnknown
from modicum_server.ports import ArtifactStore, Principal
from modicum_server.reports import render_html, render_json
from modicum_server.usecases.audits import Audits, require_succeeded
from modicum_server.usecases.documents import read_document, read_whole, unpack_rows


class ReportFormat(StrEnum):
    """A form of report."""

    JSON = "json"
    HTML = "html"


MEDIA_TYPES = {ReportFormat.JSON: "application/json", ReportFormat.HTML: "text/html; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Report:
    """A rendered report."""

    media_type: str
    data: bytes


class Reports:
    """Renders reports."""

    def __init__(self, audits: Audits, artifacts: ArtifactStore) -> None:
        self._audits = audits
        self._artifacts = artifacts

    async def render(self, principal: Principal, name: str, form: ReportFormat | None) -> Report:
        """Render the report of an audit that succeeded; None is a form that the caller knows and we do not.

        Raises:
            FieldInvalid, ProjectNotFound, FormatUnknown, AuditNotFound, AuditNotSucceeded
        """
        audit = await self._audits.get(principal, name)
        if form is None:
            raise FormatUnknown(f"expected one of {', '.join(ReportFormat)}, got none that this server writes")
        require_succeeded(audit)
        document = await read_document(self._artifacts, audit.result_digest)
        packed = await read_whole(self._artifacts, document["findings"]["digest"])
        load_image = self._loader(asyncio.get_running_loop())

        def rendered() -> bytes:
            rows = unpack_rows(packed)
            if form is ReportFormat.JSON:
                return render_json(document, rows)
            return render_html(document, rows, load_image)

        return Report(MEDIA_TYPES[form], await asyncio.to_thread(rendered))

    def _loader(self, loop: asyncio.AbstractEventLoop) -> Callable[[str], bytes]:
        """Return a function that a rendering thread calls for an image's bytes; the loop does the reading."""

        def load_image(digest: str) -> bytes:
            return asyncio.run_coroutine_threadsafe(read_whole(self._artifacts, digest), loop).result()

        return load_image
