"""Boxes and masks of images: read from a file or a folder, and refused if they are wrong."""

import json
import os

import pytest
from modicum.errors import InvalidArgument, InvalidSource
from modicum.sources.images import Found
from modicum.sources.manifests import manifest_of
from modicum.sources.objects import with_objects

from tests.found_images import find_images


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    for name in ("cat/a.jpg", "dog/b.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def objects_of(photos, **given) -> dict[str, tuple[str, bytes] | None]:
    """For each item, the kind of its objects and their bytes."""
    return {
        one.item: one.objects and read(one.objects) for one in with_objects(Found(find_images(photos)), **given).images
    }


def read(objects) -> tuple[str, bytes]:
    with objects.content().open() as stream:
        return objects.kind, stream.read()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("b.csv", "file,left,top,right,bottom\ncat/a.jpg,1,2,3,4\n\ncat/a.jpg, 5, 6, 7.5, 8\n"),
        ("b.csv", "cat/a.jpg,1,2,3,4\ncat/a.jpg,5,6,7.5,8"),
        ("b.json", '{"cat/a.jpg": [[1, 2, 3, 4], [5, 6, 7.5, 8]]}'),
    ],
)
def test_boxes_come_from_a_csv_or_from_json(photos, tmp_path, name, text):
    (tmp_path / name).write_text(text)

    found = objects_of(photos, boxes=tmp_path / name)

    assert found["dog/b.jpg"] is None
    kind, data = found["cat/a.jpg"]
    assert (kind, json.loads(data)) == ("boxes", [[1, 2, 3, 4], [5, 6, 7.5, 8]])


def test_masks_have_the_names_of_their_images_except_for_the_suffix(photos, tmp_path):
    (tmp_path / "masks" / "cat").mkdir(parents=True)
    (tmp_path / "masks" / "cat" / "a.png").write_bytes(b"mask")
    (tmp_path / "masks" / "readme.txt").write_bytes(b"no mask")

    assert objects_of(photos, masks=tmp_path / "masks") == {"cat/a.jpg": ("mask", b"mask"), "dog/b.jpg": None}


def test_the_manifest_names_objects_and_its_digest_is_unchanged_without_them(photos, tmp_path):
    (tmp_path / "b.csv").write_text("cat/a.jpg,1,2,3,4\n")
    found = find_images(photos)

    plain, boxed = manifest_of(found), manifest_of(with_objects(Found(found), boxes=tmp_path / "b.csv").images)

    lines = [json.loads(line) for line in boxed.content.open().read().splitlines()]
    assert [line.get("boxes") for line in lines] == [boxed.objects[0].digest, None]
    assert manifest_of(with_objects(Found(found)).images).digest == plain.digest != boxed.digest
    assert boxed.item_count == 2


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("b.csv", "", "expected rows of file,left,top,right,bottom"),
        ("b.csv", "cat/a.jpg,0,0.1,0.5,1\n", "these look like shares of the picture; expected pixels"),
        ("b.csv", "cat/a.jpg,1,2,3\n", "line 1: expected five columns"),
        ("b.csv", "cat/a.jpg,1,2,3,x\n", "line 1: expected left, top, right and bottom in pixels"),
        ("b.csv", "cat/a.jpg,3,2,3,4\n", "line 1: expected left, top"),
        ("b.csv", "cat/a.jpg,-1,2,3,4\n", "got [-1.0, 2.0, 3.0, 4.0]"),
        ("b.csv", "cat/a.jpg,1,2,nan,4\n", "0 <= left < right"),
        ("b.csv", "cat/a.jpg,1,2,inf,4\n", "0 <= left < right"),
        ("b.csv", "cat/c.jpg,1,2,3,4\n", "these do not exist: cat/c.jpg"),
        ("b.json", "{", "expected JSON"),
        ("b.json", "[]", "expected JSON of the form {file: [[left"),
        ("b.json", "{}", "with at least one file"),
        ("b.json", '{"cat/a.jpg": []}', "cat/a.jpg: expected a list of boxes"),
        ("b.json", '{"cat/a.jpg": [[1, 2, 3]]}', "cat/a.jpg, box 0"),
        ("b.json", '{"cat/a.jpg": [[1, 2, "3", 4]]}', "cat/a.jpg, box 0"),
        ("b.csv", f"{'x' * 131_073},1,2,3,4\n", "line 1: not a valid CSV"),
        ("b.json", '{"\\ud800": [[1, 2, 3, 4]]}', r"these do not exist: \xed\xa0\x80"),
        ("b.json", '{"cat/a.jpg": [[1, 2, 3, ' + "9" * 5_000 + "]]}", "expected JSON"),
        ("b.json", "[" * 100_000, "nested too deep"),
        ("b.json", '{"cat/a.jpg": [[1, 2, 3, 4]], "cat/a.jpg": [[5, 6, 7, 8]]}', "the key cat/a.jpg occurs twice"),
        ("b.csv", "/etc/passwd,1,2,3,4\n", "line 1: expected the name of a file inside the folder of the images"),
        ("b.json", '{"../a.jpg": [[1, 2, 3, 4]]}', "got ../a.jpg. Move or copy the file into that folder"),
        ("b.json", '{"x": [[1, 2, 3, 4]], "y": [[1, 2, 3, 4]]}', "these do not exist: x and 1 more"),
    ],
)
def test_wrong_boxes_are_refused_with_their_position(photos, tmp_path, name, text, says):
    (tmp_path / name).write_text(text)

    with pytest.raises(InvalidSource) as caught:
        objects_of(photos, boxes=tmp_path / name)

    assert says in str(caught.value)


def test_a_folder_without_masks_is_refused(photos, tmp_path):
    (tmp_path / "masks").mkdir()

    for folder, says in ((tmp_path / "absent", "this folder does not exist"), (tmp_path / "masks", "found none")):
        with pytest.raises(InvalidSource, match=says):
            objects_of(photos, masks=folder)


def test_a_mask_of_an_unknown_image_is_refused(photos, tmp_path):
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "c.png").write_bytes(b"mask")

    with pytest.raises(InvalidSource, match="these do not exist: c"):
        objects_of(photos, masks=tmp_path / "masks")


def test_boxes_and_masks_exclude_each_other(photos, tmp_path):
    with pytest.raises(InvalidArgument, match="exclude each other"):
        objects_of(photos, boxes=tmp_path / "b.csv", masks=tmp_path)


def test_two_masks_of_one_image_are_refused(photos, tmp_path):
    (tmp_path / "masks" / "cat").mkdir(parents=True)
    for name in ("a.png", "a.bmp"):
        (tmp_path / "masks" / "cat" / name).write_bytes(b"mask")

    with pytest.raises(InvalidSource, match=r"a\.png: expected one mask per image; a\.bmp is"):
        objects_of(photos, masks=tmp_path / "masks")


def test_a_mask_that_is_a_link_out_of_the_folder_is_refused(photos, tmp_path):
    (tmp_path / "masks" / "cat").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(b"secret")
    (tmp_path / "masks" / "cat" / "a.png").symlink_to(tmp_path / "secret.png")

    with pytest.raises(InvalidSource, match=r"masks/cat/a\.png: expected a file in .*masks, got a link to "):
        objects_of(photos, masks=tmp_path / "masks")


@pytest.mark.parametrize("name", ["b.csv", "b.json", "masks/cat/a.png"])
def test_a_pipe_is_named_and_not_waited_for(photos, tmp_path, name):
    pipe = tmp_path / name
    pipe.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(pipe)
    given = {"masks": tmp_path / "masks"} if name.startswith("masks") else {"boxes": pipe}

    with pytest.raises(InvalidSource) as caught:
        with_objects(Found(find_images(photos)), **given)

    assert str(caught.value).startswith(f"{pipe}: expected a file, got a pipe")


@pytest.mark.parametrize("given", [{"boxes": "a\x00b.csv"}, {"masks": "a\x00b"}])
def test_an_impossible_file_name_is_refused(photos, given):
    with pytest.raises(InvalidSource):
        objects_of(photos, **given)
