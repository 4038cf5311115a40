"""Pictures of a data set as the versions of an audit saw them: on its canvas."""

import asyncio

from modicum_server.domain.projects import Principal
from modicum_server.errors import PageNotFound
from modicum_server.images.pictures import PictureTooLarge, PictureUnreadable
from modicum_server.ports import ArtifactStore, ReportRenderer, Store
from modicum_server.settings import MEBIBYTE, Settings
from modicum_server.usecases.artifacts import Artifacts
from modicum_server.usecases.audits import Audits
from modicum_server.usecases.reports import Reports
from modicum_server.usecases.resource_names import project_of
from modicum_server.usecases.stored_results import read_whole

AT_ONCE = 2
"""Pictures that are decoded at the same time: each takes memory for its pixels."""
LARGEST_BYTES = 64 * MEBIBYTE
"""The largest file that is drawn."""


class CanvasPictures:
    """Draws pictures on the canvas of an audit."""

    def __init__(
        self, store: Store, artifacts: ArtifactStore, renderer: ReportRenderer, reports: Reports, settings: Settings
    ) -> None:
        self._audits = Audits(store)
        self._held = Artifacts(store, artifacts, settings)
        self._artifacts = artifacts
        self._renderer = renderer
        self._reports = reports
        self._max_pixels = settings.max_image_pixels
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def drawn(self, principal: Principal, audit: str, digest: str) -> bytes:
        """Return an image file of the project on the canvas of an audit, as PNG.

        Raises:
            FieldInvalid, ProjectNotFound, AuditNotFound, ArtifactNotFound, ArtifactCorrupt
            PageNotFound: the file is no picture that this canvas takes, or too large.
        """
        asked = await self._audits.get(principal, audit)
        artifact = await self._held.get(principal, f"{project_of('audit', audit)}/artifacts/{digest}")
        if artifact.size_bytes > LARGEST_BYTES:
            raise PageNotFound(f"the file has more than {LARGEST_BYTES // MEBIBYTE} MiB, which this page does not draw")
        framing = await self._reports.framing(asked)
        async with self._turn:
            data = await read_whole(self._artifacts, digest)
            try:
                return await asyncio.to_thread(
                    self._renderer.canvas_picture,
                    data,
                    framing,
                    asked.specification.canvas,
                    max_pixels=self._max_pixels,
                )
            except (PictureUnreadable, PictureTooLarge) as error:
                raise PageNotFound(str(error)) from None
