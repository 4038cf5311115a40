"""A file of labels covers all images, is the only one, and says where it contradicts class folders."""

import pytest
from modicum.errors import InvalidSource
from modicum.sources.images import found_in

METADATA = {
    "metadata.csv": "file_name,label\ncat/a.jpg,dog\n",
    "metadata.jsonl": '{"file_name": "cat/a.jpg", "label": "dog"}\n',
}


@pytest.fixture
def folder(tmp_path):
    for name in ("cat/a.jpg", "cat/b.jpg", "dog/c.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"a")
    return tmp_path


def labels_of(found):
    return {image.item: image.label for image in found.images}


def test_a_file_that_labels_some_images_of_class_folders_is_refused(folder):
    (folder / "labels.csv").write_text("cat/a.jpg,tabby\n")

    with pytest.raises(InvalidSource) as refused:
        found_in(folder)

    assert str(refused.value) == (
        f"{folder}/labels.csv: expected a label for each of the 3 images of {folder}; it lacks cat/b.jpg and 1 more. "
        f"Add their lines; a label may be empty where none is known; or give {folder}/labels.csv in place of the "
        "folder, to take only the images in it; or do without this file, to take the labels from the class folders"
    )
    assert labels_of(found_in(folder / "labels.csv")) == {"cat/a.jpg": "tabby"}


@pytest.mark.parametrize(("name", "text"), METADATA.items())
def test_metadata_that_labels_some_images_is_refused(folder, name, text):
    (folder / name).write_text(text)
    (folder / "flat.jpg").write_bytes(b"a")

    with pytest.raises(InvalidSource, match=r"of the 4 images of .*; it lacks cat/b.jpg and 2 more") as refused:
        found_in(folder)

    assert "class folders" not in str(refused.value)
    assert ("in place of the folder" in str(refused.value)) == name.endswith(".csv")


def test_a_label_that_is_another_class_folder_is_said(folder):
    (folder / "labels.csv").write_text("cat/a.jpg,dog\ncat/b.jpg,tabby\ndog/c.jpg,dog\n")

    found = found_in(folder)

    assert labels_of(found) == {"cat/a.jpg": "dog", "cat/b.jpg": "tabby", "dog/c.jpg": "dog"}
    assert str(found.skipped) == (
        "labels are taken from labels.csv, which contradicts the class folders of 1 of 3 images, such as "
        "cat/a.jpg (dog)"
    )


def test_nothing_is_said_of_labels_that_agree_or_are_no_class_folder(folder):
    (folder / "labels.csv").write_text("cat/a.jpg,tabby\ncat/b.jpg,\ndog/c.jpg,dog\n")

    assert not str(found_in(folder).skipped)


@pytest.mark.parametrize(("name", "text"), METADATA.items())
def test_labels_beside_metadata_with_labels_are_refused_by_name(folder, name, text):
    (folder / "labels.csv").write_text("cat/a.jpg,cat\ncat/b.jpg,cat\ndog/c.jpg,dog\n")
    (folder / name).write_text(text)

    with pytest.raises(InvalidSource, match=f"holds both labels.csv and {name} with labels; remove one of them, or"):
        found_in(folder)
    assert found_in(folder, folder / "labels.csv").images


@pytest.mark.parametrize("text", ["file_name,caption\ncat/a.jpg,x\n", "patient,age\n1,40\n"])
def test_labels_beside_metadata_without_labels_are_taken(folder, text):
    (folder / "labels.csv").write_text("cat/a.jpg,cat\ncat/b.jpg,cat\ndog/c.jpg,dog\n")
    (folder / "metadata.csv").write_text(text)

    assert set(labels_of(found_in(folder)).values()) == {"cat", "dog"}
