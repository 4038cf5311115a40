"""The objects of a task's items as masks on the canvas."""

import logging
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from modicum_server.errors import ObjectsInvalid
from modicum_server.generated.worker_pb2 import Item
from modicum_server.images.objects import objects_on_canvas
from modicum_server.images.pictures import PictureTooLarge, PictureUnreadable
from modicum_server.model_process.images import Decoder

log = logging.getLogger(__name__)

Mask = NDArray[np.bool_]


def objects_of(decoder: Decoder, item: Item) -> Mask | None:
    """Return where the item's objects are on the canvas (H, W); None without objects, or if they cannot be used."""
    if not (item.boxes_digest or item.mask_digest):
        return None
    slot = decoder.slot
    try:
        return objects_on_canvas(
            slot.artifact(item.image_digest).read_bytes(),
            decoder.specification,
            decoder.canvas,
            boxes=slot.artifact(item.boxes_digest).read_bytes() if item.boxes_digest else None,
            mask=slot.artifact(item.mask_digest).read_bytes() if item.mask_digest else b"",
            max_pixels=decoder.max_pixels,
        )
    except (ObjectsInvalid, PictureUnreadable, PictureTooLarge):
        log.exception("the boxes or the mask of %s could not be used", item.item)
        return None


class ObjectMasks(Mapping[int, Tensor]):
    """The objects of items by index, each unpacked when it is looked up; items without objects have none."""

    def __init__(self, decoder: Decoder, items: Sequence[Item]) -> None:
        self._canvas = decoder.canvas
        masks = ((index, objects_of(decoder, item)) for index, item in enumerate(items))
        self._packed = {index: np.packbits(mask) for index, mask in masks if mask is not None}

    def __getitem__(self, index: int) -> Tensor:
        bits = np.unpackbits(self._packed[index], count=self._canvas.pixels)
        return torch.from_numpy(bits.astype(np.bool_).reshape(self._canvas.height, self._canvas.width))

    def __iter__(self) -> Iterator[int]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)
