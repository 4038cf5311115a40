"""The items of a task as tensors on the canvas, decoded when they are needed: memory holds only a few."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from modicum_server.domain.findings import FindingReason
from modicum_server.domain.models import InputSpecification
from modicum_server.domain.searches import Canvas
from modicum_server.generated.worker_pb2 import Item
from modicum_server.images.pictures import MAX_PIXELS, PictureTooLarge, PictureUnreadable, canvas_array
from modicum_server.model_process.slot import Slot

BYTES_A_PIXEL = 12
"""Most bytes of a pixel in a file: three float32 values. No picture has more."""
HEADER_BYTES = 1_048_576
"""Most bytes of a file besides its pixels: metadata, profiles."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """Decodes items onto one canvas."""

    slot: Slot
    specification: InputSpecification
    canvas: Canvas
    max_pixels: int = MAX_PIXELS
    header_bytes: int = HEADER_BYTES

    def decode(self, item: Item) -> Tensor | FindingReason:
        """Return the image (C, H, W) of an item on the CPU, or the reason why it cannot be read.

        Raises:
            TaskFailure: ARTIFACT_MISSING.
        """
        path = self.slot.artifact(item.image_digest)
        if path.stat().st_size > self.header_bytes + BYTES_A_PIXEL * self.max_pixels:
            return FindingReason.IMAGE_TOO_LARGE  # an artifact can have gigabytes, and would be read as a whole
        data = path.read_bytes()
        try:
            return torch.from_numpy(canvas_array(data, self.specification, self.canvas, self.max_pixels))
        except PictureTooLarge:
            return FindingReason.IMAGE_TOO_LARGE
        except PictureUnreadable:
            return FindingReason.IMAGE_UNREADABLE


class TaskImages:
    """The images of a task as a search takes them: by index, each decoded when it is needed.

    An image that cannot be decoded is NaN. It keeps its place, is not shown to the model, and its finding says
    NOT_FINITE; `reason` has the true reason. The last few images are kept, because the controls need them again after
    the search. An image that was dropped is decoded again, which costs little compared with its search.

    Args:
        decoder: decodes the images.
        items: in the order of their indices.
        kept: how many images stay in memory, at least 1.
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
        """The canvas of all images."""
        return self._decoder.canvas

    def reason(self, index: int) -> FindingReason | None:
        """Return why an item has no image; None when it has one."""
        return self._reasons.get(index)

    def _keep(self, index: int, image: Tensor) -> None:
        while len(self._kept) >= self._most:
            del self._kept[next(iter(self._kept))]  # the oldest
        self._kept[index] = image
