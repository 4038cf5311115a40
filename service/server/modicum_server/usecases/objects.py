"""The boxes or the mask of an item, checked against its picture before the data set exists. Decodes nothing itself."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from functools import partial

from modicum_server.domain.datasets import DatasetItem
from modicum_server.errors import DatasetTooLarge, ManifestInvalid, ObjectsInvalid
from modicum_server.ports import ArtifactStore, ObjectsCheck
from modicum_server.usecases.rules import shown

MOST_ITEMS = 10_000
"""Most items with boxes or a mask in a data set: the call that creates it checks all of them."""
LARGEST_BYTES = 64 * 1024 * 1024
"""Most bytes of a picture, a box list or a mask that is read here. Larger boxes and masks are refused."""
ITEMS_AT_ONCE = 2
"""Items that a process works on at once: it decodes one while it reads the next."""


def refuse_both(item: DatasetItem, number: int) -> None:
    """Refuse an item that has both boxes and a mask.

    Raises:
        ManifestInvalid: names the line.
    """
    if item.boxes_digest and item.mask_digest:
        what = f"the item {shown(item.item)} has boxes and a mask; give one of them"
        raise ManifestInvalid(f"line {number} of the manifest: {what}", line=str(number))


def with_objects(items: Sequence[DatasetItem]) -> list[DatasetItem]:
    """Return the items that have boxes or a mask.

    Raises:
        DatasetTooLarge: more than `MOST_ITEMS` have.
    """
    found = [item for item in items if item.boxes_digest or item.mask_digest]
    if len(found) > MOST_ITEMS:
        raise DatasetTooLarge(
            f"{len(found):,} items of the data set have boxes or masks, but this server accepts at most {MOST_ITEMS:,} "
            "such items in a data set; leave out the boxes and masks of the others, or make several data sets"
        )
    return found


class ObjectsGate:
    """Checks boxes and masks. A process has one, which bounds memory and time over all its calls.

    One thread decodes mask after mask, so uploads, which write in the threads of the event loop, do not wait for masks.
    Only a few items have their bytes in memory at once, over all calls; the call that waits longest is next.
    """

    def __init__(self, artifacts: ArtifactStore, check: ObjectsCheck) -> None:
        """Take the artifact store and the check of boxes and masks."""
        self._artifacts = artifacts
        self._check = check
        self._room = asyncio.Semaphore(ITEMS_AT_ONCE)
        self._decoding = ThreadPoolExecutor(max_workers=1, thread_name_prefix="objects")

    async def require(self, items: Sequence[DatasetItem], *, max_pixels: int) -> None:
        """Check the boxes or the mask of every item against its picture. The project holds all of these bytes.

        A picture that cannot be read is skipped here: its finding will have a reason.

        Raises:
            ObjectsInvalid: names the item and what is wrong.
        """
        each = {(item.image_digest, item.boxes_digest, item.mask_digest): item for item in with_objects(items)}
        left = iter(each.values())

        async def see_some() -> None:
            for item in left:  # two tasks share the items: cancelling a task for each would take seconds
                async with self._room:
                    await self._see(item, max_pixels)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(ITEMS_AT_ONCE):
                    group.create_task(see_some())
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None  # the first is the caller's error, and no fault to be logged

    async def _see(self, item: DatasetItem, max_pixels: int) -> None:
        objects = await _bytes_of(self._artifacts, item.boxes_digest or item.mask_digest)
        if objects is None:
            raise _invalid(item, f"expected at most {LARGEST_BYTES:,} bytes, got more")
        image = await _bytes_of(self._artifacts, item.image_digest)
        if image is None:
            return
        given = {"boxes": objects} if item.boxes_digest else {"mask": objects}
        check = partial(self._check, image, max_pixels=max_pixels, **given)
        try:
            await asyncio.get_running_loop().run_in_executor(self._decoding, check)
        except ObjectsInvalid as error:
            raise _invalid(item, str(error)) from None


def _invalid(item: DatasetItem, what: str) -> ObjectsInvalid:
    kind = "boxes" if item.boxes_digest else "mask"
    return ObjectsInvalid(f"the {kind} of item {shown(item.item)}: {what}", item=item.item)


async def _bytes_of(artifacts: ArtifactStore, digest: str) -> bytes | None:
    """Return the bytes of an artifact, or None when there are too many."""
    data = bytearray()
    async with aclosing(artifacts.read(digest)) as chunks:
        async for chunk in chunks:
            data += chunk
            if len(data) > LARGEST_BYTES:
                return None
    return bytes(data)
