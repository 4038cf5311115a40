"""The items of a task as tensors on the canvas, decoded when they are asked for, so that memory is bounded by a few."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from modicum_server.domain.findings import FindingReason
from modicum_server.domain.models import InputSpecification
from modicum_server.domain.searches import Canvas
from modicum_server.handler.slot import Slot
from modicum_server.images.pictures import MAX_PIXELS, PictureTooLarge, PictureUnreadable, canvas_array
from modicum_server.wire.worker_pb2 import Item

BYTES_A_PIXEL = 12
"""Of the largest file whose pixels are within their limit: three float32 values. No picture takes more."""
HEADER_BYTES = 1_048_576
"""What may stand beside them: metadata, profiles."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """Decodes items onto one canvas."""

    slot: Slot
    specification: InputSpecification
    canvas: Canvas
    max_pixels: int = MAX_PIXELS

    def decode(self, item: Item) -> Tensor | FindingReason:
        """The image (C, H, W) of an item on the CPU, or why it has none.

        Raises:
            TaskFailure: ARTIFACT_MISSING.
        """
        path = self.slot.artifact(item.image_digest)
        if path.stat().st_size > HEADER_BYTES + BYTES_A_PIXEL * self.max_pixels:
            return FindingReason.IMAGE_TOO_LARGE  # an artifact may be gigabytes, and would be held as a whole
        data = path.read_bytes()
        try:
            return torch.from_numpy(canvas_array(data, self.specification, self.canvas, self.max_pixels))
        except PictureTooLarge:
            return FindingReason.IMAGE_TOO_LARGE
        except PictureUnreadable:
            return FindingReason.IMAGE_UNREADABLE


class TaskImages:
    """The images of a task as a search takes them: by index, each decoded when it is asked for.

    What cannot be decoded is an image of NaN: that keeps its place, meets no model, and its finding says NOT_FINITE;
    `reason` knows better. The last few images are kept, for the controls ask again for what has just been searched;
    one that is no longer there is decoded once more, which is little beside the search that it had.

    Args:
        decoder: makes the images.
        items: in the order of their indices.
        kept: how many images stay in memory; at least 1.
    """

    def __init__(self, decoder: Decoder, items: Sequence[Item], *, kept: int) -> None:
        self._decoder, self._items, self._most = decoder, items, kept
        self._kept: dict[int, Tensor] = {}
        self._reasons: dict[int, FindingReason] = {}
        canvas = decoder.canvas
        self._none = torch.full((), torch.nan).expand(canvas.channels, canvas.height, canvas.width)

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int, /) -> Tensor:
        if index in self._reasons:
            return self._none
        if index not in self._kept:
            decoded = self._decoder.decode(self._items[index])
            if isinstance(decoded, FindingReason):
                self._reasons[index] = decoded
                return self._none
            self._keep(index, decoded)
        return self._kept[index]

    @property
    def canvas(self) -> Canvas:
        """The canvas of all of them."""
        return self._decoder.canvas

    def reason(self, index: int) -> FindingReason | None:
        """Why an item that was asked for has no image; None where it has one."""
        return self._reasons.get(index)

    def _keep(self, index: int, image: Tensor) -> None:
        while len(self._kept) >= self._most:
            del self._kept[next(iter(self._kept))]  # the oldest
        self._kept[index] = image
