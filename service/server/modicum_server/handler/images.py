"""The items of a task as tensors on the canvas, decoded a few at a time, so that memory is bounded by the few."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from modicum_server.domain.findings import FindingReason
from modicum_server.domain.models import InputSpecification
from modicum_server.domain.searches import Canvas
from modicum_server.handler.slot import Slot
from modicum_server.pictures import MAX_PIXELS, PictureTooLarge, PictureUnreadable, canvas_array
from modicum_server.wire.worker_pb2 import Item


@dataclass(frozen=True, slots=True, eq=False)
class Pictured:
    """An item and its image (C, H, W) on the CPU."""

    item: Item
    image: Tensor


@dataclass(frozen=True, slots=True)
class Unpictured:
    """An item without an image, and why."""

    item: Item
    reason: FindingReason


@dataclass(frozen=True, slots=True)
class Decoder:
    """Decodes items onto one canvas."""

    slot: Slot
    specification: InputSpecification
    canvas: Canvas
    max_pixels: int = MAX_PIXELS

    def decode(self, items: Sequence[Item]) -> tuple[list[Pictured], list[Unpictured]]:
        """Images in the order of the items, and the items that have none.

        Raises:
            TaskFailure: ARTIFACT_MISSING.
        """
        pictured, unpictured = [], []
        for item in items:
            data = self.slot.artifact(item.image_digest).read_bytes()
            try:
                array = canvas_array(data, self.specification, self.canvas, self.max_pixels)
            except PictureTooLarge:
                unpictured.append(Unpictured(item, FindingReason.IMAGE_TOO_LARGE))
            except PictureUnreadable:
                unpictured.append(Unpictured(item, FindingReason.IMAGE_UNREADABLE))
            else:
                pictured.append(Pictured(item, torch.from_numpy(array)))
        return pictured, unpictured
