"""Tars of WebDataset, and of folders, are read like folders. Hostile ones are refused by the name of the member."""

import io
import json
import tarfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from modicum.errors import InvalidSource
from modicum.sources.images import found_in
from modicum.sources.manifests import manifest_of
from modicum.sources.webdataset import MOST_LABEL_BYTES
from PIL import Image

from tests.found_images import find_images

PAX_BYTES = 2 * 1024 * 1024


def tar_of(path, members, kind=tarfile.PAX_FORMAT):
    """A tar of members: names with bytes, or members as tarfile has them."""
    with tarfile.open(path, "w", format=kind) as archive:
        for member in members.items() if isinstance(members, dict) else members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                name, data = member
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return path


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def labels_of(images):
    return {image.item: image.label for image in images}


def bytes_of(image):
    with image.content().open() as stream:
        return stream.read()


@pytest.mark.parametrize("kind", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_a_sample_of_webdataset_has_the_label_of_its_cls(tmp_path, kind):
    members = {"1.jpg": b"one", "1.cls": b"7\n", "1.json": b'{"label": "no"}', "x/2.tag.jpg": b"two", "x/2.cls": b"dog"}

    found = found_in(tar_of(tmp_path / "a.tar", members, kind))

    assert labels_of(found.images) == {"1.jpg": "7", "x/2.tag.jpg": "dog"}
    assert [bytes_of(image) for image in found.images] == [b"one", b"two"]
    assert not str(found.skipped)


@pytest.mark.parametrize(("label", "read"), [('"tabby"', "tabby"), ("3", "3"), ("null", "")])
def test_a_sample_without_cls_has_the_label_in_its_json(tmp_path, label, read):
    members = {"1.PNG": b"one", "1.json": f'{{"caption": "c", "label": {label}}}'.encode(), "1.txt": b"caption"}

    found = found_in(tar_of(tmp_path / "a.tar", members))

    assert labels_of(found.images) == {"1.PNG": read}
    assert str(found.skipped) == "1 file is skipped: not images: 1.txt"


def test_a_tar_of_a_folder_is_that_folder(tmp_path):
    folder = tmp_path / "photos"
    for name in ("cat/b.jpg", "cat/deep/a.PNG", "dog/c.jpeg", "dog/readme.txt", ".hidden/d.jpg", "cat/.e.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    with tarfile.open(tmp_path / "photos.tar", "w") as archive:
        archive.add(folder, arcname=".")

    of_tar, of_folder = found_in(tmp_path / "photos.tar"), found_in(folder)

    assert manifest_of(of_tar.images).digest == manifest_of(of_folder.images).digest
    assert of_tar.skipped == of_folder.skipped


def test_labels_of_a_tar_may_stand_in_a_csv(tmp_path):
    (tmp_path / "labels.csv").write_text("b.jpg,cat\na.jpg,\n")
    path = tar_of(tmp_path / "a.tar", {"b.jpg": b"b", "a.jpg": b"a"})

    assert labels_of(find_images(path, tmp_path / "labels.csv")) == {"a.jpg": "", "b.jpg": "cat"}

    (tmp_path / "labels.csv").write_text("b.jpg,cat\n")
    with pytest.raises(InvalidSource, match=r"labels.csv: expected a label for each of the 2 images of .*; it lacks a"):
        find_images(path, tmp_path / "labels.csv")

    (tmp_path / "labels.csv").write_text("c.jpg,cat\n")
    with pytest.raises(InvalidSource, match=r"labels.csv: expected names of files .*a.tar; these do not exist: c.jpg"):
        find_images(path, tmp_path / "labels.csv")


def test_an_array_and_a_converted_picture_in_a_tar_are_read_as_in_a_folder(tmp_path):
    array, picture = io.BytesIO(), io.BytesIO()
    np.save(array, np.zeros((4, 5, 7), np.uint8))
    Image.new("RGB", (64, 48), (200, 30, 30)).save(picture, "AVIF")

    found = find_images(tar_of(tmp_path / "a.tar", {"a.npy": array.getvalue(), "b.avif": picture.getvalue()}))

    assert [image.channels for image in found] == [7, None]
    assert Image.open(io.BytesIO(bytes_of(found[1]))).format == "PNG"


def test_a_second_picture_of_a_sample_is_skipped_by_name(tmp_path):
    members = {"1.jpg": b"", "1.seg.png": b"", "1.cls": b"0"}

    found = found_in(tar_of(tmp_path / "a.tar", members))

    assert labels_of(found.images) == {"1.jpg": "0"}
    assert str(found.skipped) == "1 file is skipped: further pictures of a sample: 1.seg.png"


def test_a_folder_of_tars_is_one_data_set_whose_names_begin_with_the_tar(tmp_path):
    for shard in (1, 0):
        tar_of(tmp_path / f"train-{shard:06d}.tar", {"1.jpg": b"%d" % shard, "1.cls": b"%d" % shard, "1.txt": b""})
    (tmp_path / "README.md").touch()

    found = found_in(tmp_path)

    assert labels_of(found.images) == {"train-000000.tar/1.jpg": "0", "train-000001.tar/1.jpg": "1"}
    assert found.skipped.files == ("README.md", "train-000000.tar/1.txt", "train-000001.tar/1.txt")


def test_tars_of_several_splits_are_not_mixed(tmp_path):
    for name in ("val-0.tar", "train-00-of-02.tar", "train-01-of-02.tar"):
        tar_of(tmp_path / name, {"1.jpg": b"", "1.cls": b"0"})

    with pytest.raises(InvalidSource, match="found files of the splits train and val; give"):
        find_images(tmp_path)


def test_a_tar_beside_images_is_skipped(tmp_path):
    (tmp_path / "a.jpg").touch()
    tar_of(tmp_path / "a.tar", {"1.jpg": b""})

    assert found_in(tmp_path).skipped.files == ("a.tar",)


REFUSED = {
    "an absolute name": ({"/etc/a.jpg": b""}, "/etc/a.jpg: expected a name inside the archive"),
    "a name that climbs": ({"x/../../a.jpg": b""}, r"x/\.\./\.\./a.jpg: expected a name inside the archive"),
    "a drive": ({"C:/a.jpg": b""}, "C:/a.jpg: expected a name inside the archive"),
    "a symbolic link": ([special("a.jpg", tarfile.SYMTYPE, "/etc/passwd")], "a.jpg: expected a file, got a link"),
    "a hard link": ([special("a.jpg", tarfile.LNKTYPE, "b.jpg")], "a.jpg: expected a file, got a link"),
    "a device": ([special("a.jpg", tarfile.CHRTYPE)], "a.jpg: expected a file, got a pipe or a device"),
    "a pipe": ([special("a.jpg", tarfile.FIFOTYPE)], "a.jpg: expected a file, got a pipe or a device"),
    "a name twice": ([("a.jpg", b"1"), ("./a.jpg", b"2")], r"\./a.jpg: this name occurs twice in the tar"),
    "a sample with two pictures": ({"1.jpg": b"", "1.png": b"", "1.cls": b"0"}, "1.jpg and 1.png: expected one"),
    "a sample with two labels": ({"1.jpg": b"", "1.cls": b"0", "1.CLS": b"1"}, "1.CLS and 1.cls: expected one"),
    "a sample without a label": ({"1.jpg": b"", "1.cls": b"0", "2.jpg": b""}, "2.jpg: expected a label in 2.cls"),
    "an empty label": ({"1.jpg": b"", "1.cls": b" \n"}, "1.cls: expected the name or the index of a class"),
    "a label of two lines": ({"1.jpg": b"", "1.cls": b"a\nb"}, "1.cls: expected the name or the index of a class"),
    "a label that is no text": ({"1.jpg": b"", "1.cls": b"\xff"}, "1.cls: expected text in UTF-8"),
    "a label too long": ({"1.jpg": b"", "1.cls": b"1" * (MOST_LABEL_BYTES + 1)}, "1.cls: expected at most"),
    "a label that is a list": ({"1.jpg": b"", "1.json": b'{"label": [1]}'}, "1.json: expected label as a name or a"),
    "JSON that is damaged": ({"1.jpg": b"", "1.json": b"{"}, "1.json: expected a JSON object, but it is not valid"),
    "no images": ({"1.txt": b""}, r"expected images \(.*, found none. 1 file is skipped: not images: 1.txt"),
    "nothing": ({}, r"expected images \(.*, found none"),
    "images beside class folders": ({"a.jpg": b"", "cat/b.jpg": b""}, "expected images only in class folders"),
}


@pytest.mark.parametrize(("members", "says"), REFUSED.values(), ids=REFUSED)
def test_a_member_that_cannot_be_taken_is_named(tmp_path, members, says):
    with pytest.raises(InvalidSource, match=f"a.tar: {says}"):
        find_images(tar_of(tmp_path / "a.tar", members))


def sparse():
    """A member that claims a terabyte of zeros, and takes none."""
    info = tarfile.TarInfo("a.jpg")
    info.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": "0,0,1099511627776,0"}
    info.pax_headers |= {"GNU.sparse.size": "1099511627776", "GNU.sparse.name": "a.jpg"}
    return info


def long_header():
    info = tarfile.TarInfo("a.jpg")
    info.pax_headers = {"comment": "x" * PAX_BYTES}
    return info


def claimed(size):
    """A header that claims a size that the tar does not have. A negative one leads back to itself."""
    info = tarfile.TarInfo("a.jpg")
    info.size = size
    return info


@pytest.mark.parametrize(
    ("member", "says"),
    [
        pytest.param(sparse(), "a.jpg: expected a file, got a sparse one", id="a sparse file"),
        pytest.param(long_header(), "the header of a member has more than", id="a header of 2 MiB"),
        pytest.param(claimed(1 << 50), "a.jpg: cut off", id="a size beyond the end"),
        pytest.param(claimed(-1024), "a.jpg: expected a size", id="a negative size"),
    ],
)
def test_a_member_that_would_fill_memory_or_never_end_is_refused(tmp_path, member, says):
    path = tmp_path / "a.tar"
    with path.open("wb") as stream:
        kind = tarfile.GNU_FORMAT if member.size else tarfile.PAX_FORMAT
        stream.write(member.tobuf(kind) + bytes(tarfile.BLOCKSIZE * 2))

    with pytest.raises(InvalidSource, match=f"a.tar: {says}"):
        find_images(path)


def pax_chain():
    """Headers that each describe the next, deeper than any call may nest."""
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 0
    return info.tobuf(tarfile.USTAR_FORMAT) * 2_000


DAMAGED = {
    "cut off in a member": lambda whole: whole[:700],
    "cut off between members": lambda whole: whole[:1024],
    "a damaged header": lambda whole: whole[:1024] + b"\xff" * 512 + whole[1536:],
    "packed": lambda _: b"\x1f\x8b\x08\x00" + bytes(600),
    "text": lambda _: b"hello",
    "empty": lambda _: b"",
    "headers of headers": lambda _: pax_chain(),
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_a_tar_that_is_damaged_is_refused_as_a_whole(tmp_path, damage):
    whole = tar_of(tmp_path / "whole.tar", {"a.jpg": b"1" * 400, "b.jpg": b"2"}).read_bytes()
    (tmp_path / "a.tar").write_bytes(damage(whole))

    with pytest.raises(InvalidSource, match=r"a.tar: (expected a complete tar that is not packed; |a.jpg: cut off)"):
        find_images(tmp_path / "a.tar")


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tgz", "a.TAR.zst"])
def test_a_packed_tar_is_refused_with_what_to_do(tmp_path, name):
    (tmp_path / name).write_bytes(b"")

    with pytest.raises(InvalidSource, match=rf"{name}: compressed tars are not read; unpack it to a"):
        find_images(tmp_path / name)


def test_no_prefix_of_a_tar_is_read_as_if_it_were_whole(tmp_path):
    whole = tar_of(tmp_path / "whole.tar", {"a.jpg": b"1", "a.cls": b"0", "b.jpg": b"2", "b.cls": b"1"}).read_bytes()
    path = tmp_path / "a.tar"
    read = []
    for size in range(0, 8 * tarfile.BLOCKSIZE, tarfile.BLOCKSIZE // 4):
        path.write_bytes(whole[:size])
        with suppress(InvalidSource):
            read.append(labels_of(find_images(path)))

    assert read == []


def test_a_member_is_read_in_its_bounds_and_a_tar_that_changed_is_noticed(tmp_path):
    path = tar_of(tmp_path / "a.tar", {"a.jpg": b"12345", "b.jpg": b"67"})
    first = find_images(path)[0].content()

    with first.open() as stream:
        stream.seek(3)
        assert (stream.read(100), first.size_bytes, first.label) == (b"45", 5, f"{path}: a.jpg")


def test_the_manifest_of_a_tar_names_its_members(tmp_path):
    path = tar_of(tmp_path / "a.tar", {"ä.jpg": b"1", "ä.cls": b"0"})

    with manifest_of(find_images(path)).content.open() as stream:
        line = json.loads(stream.read())

    assert (line["item"], line["label"]) == ("ä.jpg", "0")


def test_a_name_that_is_not_utf8_is_refused(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as archive:
        archive.addfile(tarfile.TarInfo("a\udcff.jpg"))

    with pytest.raises(InvalidSource, match=r"the name is not valid UTF-8"):
        find_images(Path(tmp_path / "a.tar"))
