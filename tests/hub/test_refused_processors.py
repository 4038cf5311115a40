"""What a refused processor of pictures says to do: the prepared pictures, and the input file that fits them."""

import re
from dataclasses import replace

import pytest
from modicum.errors import ModelFolderRefused
from modicum.sources.hub_folders import hub_folder
from modicum.sources.inputs import input_specification

from tests.hub.test_refused_folders import GOOD_CONFIG, GOOD_PREPROCESSOR, tensors, write


@pytest.fixture
def folder(tmp_path):
    """A folder that lacks its processor."""
    write(tmp_path, "config.json", GOOD_CONFIG)
    (tmp_path / "model.safetensors").write_bytes(tensors(a=[0, 4]))
    return tmp_path


def lines(keys):
    """The keys of an input file, which a message has in one line, as the file has them."""
    return re.sub(r", (?=[a-z_]+ = )", "\n", keys)


@pytest.mark.parametrize(
    ("changes", "says", "size"),
    [
        ({"do_pad": True}, "do_pad: the processor pads pictures", "the height and width of these pictures"),
        (
            {"do_pad": True, "pad_size": {"height": 96, "width": 64}},
            "crop and pad as the processor does, all to 96 x 64, and save them as PNG)",
            "height = 96, width = 64",
        ),
        (
            {"do_flip_channel_order": True},
            "do_flip_channel_order: the processor exchanges red and blue",
            "height = 64, width = 64",
        ),
        (
            {"size": {"shortest_edge": 64}},
            "then pad or crop, all to one size, and save them as PNG)",
            "the height and width of these pictures",
        ),
        ({"image_processor_type": "SegformerImageProcessor", "size": 96}, "all to 96 x 96", "height = 96, width = 96"),
    ],
    ids=["pad", "pad to a size", "flip", "keep the shape", "unknown processor"],
)
def test_a_step_that_no_input_file_has_is_done_to_the_pictures_first(folder, changes, says, size):
    write(folder, "preprocessor_config.json", {**GOOD_PREPROCESSOR, **changes})

    with pytest.raises(ModelFolderRefused) as refused:
        hub_folder(folder).required_input()

    said = str(refused.value)
    assert says in said
    assert "Prepare the pictures yourself (" in said
    assert f"--input FILE.toml with {size}, mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5]" in said


def test_the_processor_of_mobilevit_does_not_normalise(folder):
    crop = {"do_center_crop": True, "crop_size": {"height": 256, "width": 256}, "size": {"shortest_edge": 288}}
    named = {"feature_extractor_type": "MobileViTFeatureExtractor", "do_flip_channel_order": True}
    write(folder, "preprocessor_config.json", {**crop, **named, "resample": 2})

    values = r"mean = \[0.0, 0.0, 0.0\], std = \[1.0, 1.0, 1.0\]; or export"
    with pytest.raises(ModelFolderRefused, match=rf"height = 256, width = 256, {values}"):
        hub_folder(folder).required_input()


@pytest.mark.parametrize("changes", [{"image_processor_type": "Siglip2ImageProcessor"}, {"do_image_splitting": True}])
def test_a_network_that_takes_no_pictures_is_to_be_exported(folder, changes):
    write(folder, "preprocessor_config.json", {**GOOD_PREPROCESSOR, **changes})

    with pytest.raises(ModelFolderRefused, match=r"Export a network that does it \(--exported\)$"):
        hub_folder(folder).required_input()


def test_the_most_similar_interpolation_is_named(folder, tmp_path):
    crop = {"do_center_crop": True, "crop_size": 64, "size": {"shortest_edge": 72}}
    named = {**crop, "image_processor_type": "CLIPImageProcessor", "resample": 1, "do_rescale": False}
    write(folder, "preprocessor_config.json", {**GOOD_PREPROCESSOR, **named})

    with pytest.raises(ModelFolderRefused) as refused:
        hub_folder(folder).required_input()

    rest = "bicubic is the most similar to lanczos, and scores will differ slightly"
    keys, both = re.search(rf"FILE.toml with (.*): {rest}.* and write only (.*)$", str(refused.value)).groups()
    (tmp_path / "near.toml").write_text(lines(keys))
    (tmp_path / "same.toml").write_text(lines(both))
    write(folder, "preprocessor_config.json", {**GOOD_PREPROCESSOR, **named, "resample": 3})
    near = hub_folder(folder).required_input()
    assert input_specification(tmp_path / "near.toml") == near
    plain = replace(near, resize=0, crop_rounded_down=False, interpolation="bilinear")
    assert input_specification(tmp_path / "same.toml") == plain
