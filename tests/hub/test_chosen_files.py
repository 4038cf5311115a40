"""Of two files that say the same of a folder, ours is the one that transformers reads."""

import json

import pytest
from modicum.sources.hub_folders import hub_folder

from tests.hub.test_refused_folders import GOOD_CONFIG, GOOD_PREPROCESSOR, tensors, write

INDEX = {"weight_map": {"a": "1.safetensors"}}
WHOLE = tensors(a=[0, 4])[:-4] + b"good"


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, "config.json", GOOD_CONFIG)
    write(tmp_path, "preprocessor_config.json", GOOD_PREPROCESSOR)
    (tmp_path / "model.safetensors").write_bytes(WHOLE)
    return tmp_path


@pytest.mark.parametrize(
    "left",
    [
        {},
        {"1.safetensors": tensors(a=[0, 4])},
        {"1.safetensors": b"cut off"},
        {"1.safetensors": b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 3\n"},
    ],
    ids=["none", "whole", "damaged", "pointer"],
)
def test_one_file_of_weights_is_taken_before_an_index(folder, left):
    (folder / "model.safetensors.index.json").write_text(json.dumps(INDEX))
    for name, content in left.items():
        (folder / name).write_bytes(content)

    with hub_folder(folder).weights().open() as stream:
        assert stream.read() == WHOLE


@pytest.mark.parametrize(
    ("processor", "height"),
    [
        ({"image_processor": {**GOOD_PREPROCESSOR, "size": {"height": 96, "width": 96}}}, 96),
        ({"image_processor": None}, 64),
        ({"processor_class": "CLIPProcessor"}, 64),
    ],
)
def test_a_processor_of_several_parts_is_taken_first_if_it_has_one_for_images(folder, processor, height):
    write(folder, "processor_config.json", processor)

    assert hub_folder(folder).required_input().height == height
