"""Boxes and masks at creation: a data set whose objects do not fit its pictures is refused."""

import asyncio
import io
import json
import threading
from collections import Counter
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from modicum_server.errors import ArtifactMissing, DatasetTooLarge, ManifestInvalid, ObjectsInvalid
from modicum_server.ports import ArtifactStore
from modicum_server.usecases.datasets import Datasets
from modicum_server.usecases.objects import ITEMS_AT_ONCE, MOST_ITEMS
from modicum_server.usecases.request_ids import CreateOptions
from PIL import Image

from tests.usecases.usecases_stage import AUDITOR, PROJECT, digest_of
from tests.waiting import until


def picture(width: int, height: int, value: int = 9) -> bytes:
    file = io.BytesIO()
    Image.new("L", (width, height), value).save(file, "PNG")
    return file.getvalue()


async def created(place, *, image: bytes, **objects: bytes):
    """Create a data set of one item with objects, all of it uploaded."""
    row = {"item": "a.png", "image": await place.upload(image)}
    row |= {key: await place.upload(data) for key, data in objects.items()}
    manifest = await place.upload(json.dumps(row).encode())
    return await place.datasets.create(AUDITOR, PROJECT, "photos", manifest, CreateOptions())


@pytest.mark.parametrize("objects", [{"boxes": b"[[0, 0, 8, 6]]"}, {"mask": picture(8, 6)}], ids=["boxes", "mask"])
async def test_objects_of_the_picture_are_taken(place, objects):
    dataset = await created(place, image=picture(8, 6), **objects)

    async with place.store.transaction() as transaction:
        ((_, item),) = await transaction.datasets.items(dataset.name, after=-1, limit=10)
    assert {item.boxes_digest, item.mask_digest} == {"", *map(digest_of, objects.values())}


@pytest.mark.long_after(3)
@pytest.mark.parametrize(
    ("objects", "says"),
    [
        ({"boxes": b"[[0, 0, 9, 6]]"}, "the boxes of item 'a.png': box 0: expected 0 <= left < right <= 8"),
        ({"boxes": b"[]"}, "got 0 boxes"),
        ({"boxes": b""}, "the boxes of item 'a.png': the box list is not JSON"),
        ({"boxes": b"no json"}, "is not JSON"),
        ({"mask": picture(6, 8)}, "the mask of item 'a.png': expected a mask of the picture's size, 8 x 6, got 6 x 8"),
        ({"mask": picture(8, 6, value=0)}, "all black"),
    ],
    ids=["outside", "none", "empty", "no json", "another size", "black"],
)
async def test_objects_that_do_not_fit_the_picture_are_refused_with_their_item(place, objects, says):
    with pytest.raises(ObjectsInvalid) as caught:
        await created(place, image=picture(8, 6), **objects)

    assert says in str(caught.value)
    assert caught.value.metadata == {"item": "a.png"}
    async with place.store.transaction() as transaction:
        assert await transaction.datasets.get(f"{PROJECT}/datasets/photos") is None


async def test_a_picture_that_cannot_be_read_is_taken_with_its_boxes(place):
    assert (await created(place, image=b"no picture", boxes=b"[[0, 0, 1, 1]]")).item_count == 1


async def test_an_item_has_boxes_or_a_mask(place):
    with pytest.raises(ManifestInvalid, match=r"line 1 of the manifest: the item 'a\.png' has boxes"):
        await created(place, image=picture(8, 6), boxes=b"[[0, 0, 8, 6]]", mask=picture(8, 6))


async def test_boxes_that_were_not_uploaded_are_missing_and_not_searched_for(place):
    row = {"item": "a.png", "image": await place.upload(picture(8, 6)), "boxes": digest_of(b"[[0, 0, 8, 6]]")}
    await place.artifact_store.put(b"[[0, 0, 8, 6]]")  # another project's
    manifest = await place.upload(json.dumps(row).encode())

    with pytest.raises(ArtifactMissing):
        await place.datasets.create(AUDITOR, PROJECT, "photos", manifest, CreateOptions())


async def manifest_of(place, rows) -> str:
    return await place.upload("\n".join(json.dumps(row) for row in rows).encode())


async def with_boxes(place, count: int, *, name: str = "") -> str:
    """A manifest of that many items, all of one picture, each with its own boxes."""
    image = await place.upload(picture(8, 6))
    lists = [await place.upload(f"[[0, 0, 1, {name}{number + 1}]]".encode()) for number in range(count)]
    rows = [{"item": f"{number}.png", "image": image, "boxes": boxes} for number, boxes in enumerate(lists)]
    return await manifest_of(place, rows)


class SlowCheck:
    """A check that waits until it may end. It counts the checks started and the most at once."""

    def __init__(self) -> None:
        self.first, self.may_end = threading.Event(), threading.Event()
        self.begun = self.now = self.most = 0
        self._counting = threading.Lock()

    def __call__(self, image: bytes, *, boxes: bytes | None = None, mask: bytes = b"", max_pixels: int = 0) -> None:
        with self._counting:
            self.begun += 1
            self.now += 1
            self.most = max(self.most, self.now)
        self.first.set()
        self.may_end.wait(60)
        with self._counting:
            self.now -= 1


class CountedStore:
    """An artifact store that counts how often each artifact is read."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store
        self.reads = Counter[str]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def read(self, digest: str) -> AsyncGenerator[bytes, None]:
        self.reads[digest] += 1
        return self._store.read(digest)


def creating(place, datasets, name: str, manifest: str):
    return asyncio.create_task(datasets.create(AUDITOR, PROJECT, name, manifest, CreateOptions()))


@pytest.mark.long
async def test_uploads_do_not_wait_for_checks_of_which_a_process_makes_one_at_a_time(place):
    check = SlowCheck()
    store = CountedStore(place.artifact_store)
    datasets = Datasets(place.store, store, place.settings, check_objects=check)
    manifests = [await with_boxes(place, 12, name=str(number)) for number in range(3)]
    creations = [creating(place, datasets, f"d{number}", manifest) for number, manifest in enumerate(manifests)]
    try:
        await asyncio.to_thread(check.first.wait, 60)
        await until(lambda: store.reads[digest_of(picture(8, 6))] == ITEMS_AT_ONCE)  # another one could begin

        await asyncio.wait_for(place.upload(b"another's"), 30)
        assert not any(task.done() for task in creations)
    finally:
        check.may_end.set()
        await asyncio.gather(*creations)

    assert (check.begun, check.most) == (36, 1)


@pytest.mark.long
async def test_checking_stops_at_the_first_bad_boxes(place):
    looked = 0
    tasks = 0

    def check(image: bytes, *, boxes: bytes | None = None, mask: bytes = b"", max_pixels: int = 0) -> None:
        nonlocal looked
        looked += 1
        raise ObjectsInvalid("wrong")

    async def see_tasks() -> None:
        nonlocal tasks
        while True:
            tasks = max(tasks, len(asyncio.all_tasks()))
            await asyncio.sleep(0)

    datasets = Datasets(place.store, place.artifact_store, place.settings, check_objects=check)
    manifest = await with_boxes(place, 40)
    seeing = asyncio.create_task(see_tasks())

    with pytest.raises(ObjectsInvalid) as caught:
        await datasets.create(AUDITOR, PROJECT, "photos", manifest, CreateOptions())
    seeing.cancel()

    assert looked <= 2
    assert tasks < 15  # one task per item would stall the loop when it is cancelled
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.long_after(1)
@pytest.mark.parametrize("kind", ["boxes", "mask"])
async def test_too_many_items_with_objects_are_refused_before_any_is_checked(place, kind):
    digest = digest_of(b"held by nobody")
    rows = [{"item": f"{number}.png", "image": digest, kind: digest} for number in range(MOST_ITEMS + 1)]
    manifest = await manifest_of(place, rows)

    with pytest.raises(
        DatasetTooLarge, match=r"10,001 items .* accepts at most 10,000 such items in a data set; leave out"
    ):
        await place.datasets.create(AUDITOR, PROJECT, "photos", manifest, CreateOptions())
