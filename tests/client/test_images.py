"""Images from folders, CSVs and arrays, and their manifest."""

import errno
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from modicum.errors import InvalidSource
from modicum.sources import png
from modicum.sources.manifests import manifest_of
from PIL import Image

from tests.found_images import find_images


def write(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return folder


def labels_of(found):
    return {image.item: image.label for image in found}


def test_class_folders_are_the_labels_of_their_images(tmp_path):
    write(tmp_path, "cat/b.jpg", "cat/deep/a.PNG", "dog/c.jpeg", "dog/readme.txt", ".hidden/d.jpg", "cat/.e.jpg")

    found = find_images(tmp_path)

    assert labels_of(found) == {"cat/b.jpg": "cat", "cat/deep/a.PNG": "cat", "dog/c.jpeg": "dog"}
    assert [image.item for image in found] == ["cat/b.jpg", "cat/deep/a.PNG", "dog/c.jpeg"]


def test_a_folder_without_class_folders_has_labels_only_from_a_csv(tmp_path):
    write(tmp_path, "a.jpg", "b.jpg")

    assert labels_of(find_images(tmp_path)) == {"a.jpg": "", "b.jpg": ""}

    (tmp_path / "labels.csv").write_text("file,label\na.jpg,tabby cat\nb.jpg,\n", encoding="utf-8-sig")

    assert labels_of(find_images(tmp_path)) == {"a.jpg": "tabby cat", "b.jpg": ""}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metadata.csv", "file_name,text,label\ncat/a.jpg,a cat,tabby\nb.jpg,,\n"),
        ("metadata.csv", "label,file_name\ntabby,cat/a.jpg\n,b.jpg\n"),
        ("metadata.jsonl", '{"file_name": "cat/a.jpg", "label": "tabby"}\n\n{"file_name": "b.jpg", "label": null}\n'),
        ("metadata.jsonl", '{"file_name": "cat/a.jpg", "label": "tabby"}\r\n{"file_name": "b.jpg", "text": "\u2028"}'),
    ],
)
def test_the_metadata_of_an_imagefolder_has_labels(tmp_path, name, text):
    write(tmp_path, "cat/a.jpg", "b.jpg")
    (tmp_path / name).write_text(text)

    assert labels_of(find_images(tmp_path)) == {"cat/a.jpg": "tabby", "b.jpg": ""}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metadata.csv", "file_name,text\ncat/a.jpg,a cat\n"),
        ("metadata.jsonl", '{"file_name": "cat/a.jpg", "text": "a cat"}\n'),
    ],
)
def test_metadata_without_labels_leaves_those_of_class_folders(tmp_path, name, text):
    write(tmp_path, "cat/a.jpg")
    (tmp_path / name).write_text(text)

    assert labels_of(find_images(tmp_path)) == {"cat/a.jpg": "cat"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"file_name": "a.jpg", "label": 3}\n{"file_name": "a.jpg", "label": 4}', "line 2: a.jpg already has a label"),
        ('{"file_name": "a.jpg", "label": 3}\n{"label": 4}', "line 2: expected file_name, and label"),
        (
            '{"file_name": "a.jpg", "label": 3}\n{"file_name": "b.jpg", "label": [4]}',
            "line 2: expected label as a name",
        ),
        ('{"file_name": "a.jpg", "label": true}', "line 1: expected label as a name or a class"),
        (
            '{"file_name": "a.jpg", "label": 3}\n{',
            "line 2: expected JSON with file_name and label, but it is not valid",
        ),
        ('{"file_name": "a.jpg", "label": 3}\n[]', "line 2: expected JSON with file_name and label, got"),
    ],
)
def test_metadata_that_is_wrong_is_refused_with_its_line(tmp_path, text, told):
    write(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "metadata.jsonl").write_text(text)

    with pytest.raises(InvalidSource, match=told):
        find_images(tmp_path)


def test_a_row_of_metadata_with_too_few_columns_is_refused(tmp_path):
    write(tmp_path, "a.jpg")
    (tmp_path / "metadata.csv").write_text("file_name,text,label\na.jpg,tabby\n")

    with pytest.raises(InvalidSource, match="line 2: expected the columns file_name,text,label"):
        find_images(tmp_path)


def test_a_given_csv_of_labels_wins_over_that_in_the_folder(tmp_path):
    photos = write(tmp_path / "photos", "a.jpg")
    (photos / "labels.csv").write_text("a.jpg,1\n")
    (tmp_path / "other.csv").write_text("a.jpg,2\n")

    assert labels_of(find_images(photos, tmp_path / "other.csv")) == {"a.jpg": "2"}


def test_a_csv_names_files_in_its_folder(tmp_path):
    write(tmp_path, "x/a.jpg", "b.jpg", "c.jpg")
    (tmp_path / "list.csv").write_text("x/a.jpg,cat\nb.jpg,dog\n")

    assert labels_of(find_images(tmp_path / "list.csv")) == {"x/a.jpg": "cat", "b.jpg": "dog"}


@pytest.mark.parametrize(
    ("names", "csv", "says"),
    [
        ((), None, "found none"),
        (("notes.txt",), None, "found none"),
        (("a.jpg", "cat/b.jpg"), None, "expected images only in class folders, but 1 are beside them"),
        (("a.jpg",), "b.jpg,cat\n", "these do not exist: b.jpg; add the files, or remove their lines"),
        (("a.jpg",), "a.jpg\n", "line 1: expected two columns"),
        (("a.jpg",), "a.jpg,x\na.jpg,y\n", "line 2: a.jpg already has a label"),
        (("a.jpg",), "a.jpg,x\n./a.jpg,y\n", "line 2: ./a.jpg already has a label"),
        (("a.jpg",), "", "found none"),
    ],
)
def test_an_ambiguous_folder_is_refused_with_the_reason(tmp_path, names, csv, says):
    write(tmp_path, *names)
    if csv is not None:
        (tmp_path / "labels.csv").write_text(csv)

    with pytest.raises(InvalidSource, match=says):
        find_images(tmp_path)


def test_a_missing_or_unknown_source_is_refused(tmp_path):
    with pytest.raises(InvalidSource, match="not found; expected a folder of images"):
        find_images(tmp_path / "absent")
    with pytest.raises(
        InvalidSource, match=r"a folder of images, a \.csv, an \.npz, a \.tar, a \.parquet, or one image"
    ):
        find_images(write(tmp_path, "a.zip") / "a.zip")


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3), (300, 100, 3)])
def test_an_array_written_as_png_decodes_to_the_same_pixels(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)

    decoded = np.asarray(Image.open(io.BytesIO(png.encoded(pixels))))

    assert np.array_equal(decoded, pixels.squeeze() if shape[-1] == 1 else pixels)


def test_the_images_of_an_npz_have_class_names(tmp_path):
    images = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    np.savez(tmp_path / "a.npz", images=images, labels=np.array([1, 0]), classes=np.array(["cat", "dog"]))

    found = find_images(tmp_path / "a.npz")

    assert labels_of(found) == {"0": "dog", "1": "cat"}
    with found[1].content().open() as stream:
        assert np.array_equal(np.asarray(Image.open(stream)), images[1])


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"pixels": np.zeros((1, 2, 2, 3), np.uint8)}, "an array named images"),
        ({"images": np.zeros((1, 2, 2, 3))}, "uint8, uint16 or float32"),
        ({"images": np.zeros((1, 3, 2, 2), np.uint8)}, "which come last"),
        ({"images": np.zeros((0, 2, 2, 3), np.uint8)}, "expected images"),
        ({"images": np.zeros((2, 2, 2), np.uint8), "labels": np.zeros(3, int)}, "expected 2 labels"),
        ({"images": np.zeros((1, 2, 2), np.uint8), "labels": np.array([2]), "classes": np.array(["a"])}, "from 0 to 0"),
        (
            {"images": np.array([object()])},
            r"array images holds Python objects, which are not read; .* plain values, such as images=numpy.stack",
        ),
        (
            {"images": np.zeros((1, 2, 2), np.uint8), "labels": np.array(["a"], object)},
            r"array labels holds Python objects, .* such as labels=numpy.array\(labels.tolist\(\)\)",
        ),
    ],
)
def test_an_npz_of_another_form_is_refused_with_what_was_expected(tmp_path, arrays, says):
    np.savez(tmp_path / "a.npz", **arrays)

    with pytest.raises(InvalidSource, match=says):
        find_images(tmp_path / "a.npz")


def test_equal_images_give_an_equal_manifest_with_one_line_per_image(tmp_path):
    write(tmp_path, "cat/ä.jpg", "dog/b.jpg")
    reported = []

    first, second = manifest_of(find_images(tmp_path), reported.append), manifest_of(find_images(tmp_path))

    with first.content.open() as stream:
        lines = [json.loads(line) for line in stream.read().decode().splitlines()]
    assert first.digest == second.digest
    assert reported == [1, 2]
    assert [(line["item"], line["label"]) for line in lines] == [("cat/ä.jpg", "cat"), ("dog/b.jpg", "dog")]
    assert [line["image"] for line in lines] == [content.digest for content in first.images]


def test_an_image_that_disappears_is_named(tmp_path):
    found = find_images(write(tmp_path, "a.jpg"))
    (tmp_path / "a.jpg").unlink()

    with pytest.raises(InvalidSource, match=r"a\.jpg.*No such file"):
        manifest_of(found)


def damaged(path, kind):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, images=np.zeros((2, 8, 8, 3), np.uint8))
    whole = buffer.getvalue()
    changed = bytearray(whole)
    changed[60:90] = b"\xff" * 30
    contents = {
        "junk after a signature": b"PK\3\4junk",
        "truncated": whole[: len(whole) // 2],
        "bytes changed": bytes(changed),
        "empty": b"",
        "text": b"hello",
    }
    path.write_bytes(contents[kind])


@pytest.mark.parametrize("kind", ["junk after a signature", "truncated", "bytes changed", "empty", "text"])
def test_a_damaged_npz_is_refused_with_what_was_expected(tmp_path, kind):
    damaged(tmp_path / "bad.npz", kind)

    with pytest.raises(InvalidSource, match=r"bad\.npz: not a valid \.npz of plain arrays"):
        find_images(tmp_path / "bad.npz")


def test_a_file_that_is_not_an_npz_and_classes_that_are_not_a_list_are_refused(tmp_path):
    with (tmp_path / "one.npz").open("wb") as stream:
        np.save(stream, np.zeros((2, 8, 8), np.uint8))
    np.savez(tmp_path / "two.npz", images=np.zeros((1, 8, 8), np.uint8), labels=np.array([0]), classes=np.array("cat"))

    with pytest.raises(InvalidSource, match="plain arrays"):
        find_images(tmp_path / "one.npz")
    with pytest.raises(InvalidSource, match="expected classes to be a list of names"):
        find_images(tmp_path / "two.npz")


@pytest.mark.parametrize("name", ["a.csv", "a.npz"])
def test_a_pipe_in_place_of_a_source_is_refused_and_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)

    with pytest.raises(InvalidSource, match="got a pipe, a socket or a device"):
        find_images(tmp_path / name)


OUTSIDE = [
    "{outside}",
    "../secret.jpg",
    "x/../../secret.jpg",
    "..\\secret.jpg",
    "C:/secret.jpg",
    "\\\\host\\secret.jpg",
]


@pytest.fixture
def secret(tmp_path):
    """A file outside the folder of images, which must never be opened."""
    path = tmp_path / "secret.jpg"
    path.write_bytes(b"secret")
    return path


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("csv", ["list.csv", "labels.csv", "../other.csv"])
def test_a_name_outside_the_folder_is_refused_with_its_line(tmp_path, secret, name, csv):
    photos = write(tmp_path / "photos", "a.jpg", "x/b.jpg" if csv == "list.csv" else "b.jpg")
    name = name.format(outside=secret)
    (photos / csv).write_text(f"file,label\na.jpg,red\n{name},red\n")
    given = {"list.csv": (photos / csv,), "labels.csv": (photos,), "../other.csv": (photos, photos / csv)}

    with pytest.raises(InvalidSource) as caught:
        find_images(*given[csv])

    assert str(caught.value).startswith(
        f"{photos / csv} line 3: expected the name of a file inside the folder of the images"
    )
    assert f"got {name}. Move or copy the file into that folder" in str(caught.value)


@pytest.mark.parametrize("csv", [None, "cat/link.jpg,red\n"])
def test_a_link_that_leads_out_of_the_folder_is_refused_with_its_target(tmp_path, secret, csv):
    photos = write(tmp_path / "photos", "cat/a.jpg")
    (photos / "cat" / "link.jpg").symlink_to(secret)
    (photos / "list.csv").write_text(csv or "")

    with pytest.raises(InvalidSource) as caught:
        find_images(photos / "list.csv" if csv else photos)

    assert str(caught.value).startswith(f"{photos}/cat/link.jpg: expected a file in {photos}, got a link to {secret}")
    assert "; copy that file into the folder" in str(caught.value)


def test_a_listed_file_behind_a_link_to_another_folder_is_refused(tmp_path):
    photos = write(tmp_path / "photos", "a.jpg")
    (photos / "cat").symlink_to(write(tmp_path / "elsewhere", "b.jpg"))
    (photos / "list.csv").write_text("a.jpg,red\ncat/b.jpg,red\n")

    with pytest.raises(InvalidSource, match=r"cat/b\.jpg: expected a file in"):
        find_images(photos / "list.csv")


def test_links_within_the_folder_and_to_the_folder_are_followed(tmp_path):
    photos = write(tmp_path / "photos", "cat/a.jpg", "dog/..b.jpg", "dog/b..jpg")
    (photos / "cat" / "link.jpg").symlink_to(Path("..", "dog", "b..jpg"))
    (tmp_path / "link").symlink_to(photos)
    (photos / "list.csv").write_text("./cat/link.jpg,cat\ndog/..b.jpg,dog\n")

    assert labels_of(find_images(tmp_path / "link")) == {"cat/a.jpg": "cat", "cat/link.jpg": "cat", "dog/b..jpg": "dog"}
    assert [image.item for image in find_images(tmp_path / "link" / "list.csv")] == ["cat/link.jpg", "dog/..b.jpg"]


def test_an_npz_that_may_not_be_read_is_refused_with_that_cause(tmp_path, monkeypatch):
    np.savez(tmp_path / "a.npz", images=np.zeros((1, 2, 2), np.uint8))

    def denied(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)

    with pytest.raises(InvalidSource, match=r"a\.npz: cannot be read: Permission denied; allow your user to read it$"):
        find_images(tmp_path / "a.npz")
