"""Pictures of a project drawn for people: as they were uploaded, or on the canvas of an audit, as its models saw them.

Nothing that is drawn is kept on the server, so an erasure has nothing to remove here. Browsers keep it under a tag.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from modicum_server.domain.datasets import Artifact
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
from modicum_server.usecases.threads_in_turn import ThreadsInTurn

PICTURES_AT_ONCE = 2
"""Pictures that a process decodes at the same time: each takes memory for its pixels."""
LARGEST_BYTES = 64 * MEBIBYTE
"""The largest file that is drawn."""
THUMBNAIL_SIDE = 320
"""The longer side of a thumbnail in pixels, which a page shows at half that size at most."""
WHOLE_SIDE = 1600
"""The longer side of a picture by itself, where a browser cannot show its file."""
DRAWING = "1"
"""Part of each tag. Change it when a picture is drawn in another way."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture that can be drawn. Two with equal tags look the same."""

    tag: str
    _artifact: Artifact
    _drawn: Callable[[bytes], bytes]
    _artifacts: ArtifactStore
    _principal: Principal
    _threads: ThreadsInTurn

    async def bytes(self) -> bytes:
        """Return the picture as PNG or JPEG.

        Raises:
            ArtifactNotFound, ArtifactCorrupt, ShareExceeded
            PageNotFound: the file is no picture that can be drawn so, or too large.
        """
        if self._artifact.size_bytes > LARGEST_BYTES:
            raise PageNotFound(
                f"expected a picture of at most {LARGEST_BYTES // MEBIBYTE} MiB, got a file of "
                f"{self._artifact.size_bytes:,} bytes. The pages draw nothing larger"
            )
        read = partial(read_whole, self._artifacts, self._artifact.digest)
        try:
            return await self._threads.run_on(self._principal, read, self._drawn)
        except (PictureUnreadable, PictureTooLarge) as error:
            raise PageNotFound(str(error)) from None


class DrawnPictures:
    """Finds what is to be drawn, and how."""

    def __init__(
        self,
        store: Store,
        artifacts: ArtifactStore,
        renderer: ReportRenderer,
        reports: Reports,
        threads: ThreadsInTurn,
        *,
        settings: Settings,
    ) -> None:
        self._audits = Audits(store)
        self._held = Artifacts(store, artifacts, settings)
        self._artifacts = artifacts
        self._renderer = renderer
        self._reports = reports
        self._max_pixels = settings.max_image_pixels
        self._threads = threads

    async def as_uploaded(self, principal: Principal, artifact: str, *, side: int) -> Drawing:
        """Return a picture or an array of a project, with its proportions, at most so many pixels a side.

        Raises:
            FieldInvalid, ProjectNotFound, ArtifactNotFound
        """
        held = await self._held.get(principal, artifact)
        return self._drawing(principal, held, self._renderer.thumbnail, side=side)

    async def on_canvas(self, principal: Principal, audit: str, digest: str, *, side: int = 0) -> Drawing:
        """Return a picture of the project on the canvas of an audit; with `side`, at most so many pixels a side.

        Raises:
            FieldInvalid, ProjectNotFound, AuditNotFound, ModelVersionNotFound, ArtifactNotFound
        """
        asked = await self._audits.get(principal, audit)
        held = await self._held.get(principal, f"{project_of('audit', audit)}/artifacts/{digest}")
        framing = await self._reports.framing(asked)
        canvas = asked.specification.canvas
        return self._drawing(principal, held, self._renderer.canvas_picture, framing=framing, canvas=canvas, side=side)

    def _drawing(self, principal: Principal, held: Artifact, draw: Callable[..., bytes], **how: object) -> Drawing:
        told = f"{DRAWING} {held.digest} {sorted(how.items())}"
        tag = hashlib.sha256(told.encode()).hexdigest()
        drawn = partial(draw, **how, max_pixels=self._max_pixels)
        return Drawing(tag, held, drawn, self._artifacts, principal, self._threads)
