"""The forms of a report."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from modicum_server.domain.findings import Finding
from modicum_server.domain.models import InputSpecification
from modicum_server.domain.searches import Canvas, Fill


class ReportRenderer(Protocol):
    """The forms of a report: pure functions of the result document, the findings and the images."""

    def json(self, document: Mapping[str, Any]) -> "JsonWriter": ...
    def html(
        self,
        document: Mapping[str, Any],
        findings: Iterable[Finding],
        load_image: Callable[[str], bytes | None],
        *,
        inputs: Mapping[str, InputSpecification],
        labels: Mapping[str, Sequence[str]],
    ) -> bytes: ...
    def spot_pictures(
        self,
        document: Mapping[str, Any],
        findings: Iterable[Finding],
        load_image: Callable[[str], bytes | None],
        *,
        inputs: Mapping[str, InputSpecification],
        labels: Mapping[str, Sequence[str]],
    ) -> list[dict[str, Any]]:
        """Pictures of copied spots, for the document of a JSON report."""

    def canvas(self, document: Mapping[str, Any], framing: InputSpecification, canvas: Canvas) -> "CanvasWriter": ...
    def canvas_images(self, findings: Iterable[Finding]) -> list[str]:
        """Digests of the images for `canvas`, each once."""

    def canvas_picture(
        self, data: bytes, framing: InputSpecification, canvas: Canvas, *, max_pixels: int, side: int = 0
    ) -> bytes:
        """An image file on the canvas, as PNG; with `side` at most so many pixels a side, as PNG or JPEG."""

    def thumbnail(self, data: bytes, *, side: int, max_pixels: int) -> bytes:
        """An image file with its proportions, at most `side` pixels a side, as PNG or JPEG."""

    def review_picture(
        self,
        data: bytes,
        framing: InputSpecification,
        canvas: Canvas,
        *,
        mask: NDArray[np.bool_] | None,
        fill: Fill,
        max_pixels: int,
    ) -> bytes:
        """A picture of a blind review: an image file where the mask (H, W) is True, or all of it, as PNG."""


class JsonWriter(Protocol):
    """Document and findings as one JSON file, written piece by piece."""

    def begin(self) -> bytes: ...
    def feed(self, packed: bytes) -> Iterator[bytes]:
        """Take the next bytes of the findings artifact."""

    def end(self) -> bytes: ...


class CanvasWriter(Protocol):
    """An archive of images on the canvas, written image by image."""

    def add(self, digest: str, data: bytes) -> bytes: ...
    def end(self) -> bytes: ...
