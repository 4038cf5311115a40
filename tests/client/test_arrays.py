"""Images as arrays: .npy files in folders, images of an .npz, and which of them are refused."""

import io

import numpy as np
import pytest
from modicum.cli.requests import refuse_wrong_channels
from modicum.errors import InvalidArgument, InvalidSource
from modicum.sources import npy
from modicum.sources.inputs import InputSpecification, input_specification
from modicum.sources.manifests import manifest_of

from tests.found_images import find_images


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array)
    return path


def given(channels: int) -> InputSpecification:
    return InputSpecification(height=8, width=8, channels=channels, mean=(0.0,) * channels, std=(1.0,) * channels)


@pytest.mark.parametrize("dtype", ["|u1", "<u2", ">u2", "<f4", ">f4"])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 13), (1000, 3, 2)])
def test_an_array_written_as_npy_reads_back_equal(shape, dtype):
    values = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)

    loaded = np.load(io.BytesIO(npy.encoded(np.asfortranarray(values))), allow_pickle=False)

    assert loaded.dtype == np.dtype(dtype).newbyteorder("<")
    assert np.array_equal(loaded, values)


def test_an_array_always_has_the_same_bytes_and_digest():
    data = npy.encoded(np.arange(6, dtype=np.uint8).reshape(1, 2, 3))

    said = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 3), }"
    assert data == b"\x93NUMPY\x01\x00\x76\x00" + said + b" " * 55 + b"\n" + bytes(range(6))
    assert len(data) == 128 + 6


def test_arrays_in_class_folders_are_labelled_and_know_their_channels(tmp_path):
    write(tmp_path / "wood" / "a.npy", np.zeros((8, 8, 13), np.uint16))
    write(tmp_path / "water" / "b.npy", np.zeros((8, 8), np.float32))
    (tmp_path / "water" / "c.png").write_bytes(b"c")

    found = find_images(tmp_path)

    assert [(one.item, one.label, one.channels) for one in found] == [
        ("water/b.npy", "water", 1),
        ("water/c.png", "water", None),
        ("wood/a.npy", "wood", 13),
    ]
    with found[2].content().open() as stream:
        assert np.load(stream).shape == (8, 8, 13)


def test_a_csv_can_name_arrays(tmp_path):
    write(tmp_path / "x" / "a.npy", np.zeros((8, 8, 4), np.uint8))
    (tmp_path / "list.csv").write_text("x/a.npy,7\n")

    assert [(one.item, one.channels) for one in find_images(tmp_path / "list.csv")] == [("x/a.npy", 4)]


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((8, 8, 13)), r"uint8, uint16 or float32 .* got float64 of shape \(8, 8, 13\)"),
        (np.zeros((8, 8, 13), np.int16), "got int16"),
        (np.zeros((2, 8, 8, 13), np.uint8), r"\(H, W\) or \(H, W, C\)"),
        (np.zeros((13, 128, 128), np.uint8), "which come last"),
        (np.zeros((3, 32, 32), np.uint8), "which come last"),
        (np.zeros((8, 0, 3), np.uint8), "got uint8"),
        (np.array([object()]), "got object"),
    ],
)
def test_an_array_of_another_type_or_shape_is_refused_by_its_header(tmp_path, array, says):
    write(tmp_path / "a.npy", array)

    with pytest.raises(InvalidSource, match=rf"a\.npy: expected .*{says}"):
        find_images(tmp_path)


@pytest.mark.parametrize("data", [b"", b"no array", b"\x93NUMPY\x01\x00\xff\xff{", b"\x93NUMPY\x07\x00"])
def test_a_broken_array_is_sent_to_the_server(tmp_path, data):
    (tmp_path / "a.npy").write_bytes(data)

    (found,) = find_images(tmp_path)

    assert (found.channels, found.content().size_bytes) == (None, len(data))


@pytest.mark.parametrize(
    ("images", "suffix", "channels"),
    [
        (np.zeros((2, 8, 8, 3), np.uint8), b"\x89PNG", None),
        (np.zeros((2, 8, 8), np.uint8), b"\x89PNG", None),
        (np.zeros((2, 8, 8, 3), np.float32), b"\x93NUMPY", 3),
        (np.zeros((2, 8, 8), np.uint16), b"\x93NUMPY", 1),
        (np.zeros((2, 8, 8, 13), np.uint8), b"\x93NUMPY", 13),
    ],
)
def test_images_of_an_npz_are_sent_as_pictures_if_possible_and_else_as_arrays(tmp_path, images, suffix, channels):
    np.savez(tmp_path / "a.npz", images=images, labels=np.array([1, 0]))

    found = find_images(tmp_path / "a.npz")

    assert [(one.label, one.channels) for one in found] == [("1", channels), ("0", channels)]
    with found[0].content().open() as stream:
        assert stream.read().startswith(suffix)


def test_an_npz_and_a_folder_of_the_same_arrays_have_the_same_digests(tmp_path):
    images = np.random.default_rng(0).integers(0, 9, (2, 8, 8, 5)).astype(np.uint16)
    np.savez(tmp_path / "a.npz", images=images)
    for place, image in enumerate(images):
        (tmp_path / "folder").mkdir(exist_ok=True)
        (tmp_path / "folder" / f"{place}.npy").write_bytes(npy.encoded(image))

    of_npz, of_folder = (manifest_of(find_images(tmp_path / name)) for name in ("a.npz", "folder"))

    assert [one.digest for one in of_npz.images] == [one.digest for one in of_folder.images]


def test_an_input_of_13_channels_comes_from_a_file(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text(f"height = 64\nwidth = 64\nchannels = 13\nmean = {[0.5] * 13}\nstd = {[0.25] * 13}\n")

    assert input_specification(path).channels == 13


@pytest.mark.parametrize("channels", [0, 65])
def test_an_input_of_no_or_too_many_channels_is_refused(channels):
    with pytest.raises(InvalidArgument, match="channels: expected 1 to 64"):
        InputSpecification(height=8, width=8, channels=channels, mean=(0.0,) * channels, std=(1.0,) * channels)


def test_images_are_refused_before_any_work_if_none_fits_the_input(tmp_path):
    write(tmp_path / "a.npy", np.zeros((8, 8, 13), np.uint8))
    arrays = find_images(tmp_path)
    (tmp_path / "b.png").write_bytes(b"b")
    mixed = find_images(tmp_path)

    with pytest.raises(InvalidArgument, match=r"images of 3 channels, as --input says, but a\.npy has 13"):
        refuse_wrong_channels(arrays, given(3))
    with pytest.raises(
        InvalidArgument, match=r"images of 4 channels, as --input says, but b\.png is not a readable array"
    ):
        refuse_wrong_channels(mixed[1:], given(4))
    for channels in (3, 13):
        refuse_wrong_channels(mixed, given(channels))  # the one that does not fit becomes a finding
