"""Files that look like no image are named before the upload, and sent all the same."""

import io
import tarfile
from types import SimpleNamespace

import numpy as np
import pytest
from modicum.cli.progress import say_files
from modicum.sources.images import found_in
from modicum.sources.signatures import unlike_images
from PIL import Image

FORMATS = {"bmp": "BMP", "gif": "GIF", "jpg": "JPEG", "png": "PNG", "ppm": "PPM", "tif": "TIFF", "webp": "WEBP"}

SENT = "They are uploaded anyway; pictures that the server cannot read get no result"


def picture() -> Image.Image:
    return Image.new("RGB", (6, 4), (200, 30, 30))


def said_of(folder) -> list[str]:
    said: list[str] = []
    found = found_in(folder)
    say_files(SimpleNamespace(say=said.append), "photos", found.images, found.skipped)
    return said


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_picture_of_each_format_looks_like_one_whatever_its_suffix(tmp_path, suffix):
    for name in (f"a.{suffix}", "b.png"):
        picture().save(tmp_path / name, format=FORMATS[suffix])

    assert unlike_images(found_in(tmp_path).images) == []


def test_arrays_and_images_made_of_an_archive_look_like_images(tmp_path):
    np.save(tmp_path / "bands.npy", np.zeros((4, 4, 5), np.uint8))
    np.savez(tmp_path / "all.npz", images=np.zeros((2, 4, 4), np.uint8))

    assert unlike_images(found_in(tmp_path / "bands.npy").images) == []
    assert unlike_images(found_in(tmp_path / "all.npz").images) == []


@pytest.mark.parametrize("suffix", ["heic", "avif"])
def test_what_the_client_converts_is_looked_at_before_it_is_converted(tmp_path, suffix):
    pytest.importorskip("pillow_heif").register_heif_opener()
    picture().resize((64, 48)).save(tmp_path / f"a.{suffix}")
    (tmp_path / f"b.{suffix}").write_bytes(b"no picture")

    assert unlike_images(found_in(tmp_path).images) == [f"b.{suffix}"]


def test_other_content_behind_the_suffix_of_an_image_is_named_before_the_upload(tmp_path):
    picture().save(tmp_path / "a.png")
    (tmp_path / "b.jpg").write_text("<html>sign in first</html>")
    (tmp_path / "c.png").write_bytes(b"")
    (tmp_path / "d.npy").write_bytes(b"no array")
    (tmp_path / "notes.txt").write_text("notes")

    assert said_of(tmp_path) == [
        "photos: 1 file is skipped: not images: notes.txt",
        f"photos: 3 files do not look like images: b.jpg, c.png, d.npy. {SENT}",
    ]


def test_one_such_file_is_spoken_of_as_one(tmp_path):
    (tmp_path / "a.png").write_text("sign in first")

    assert said_of(tmp_path) == [f"photos: 1 file does not look like an image: a.png. {SENT}"]


def test_members_of_a_tar_are_looked_at_too(tmp_path):
    data = io.BytesIO()
    picture().save(data, "PNG")
    with tarfile.open(tmp_path / "few.tar", "w") as archive:
        for name, content in (("cat/a.png", data.getvalue()), ("cat/b.png", b"no picture")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))

    assert unlike_images(found_in(tmp_path / "few.tar").images) == ["cat/b.png"]
