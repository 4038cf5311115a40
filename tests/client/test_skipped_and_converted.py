"""Files that are skipped are counted and named; HEIC and AVIF become PNG where a library reads them."""

import io
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
from modicum.cli.progress import say_files
from modicum.errors import InvalidSource
from modicum.sources import converted
from modicum.sources.images import found_in
from modicum.sources.skipped import Skipped
from PIL import Image

from tests.found_images import find_images

ORIENTATION = 274


@pytest.fixture
def folder(tmp_path):
    """A folder of one PNG, with a picture of random pixels at hand."""
    Image.new("RGB", (6, 4), (200, 30, 30)).save(tmp_path / "a.png")
    return tmp_path


@pytest.fixture
def no_library(monkeypatch):
    monkeypatch.setattr(converted, "find_spec", lambda _: None)


def save(path, picture, **more):
    if path.suffix == ".heic":
        import_module("pillow_heif").register_heif_opener()
    picture.save(path, quality=90, **more)
    return path


def picture(mode="RGB", size=(64, 48)):
    """Stripes, because lossy formats keep them."""
    stripes = np.zeros((size[1], size[0], len(mode)), np.uint8)
    stripes[:, : size[0] // 2] = 255
    return Image.fromarray(stripes.squeeze())


def bytes_of(image):
    with image.content().open() as stream:
        return stream.read()


def decoded(image):
    return Image.open(io.BytesIO(bytes_of(image)))


@pytest.mark.parametrize("suffix", ["heic", "avif"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_picture_becomes_a_png_of_the_pixels_that_its_library_decodes(folder, suffix, mode):
    path = save(folder / f"photo.{suffix}", picture(mode))

    (image,) = find_images(path)

    png = decoded(image)
    assert (image.item, png.format, png.mode) == (f"photo.{suffix}", "PNG", mode)
    assert np.array_equal(np.asarray(png), np.asarray(Image.open(path)))


@pytest.mark.parametrize(
    ("suffix", "size"),
    [
        pytest.param("heic", (64, 48), id="HEIC, whose EXIF does not turn it"),
        pytest.param("avif", (48, 64), id="AVIF"),
    ],
)
def test_a_picture_arrives_upright_and_without_profile_and_orientation(folder, suffix, size):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    path = save(folder / f"turned.{suffix}", picture(), exif=exif, icc_profile=b"profile")

    png = decoded(find_images(path)[0])

    assert png.size == size
    assert "icc_profile" not in png.info
    assert png.getexif().get(ORIENTATION, 1) == 1


@pytest.mark.parametrize("suffix", ["heic", "avif"])
def test_a_damaged_picture_is_sent_as_it_is_and_becomes_a_finding(folder, suffix):
    path = folder / f"broken.{suffix}"
    path.write_bytes(b"no picture")

    assert bytes_of(find_images(path)[0]) == b"no picture"


def test_without_a_library_pictures_are_skipped_by_name_and_the_message_says_what_to_install(folder, no_library):
    for name in ("b.heic", "c.AVIF", "notes.txt", ".hidden.heic", "labels.csv"):
        (folder / name).write_text("a.png,cat\n")

    found = found_in(folder)

    assert [image.item for image in found.images] == ["a.png"]
    assert str(found.skipped) == (
        "3 files are skipped: no library here reads b.heic, c.AVIF (pip install 'modicum[heif]' adds one); "
        "not images: notes.txt"
    )


def test_a_folder_of_nothing_else_names_what_was_skipped(tmp_path, no_library):
    (tmp_path / "b.heic").write_bytes(b"")

    with pytest.raises(InvalidSource, match=r"found none. 1 file is skipped: no library here reads b.heic \(pip"):
        find_images(tmp_path)


def test_one_picture_without_a_library_is_refused_with_what_to_install(tmp_path, no_library):
    (tmp_path / "b.heic").write_bytes(b"")

    with pytest.raises(InvalidSource, match=r"b.heic: no library for this format is installed; pip install"):
        find_images(tmp_path / "b.heic")


@pytest.mark.parametrize("name", ["cat.png", "CAT.JPG", "bands.npy"])
def test_one_image_is_a_data_set(tmp_path, name):
    path = tmp_path / name
    if name.endswith(".npy"):
        np.save(path, np.zeros((4, 4, 5), np.uint8))
    else:
        picture().save(path)

    (image,) = find_images(path)

    assert (image.item, image.label) == (name, "")
    assert image.channels == (5 if name.endswith(".npy") else None)
    assert bytes_of(image) == path.read_bytes()


def test_another_file_is_refused_with_what_is_accepted(tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"")

    with pytest.raises(
        InvalidSource, match=r"a.pdf: expected a folder of images, a .csv, an .npz, a .tar, a .parquet, or one image"
    ):
        find_images(tmp_path / "a.pdf")


def test_only_a_few_of_many_files_are_named():
    text = str(Skipped(tuple(f"{number}.txt" for number in range(1_007))))

    assert text == "1,007 files are skipped: not images: 0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 1,002 more"


@pytest.mark.parametrize(
    ("files", "lines"), [((), []), (("a\udcff.txt",), [r"photos: 1 file is skipped: not images: a\xff.txt"])]
)
def test_what_is_skipped_is_said_once_and_in_printable_letters(files, lines):
    said = []

    say_files(SimpleNamespace(say=said.append), "photos", [], Skipped(files))

    assert said == lines
