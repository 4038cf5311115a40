"""`ports.ReportRenderer`: every form of report behind one object."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modicum_server.domain.findings import Finding
from modicum_server.domain.models import InputSpecification
from modicum_server.domain.searches import Canvas, Fill
from modicum_server.reports.canvas_archive import CanvasArchive, images_with_subsets
from modicum_server.reports.canvas_pictures import canvas_picture, thumbnail
from modicum_server.reports.gallery import LoadImage
from modicum_server.reports.html_report import render_html
from modicum_server.reports.json_report import JsonReport
from modicum_server.reports.panels import Mask
from modicum_server.reports.review_pictures import review_picture
from modicum_server.reports.spot_pictures import spot_pictures


class Renderer:
    """Renders reports; has no state."""

    def json(self, document: Mapping[str, Any]) -> JsonReport:
        """Return the writer of one JSON file."""
        return JsonReport(document)

    def html(
        self,
        document: Mapping[str, Any],
        findings: Iterable[Finding],
        load_image: LoadImage,
        *,
        inputs: Mapping[str, InputSpecification],
        labels: Mapping[str, Sequence[str]],
    ) -> bytes:
        """Return the page; see `render_html`."""
        return render_html(document, findings, load_image, inputs=inputs, labels=labels)

    def spot_pictures(
        self,
        document: Mapping[str, Any],
        findings: Iterable[Finding],
        load_image: LoadImage,
        *,
        inputs: Mapping[str, InputSpecification],
        labels: Mapping[str, Sequence[str]],
    ) -> list[dict[str, Any]]:
        """Return pictures of copied spots; see `reports.spot_pictures`."""
        return spot_pictures(document, findings, load_image, inputs=inputs, labels=labels)

    def canvas(self, document: Mapping[str, Any], framing: InputSpecification, canvas: Canvas) -> CanvasArchive:
        """Return the writer of an archive of images on the canvas."""
        return CanvasArchive(document, framing, canvas)

    def canvas_images(self, findings: Iterable[Finding]) -> list[str]:
        """Return the digests of the images that belong in that archive."""
        return images_with_subsets(findings)

    def canvas_picture(
        self, data: bytes, framing: InputSpecification, canvas: Canvas, *, max_pixels: int, side: int = 0
    ) -> bytes:
        """Return an image file on the canvas; see `reports.canvas_pictures`."""
        return canvas_picture(data, framing, canvas, max_pixels=max_pixels, side=side)

    def thumbnail(self, data: bytes, *, side: int, max_pixels: int) -> bytes:
        """Return a small copy of an image file; see `reports.canvas_pictures`."""
        return thumbnail(data, side=side, max_pixels=max_pixels)

    def review_picture(
        self,
        data: bytes,
        framing: InputSpecification,
        canvas: Canvas,
        *,
        mask: Mask | None,
        fill: Fill,
        max_pixels: int,
    ) -> bytes:
        """Return a picture of a blind review; see `reports.review_pictures`."""
        return review_picture(data, framing, canvas, mask=mask, fill=fill, max_pixels=max_pixels)
