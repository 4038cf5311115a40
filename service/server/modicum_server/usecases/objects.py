"""An item's boxes or mask: seen to be of its picture before the data set is there. Knows no picture format itself."""

import asyncio
from collections.abc import Sequence

from modicum_server.domain.datasets import DatasetItem
from modicum_server.errors import ManifestInvalid, ObjectsInvalid
from modicum_server.ports import ArtifactStore, ObjectsCheck
from modicum_server.usecases.rules import shown

LARGEST_BYTES = 64 * 1024 * 1024
"""Of a picture, boxes or a mask that is looked at here; boxes and masks beyond it are refused."""
CHECKS_AT_ONCE = 4


def refuse_both(item: DatasetItem, number: int) -> None:
    """Refuse an item whose objects are told twice.

    Raises:
        ManifestInvalid: names the line.
    """
    if item.boxes_digest and item.mask_digest:
        what = f"item {shown(item.item)} has boxes and a mask; expected one of them"
        raise ManifestInvalid(f"line {number} of the manifest: {what}", line=str(number))


async def require_objects(
    items: Sequence[DatasetItem], artifacts: ArtifactStore, check: ObjectsCheck, *, max_pixels: int
) -> None:
    """See that the boxes or the mask of every item are those of its picture. The project holds all of these bytes.

    A picture that cannot be read is passed over: that is a finding's reason, and no matter of its objects.

    Raises:
        ObjectsInvalid: names the item and what is wrong.
    """
    with_objects = {
        (item.image_digest, item.boxes_digest, item.mask_digest): item
        for item in items
        if item.boxes_digest or item.mask_digest
    }
    room = asyncio.Semaphore(CHECKS_AT_ONCE)

    async def see(item: DatasetItem) -> None:
        async with room:
            image = await _bytes_of(artifacts, item.image_digest)
            told = await _bytes_of(artifacts, item.boxes_digest or item.mask_digest)
            if told is None:
                raise _invalid(item, f"expected at most {LARGEST_BYTES:,} bytes")
            if image is None:
                return
            given = {"boxes": told} if item.boxes_digest else {"mask": told}
            try:
                await asyncio.to_thread(check, image, max_pixels=max_pixels, **given)
            except ObjectsInvalid as error:
                raise _invalid(item, str(error)) from None

    try:
        async with asyncio.TaskGroup() as group:
            for item in with_objects.values():
                group.create_task(see(item))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors


def _invalid(item: DatasetItem, what: str) -> ObjectsInvalid:
    kind = "boxes" if item.boxes_digest else "mask"
    return ObjectsInvalid(f"the {kind} of item {shown(item.item)}: {what}", item=item.item)


async def _bytes_of(artifacts: ArtifactStore, digest: str) -> bytes | None:
    """What an artifact holds; None where that is too much to be held here."""
    data = bytearray()
    async for chunk in artifacts.read(digest):
        data += chunk
        if len(data) > LARGEST_BYTES:
            return None
    return bytes(data)
