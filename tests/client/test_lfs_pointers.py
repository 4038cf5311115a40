"""Pointers of Git LFS, small text files in the place of weights or pictures, are named before an upload."""

import io
import tarfile

import pytest
from modicum.cli.exit_codes import exit_code
from modicum.errors import InvalidSource, ModelFolderRefused
from modicum.sources.hub_folders import hub_folder
from modicum.sources.images import found_in
from modicum.sources.model_files import model_file
from PIL import Image

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d" * 32 + b"\nsize 46830571\n"
ADVICE = "run `git lfs pull` (in CI, check out with LFS)"


@pytest.fixture
def folder(tmp_path):
    """A folder of one picture and one pointer."""
    Image.new("RGB", (6, 4)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(POINTER)
    return tmp_path


@pytest.mark.parametrize("name", ["net.onnx", "w.safetensors", "w.pt"])
def test_a_pointer_where_weights_should_be_is_refused_with_what_to_run(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(POINTER)

    with pytest.raises(InvalidSource) as caught:
        model_file(weights=path, architecture=None if name.endswith(".onnx") else "torchvision:resnet18")

    assert f"{name}: is a pointer of Git LFS, not the weights: {ADVICE}" in str(caught.value)
    assert exit_code(caught.value) == 2


@pytest.mark.parametrize("content", [POINTER + bytes(2000), b"version 2", b"oid\n" + POINTER])
def test_a_file_that_is_no_pointer_is_taken(tmp_path, content):
    (tmp_path / "w.pt").write_bytes(content)

    assert model_file(exported=tmp_path / "w.pt").name == "w"


@pytest.mark.parametrize("name", ["model.safetensors", "model-00001-of-00002.safetensors"])
def test_a_pointer_in_a_folder_of_a_model_is_refused(tmp_path, name):
    (tmp_path / "config.json").write_text('{"architecture": "resnet18"}')
    (tmp_path / "model.safetensors.index.json").write_text("{}")
    (tmp_path / name).write_bytes(POINTER)

    with pytest.raises(ModelFolderRefused, match=f"{name}: is a pointer of Git LFS, not the weights"):
        hub_folder(tmp_path)


def test_pointers_in_a_folder_are_skipped_and_counted_with_the_reason(folder):
    (folder / "notes.txt").write_text("no picture")

    found = found_in(folder)

    assert [image.item for image in found.images] == ["a.png"]
    said = f"2 files are skipped: pointers of Git LFS, not pictures ({ADVICE}): b.png; not images: notes.txt"
    assert str(found.skipped) == said


@pytest.mark.parametrize("name", ["labels.csv", "listed.csv"])
def test_pointers_that_have_labels_are_skipped_too(folder, name):
    (folder / name).write_text("file,label\na.png,cat\nb.png,dog\n")

    found = found_in(folder if name == "labels.csv" else folder / name)

    assert [(image.item, image.label) for image in found.images] == [("a.png", "cat")]
    assert found.skipped.files == ("b.png",)


@pytest.mark.parametrize("listed", [False, True])
def test_pointers_alone_are_refused_with_what_to_run(folder, listed):
    (folder / "a.png").unlink()
    (folder / "listed.csv").write_text("b.png,dog\n")

    with pytest.raises(InvalidSource) as caught:
        found_in(folder / "listed.csv" if listed else folder)

    assert f"found none. {1 if listed else 2} file" in str(caught.value)
    assert f"pointers of Git LFS, not pictures ({ADVICE}): b.png" in str(caught.value)


@pytest.mark.parametrize("name", ["a.tar", "a.parquet", "a.npz", "a.png"])
def test_a_source_that_is_a_pointer_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(POINTER)

    with pytest.raises(InvalidSource, match=f"{name}: is a pointer of Git LFS, not the pictures"):
        found_in(tmp_path / name)


def test_one_of_several_tars_that_is_a_pointer_is_refused(tmp_path):
    for number in range(2):
        with tarfile.open(tmp_path / f"train-{number}.tar", "w") as tar:
            tar.addfile(tarfile.TarInfo("a.png"), io.BytesIO())
    (tmp_path / "train-1.tar").write_bytes(POINTER)

    with pytest.raises(InvalidSource, match=r"train-1.tar: is a pointer of Git LFS, not the pictures"):
        found_in(tmp_path)
