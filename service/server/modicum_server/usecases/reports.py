"""Reports of an audit: pure functions of its result document and the artifacts that the document names."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from modicum_server.domain.audits import Audit
from modicum_server.errors import ArtifactNotFound, FormatUnknown
from modicum_server.measures import read_rows
from modicum_server.ports import ArtifactStore, Principal, Store
from modicum_server.reports import render_html, render_json
from modicum_server.usecases.audits import Audits, require_succeeded
from modicum_server.usecases.documents import read_document, read_whole
from modicum_server.usecases.framing import framing_of
from modicum_server.usecases.versions import require_version


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

    def __init__(self, store: Store, artifacts: ArtifactStore) -> None:
        self._store = store
        self._audits = Audits(store)
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
        if form is ReportFormat.JSON:
            data = await asyncio.to_thread(lambda: render_json(document, read_rows(packed)))
        else:
            data = await self._page(audit, document, packed)
        return Report(MEDIA_TYPES[form], data)

    async def _page(self, audit: Audit, document: Mapping[str, Any], packed: bytes) -> bytes:
        async with self._store.transaction() as transaction:
            names = audit.specification.model_versions
            versions = [await require_version(transaction, name) for name in names]
        framing = framing_of(audit.specification.canvas, versions)
        return await asyncio.to_thread(
            lambda load_image: render_html(
                document,
                read_rows(packed),
                load_image,
                inputs={} if framing is None else dict.fromkeys(names, framing),
                labels={version.name: version.class_labels for version in versions},
            ),
            self._loader(asyncio.get_running_loop()),
        )

    def _loader(self, loop: asyncio.AbstractEventLoop) -> Callable[[str], bytes | None]:
        """Return a function that a rendering thread calls for an image's bytes; the loop does the reading."""

        def load_image(digest: str) -> bytes | None:
            try:
                return asyncio.run_coroutine_threadsafe(read_whole(self._artifacts, digest), loop).result()
            except ArtifactNotFound:
                return None

        return load_image
