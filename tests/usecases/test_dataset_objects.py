"""Boxes and masks at the door: a data set whose objects are none of its pictures is not made."""

import io
import json

import pytest
from modicum_server.errors import ArtifactMissing, ManifestInvalid, ObjectsInvalid
from modicum_server.usecases.requests import CreateOptions
from PIL import Image
from usecases_stage import AUDITOR, PROJECT, digest_of


def picture(width: int, height: int, value: int = 9) -> bytes:
    file = io.BytesIO()
    Image.new("L", (width, height), value).save(file, "PNG")
    return file.getvalue()


async def created(place, *, image: bytes, **told: bytes):
    """A data set of one item with objects, all of it uploaded."""
    row = {"item": "a.png", "image": await place.upload(image)}
    row |= {key: await place.upload(data) for key, data in told.items()}
    manifest = await place.upload(json.dumps(row).encode())
    return await place.datasets.create(AUDITOR, PROJECT, "photos", manifest, CreateOptions())


@pytest.mark.parametrize("told", [{"boxes": b"[[0, 0, 8, 6]]"}, {"mask": picture(8, 6)}], ids=["boxes", "mask"])
async def test_objects_of_the_picture_are_taken(place, told):
    dataset = await created(place, image=picture(8, 6), **told)

    async with place.store.transaction() as transaction:
        ((_, item),) = await transaction.datasets.items(dataset.name, after=-1, limit=10)
    assert {item.boxes_digest, item.mask_digest} == {"", *map(digest_of, told.values())}


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"boxes": b"[[0, 0, 9, 6]]"}, "the boxes of item 'a.png': box 0: expected 0 <= left < right <= 8"),
        ({"boxes": b"[]"}, "got 0 boxes"),
        ({"boxes": b"no json"}, "it is not JSON"),
        ({"mask": picture(6, 8)}, "the mask of item 'a.png': expected a mask of the picture's size, 8 x 6; got 6 x 8"),
        ({"mask": picture(8, 6, value=0)}, "black all over"),
    ],
    ids=["outside", "empty", "no json", "another size", "black"],
)
async def test_what_is_none_of_the_picture_is_refused_with_its_item(place, told, says):
    with pytest.raises(ObjectsInvalid) as caught:
        await created(place, image=picture(8, 6), **told)

    assert says in str(caught.value)
    assert caught.value.metadata == {"item": "a.png"}
    async with place.store.transaction() as transaction:
        assert await transaction.datasets.get(f"{PROJECT}/datasets/photos") is None


async def test_a_picture_that_cannot_be_read_is_taken_with_its_boxes(place):
    assert (await created(place, image=b"no picture", boxes=b"[[0, 0, 1, 1]]")).item_count == 1


async def test_an_item_has_boxes_or_a_mask(place):
    with pytest.raises(ManifestInvalid, match=r"line 1 of the manifest: item 'a\.png' has boxes"):
        await created(place, image=picture(8, 6), boxes=b"[[0, 0, 8, 6]]", mask=picture(8, 6))


async def test_boxes_that_nobody_uploaded_are_missing_and_not_looked_for(place):
    row = {"item": "a.png", "image": await place.upload(picture(8, 6)), "boxes": digest_of(b"[[0, 0, 8, 6]]")}
    await place.artifact_store.put(b"[[0, 0, 8, 6]]")  # another project's
    manifest = await place.upload(json.dumps(row).encode())

    with pytest.raises(ArtifactMissing):
        await place.datasets.create(AUDITOR, PROJECT, "photos", manifest, CreateOptions())
