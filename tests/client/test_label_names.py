"""Labels that are ids, such as ImageNet's folders, and the file that names them."""

import json

import pytest
from modicum.cli.counterfactuals import checked_counterfactuals
from modicum.errors import InvalidSource
from modicum.sources.label_names import found_with_names

TENCH, SHARK = "n01440764", "n01484850"
NAMES = {TENCH: "tench, Tinca tinca", SHARK: "great white shark"}
FORMS = {
    "synset_words.txt": "".join(f"{identity} {name}\n" for identity, name in NAMES.items()),
    "words.txt": "\n".join(f"{identity}\t{name}\r" for identity, name in NAMES.items()),
    "names.json": json.dumps(NAMES),
    "config.json": json.dumps({"model_type": "vit", "id2label": NAMES}),
    "imagenet_class_index.json": json.dumps({str(at): [*pair] for at, pair in enumerate(NAMES.items())}),
}


@pytest.fixture
def photos(tmp_path):
    for identity in NAMES:
        (tmp_path / "photos" / identity).mkdir(parents=True)
        (tmp_path / "photos" / identity / "a.jpg").write_bytes(identity.encode())
    return tmp_path / "photos"


def written(path, text):
    path.write_text(text, newline="")
    return path


@pytest.mark.parametrize("form", FORMS)
def test_folders_called_by_ids_get_the_names_of_a_file(photos, tmp_path, form):
    found = found_with_names(photos, names=written(tmp_path / form, FORMS[form]))

    assert {image.item: image.label for image in found.images} == {
        f"{identity}/a.jpg": name for identity, name in NAMES.items()
    }


def test_a_file_within_the_folder_is_not_called_skipped(photos):
    names = written(photos / "words.txt", FORMS["words.txt"])
    (photos / "readme.txt").touch()

    assert found_with_names(photos, names=names).skipped.files == ("readme.txt",)


def test_ids_in_a_csv_are_named_too(tmp_path):
    (tmp_path / "a.jpg").touch()
    (tmp_path / "b.jpg").touch()
    labels = written(tmp_path / "labels.csv", f"a.jpg,{TENCH}\nb.jpg,\n")
    names = written(tmp_path / "words.txt", FORMS["words.txt"])

    assert [image.label for image in found_with_names(tmp_path, labels, names).images] == [NAMES[TENCH], ""]


def test_counterfactuals_are_named_by_the_same_file(photos, tmp_path):
    names = written(tmp_path / "words.txt", FORMS["words.txt"])

    paired = checked_counterfactuals(photos, found_with_names(photos, names=names).images, names=names)

    assert [image.label for image in paired.images] == [*NAMES.values()]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        (
            "w.txt",
            f"{TENCH} tench\n",
            f"{SHARK}/a.jpg: its label {SHARK} has no name in .*w.txt; add the missing names",
        ),
        ("w.txt", "n1 crane\n", rf"{TENCH}/a.jpg: its label {TENCH} has no name in .*w.txt \(labels without one: 2\)"),
        ("w.txt", f"{TENCH} crane\n{SHARK} crane\n", f"{TENCH} and {SHARK} are both called crane; give each"),
        ("w.txt", f"{TENCH} a\n{TENCH} b\n", f"line 2: {TENCH} already has a name"),
        ("w.txt", f"{TENCH}\n", "line 1: expected an id and its name on each line"),
        ("w.txt", "\n", "found none. Write one line for each label of the images, such as: n01440764 tench"),
        ("w.json", "[1]", "by id; got list. Write an object with the name of each id, such as "),
        ("w.json", '{"tench": 0}', "w.json: tench: expected an id and its name"),
        ("w.json", "{", "or JSON of names by id, but it is not valid"),
        ("w.json", '{"id2label": []}', "got dict"),
    ],
)
def test_a_file_that_does_not_name_every_label_is_refused(photos, tmp_path, name, text, says):
    with pytest.raises(InvalidSource, match=says):
        found_with_names(photos, names=written(tmp_path / name, text))


def test_names_for_images_without_labels_are_refused(tmp_path):
    (tmp_path / "a.jpg").touch()
    names = written(tmp_path / "words.txt", FORMS["words.txt"])

    with pytest.raises(InvalidSource, match="the images have no labels, so there is nothing to name"):
        found_with_names(tmp_path, names=names)


def test_a_name_may_be_that_of_an_id_without_images(photos, tmp_path):
    names = written(tmp_path / "w.txt", f"{TENCH} tench\n{SHARK} shark\nn02012849 crane\nn03126707 crane\n")

    assert {image.label for image in found_with_names(photos, names=names).images} == {"tench", "shark"}
