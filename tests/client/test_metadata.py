"""The metadata of a Hugging Face `imagefolder`: what is refused, and what is said of images without labels."""

import pytest
from modicum.errors import InvalidSource
from modicum.sources.images import found_in
from modicum.sources.labels import class_names, true_labels

UTF_16 = "file_name,label\na.jpg,cat\n".encode("utf-16")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"a")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("metadata.csv", b"file_name;label\na.jpg;cat\n", "expected the columns file_name and label; got file_name;"),
        ("metadata.csv", UTF_16, "metadata.csv: expected text in UTF-8"),
        ("metadata.csv", b"file,label\na.jpg,cat\n", "expected the columns file_name and label; got file,label"),
        ("metadata.csv", b"", "expected the columns file_name and label; got an empty file"),
        ("metadata.jsonl", b"", "got an empty file"),
        ("metadata.jsonl", b"not JSON\n", "line 1: expected JSON with file_name and label"),
    ],
)
def test_metadata_that_cannot_be_used_is_refused(folder, name, content, told):
    (folder / name).write_bytes(content)

    with pytest.raises(InvalidSource, match=told):
        found_in(folder)


@pytest.mark.parametrize(
    ("name", "text", "columns"),
    [
        ("metadata.csv", "file_name,caption\na.jpg,x\n", "file_name, caption"),
        ("metadata.csv", "file_name,labels\na.jpg,x\n", "file_name, labels"),
        ("metadata.jsonl", '{"file_name": "a.jpg", "class": "x"}\n', "file_name, class"),
    ],
)
def test_metadata_without_labels_is_accepted_with_a_line_that_says_so(folder, name, text, columns):
    (folder / name).write_text(text)

    found = found_in(folder)

    assert [image.label for image in found.images] == [""]
    assert str(found.skipped) == (f"{name} has columns {columns}; without a column `label` these images have no labels")


def test_two_files_of_metadata_are_refused_by_name(folder):
    (folder / "metadata.csv").write_text("file_name,label\na.jpg,cat\n")
    (folder / "metadata.jsonl").write_text('{"file_name": "a.jpg", "label": "dog"}\n')

    with pytest.raises(InvalidSource, match=r"holds both metadata.csv and metadata.jsonl; remove one"):
        found_in(folder)


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl"])
def test_splits_with_their_own_metadata_are_no_class_folders(tmp_path, name):
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "a.jpg").write_bytes(b"a")
        (tmp_path / split / name).write_text("file_name,label\na.jpg,cat\n")

    with pytest.raises(InvalidSource) as refused:
        found_in(tmp_path)

    assert str(refused.value) == (
        f"{tmp_path}/test holds its own {name}: it is one split of a data set. Give one split: {tmp_path}/test or "
        f"{tmp_path}/train"
    )


def test_a_blank_line_among_class_names_is_named(tmp_path):
    (tmp_path / "labels.txt").write_text("cat\n\ndog\n")

    with pytest.raises(InvalidSource, match="line 2 is blank"):
        class_names(tmp_path / "labels.txt")


@pytest.mark.parametrize("separator", ["\u2028", "\u0085", "\x0b", "\x1c"])
def test_a_separator_of_unicode_within_a_name_does_not_end_its_line(tmp_path, separator):
    name = f"big{separator}cat"
    (tmp_path / "labels.txt").write_text(f"{name}\ndog\n", encoding="utf-8")
    (tmp_path / "labels.csv").write_text(f"file,label\na.jpg,{name}\n", encoding="utf-8")

    assert class_names(tmp_path / "labels.txt") == (name, "dog")
    assert true_labels(tmp_path / "labels.csv") == {"a.jpg": name}


def test_a_quoted_cell_of_a_csv_may_have_a_line_end(tmp_path):
    (tmp_path / "labels.csv").write_text('file,label\na.jpg,"big\ncat"\nb.jpg,dog\n', encoding="utf-8")

    assert true_labels(tmp_path / "labels.csv") == {"a.jpg": "big\ncat", "b.jpg": "dog"}
