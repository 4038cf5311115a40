"""Class labels that are given in place of those of a folder, and files that are given in place of a folder."""

import json

import pytest
from modicum.cli.options import ModelOptions
from modicum.cli.requests import model_request
from modicum.errors import InvalidArgument, ModelFolderRefused
from modicum.sources.hub_folders import hub_folder
from modicum.sources.model_files import model_file

from tests.model_files import SAFETENSORS

GOOD_CONFIG = {"architectures": ["ViTForImageClassification"], "model_type": "vit", "id2label": {"0": "cat"}}


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "my-vit"
    made.mkdir()
    (made / "model.safetensors").write_bytes(SAFETENSORS)
    return made


def write(folder, values):
    (folder / "config.json").write_text(json.dumps(values))


@pytest.mark.parametrize(
    "changes", [{"id2label": {"0": "cat", "2": "dog"}}, {"id2label": {"0": "cat"}}, {"id2label": ["cat"]}]
)
def test_given_class_labels_replace_those_of_the_folder_and_are_its_classes(folder, changes):
    write(folder, {**GOOD_CONFIG, **changes})
    (folder.parent / "labels.txt").write_text("fox\nowl\nemu\n")

    given = folder.parent / "labels.txt"

    file = model_file(model=folder)
    labels = file.labels(given)
    asked = model_request(None, ModelOptions(model=str(folder), input_name="imagenet", class_labels=given))

    assert labels == asked.labels == ("fox", "owl", "emu")
    assert json.loads(file.configuration_for(labels))["num_labels"] == 3


def test_class_labels_in_another_order_than_those_of_the_folder_are_refused(folder):
    write(folder, {**GOOD_CONFIG, "id2label": {"0": "cat", "1": "dog", "2": "eel"}})
    file = model_file(model=folder)

    with pytest.raises(
        ModelFolderRefused,
        match=r"in another order: output 1 is eel there and dog in the folder\. Leave out --class-labels",
    ):
        file.labels(["cat", "eel", "dog"])
    assert file.labels(["cat", "dog", "eel"]) == ("cat", "dog", "eel")
    assert file.labels(["cat", "dog", "emu"]) == ("cat", "dog", "emu")


def test_given_class_labels_replace_those_of_a_folder_of_timm(folder):
    write(folder, {"architecture": "resnet10t", "pretrained_cfg": {}, "label_names": ["cat", 7]})
    file = model_file(model=folder)

    assert file.labels(["fox", "owl"]) == ("fox", "owl")
    assert file.configuration_for(("fox", "owl")) == ""
    with pytest.raises(ModelFolderRefused, match=r"label_names: .* correct it, or give the names .* --class-labels"):
        file.labels(None)


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("plain.onnx", "--weights {}"),
        ("p.pt2", "--exported {}"),
        ("w.pt", "--weights {} with --architecture FAMILY:NAME"),
    ],
)
def test_a_file_in_place_of_a_folder_is_told_its_option_with_its_whole_path(tmp_path, name, way):
    (tmp_path / name).write_bytes(b"x")

    with pytest.raises(InvalidArgument) as told:
        hub_folder(tmp_path / name)

    assert str(told.value).endswith(f"expected a folder, got a file; give it as {way.format(tmp_path / name)}")
