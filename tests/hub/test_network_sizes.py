"""A network that takes one size is refused before the upload if its image processor makes pictures of another."""

import json

import pytest
import torch
from modicum.errors import InvalidArgument, ModelFolderRefused
from modicum.sources.hub_folders import hub_folder
from modicum.sources.inputs import InputSpecification
from modicum.sources.model_files import model_file
from modicum.sources.network_sizes import TAKES_ONE_COUNT, TAKES_ONE_SIZE, network_size

from tests.hub.hub_stage import quietly, transformers
from tests.hub.test_refused_folders import GOOD_CONFIG, GOOD_PREPROCESSOR, tensors, write

LAYERS = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
PATCHES = {**LAYERS, "image_size": 64, "patch_size": 16}
BOTH = {"vision_config": PATCHES, "text_config": {**LAYERS, "vocab_size": 64}}
WINDOWS = {"image_size": 64, "embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4}
FEW = {"hidden_sizes": [8, 16, 16, 32], "depths": [1, 1, 1, 1]}
TINY = {
    "beit": PATCHES,
    "clip": BOTH,
    "convnext": {"image_size": 64, **FEW},
    "deit": PATCHES,
    "dinov2": PATCHES,
    "efficientnet": {"image_size": 64, "width_coefficient": 0.25, "depth_coefficient": 0.25, "hidden_dim": 320},
    "ijepa": PATCHES,
    "metaclip_2": BOTH,
    "mobilenet_v2": {"image_size": 64, "depth_multiplier": 0.25},
    "resnet": {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"},
    "siglip": BOTH,
    "swin": WINDOWS,
    "vit": PATCHES,
    "vit_msn": PATCHES,
}
"""By family, what makes a tiny network for pictures of 64 x 64."""
SIZES = ((64, 64), (48, 48), (70, 70), (96, 96), (96, 64), (32, 128))


def library_takes(kind: str) -> dict[tuple[int, int], bool]:
    """By size, whether the library's own network of a family takes a picture of it."""
    config = transformers().AutoConfig.for_model(kind, **TINY[kind], num_labels=2, architectures=[])
    network = transformers().AutoModelForImageClassification.from_config(config).eval()
    return {size: takes(network, size) for size in SIZES}


def sized(height: int, width: int) -> InputSpecification:
    return InputSpecification(channels=3, height=height, width=width, mean=(0.0,) * 3, std=(1.0,) * 3)


def takes(network: torch.nn.Module, size: tuple[int, int]) -> bool:
    try:
        with torch.no_grad():
            network(pixel_values=torch.zeros(1, 3, *size))
    except (RuntimeError, ValueError):
        return False
    return True


@pytest.mark.parametrize("kind", TINY)
def test_sizes_are_taken_and_refused_as_the_library_does(kind):
    known = network_size({"model_type": kind, **TINY[kind]})

    ours = {size: known is None or known.takes(sized(*size)) for size in SIZES}

    assert ours == quietly(lambda: library_takes(kind))


def test_every_family_that_has_a_rule_is_compared_with_the_library():
    assert TINY.keys() >= TAKES_ONE_SIZE.keys() | TAKES_ONE_COUNT.keys()


@pytest.fixture
def folder(tmp_path):
    """A folder whose network takes 64 x 64 pixels, as its image processor makes them."""
    write(tmp_path, "config.json", {**GOOD_CONFIG, "image_size": 64})
    write(tmp_path, "preprocessor_config.json", GOOD_PREPROCESSOR)
    (tmp_path / "model.safetensors").write_bytes(tensors(a=[0, 4]))
    return tmp_path


def refusal(folder, **changes) -> str:
    write(folder, "preprocessor_config.json", {**GOOD_PREPROCESSOR, **changes})
    with pytest.raises(ModelFolderRefused) as refused:
        hub_folder(folder).required_input()
    return str(refused.value)


def test_equal_sizes_are_accepted(folder):
    assert hub_folder(folder).required_input().height == 64


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"size": {"height": 224, "width": 224}}, "size"),
        ({"do_center_crop": True, "crop_size": 224, "size": {"shortest_edge": 256}}, "crop_size"),
        ({"image_processor_type": "CLIPImageProcessor", "crop_size": 224, "size": {"shortest_edge": 256}}, "crop_size"),
        ({"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 224}}, "size"),
    ],
    ids=["size", "cropped", "cropped by default", "ConvNext crops by its size"],
)
def test_another_size_is_refused_with_both_files_both_fields_and_what_to_do(folder, changes, key):
    assert refusal(folder, **changes) == (
        f"{folder / 'preprocessor_config.json'}: {key}: the processor makes pictures of 224 x 224 pixels, but the "
        "network takes 64 x 64 (image_size in config.json). Save the network's own image processor into the folder, "
        f"or set {key} to 64 x 64"
    )


def test_an_input_of_another_size_is_refused_too(folder):
    with pytest.raises(InvalidArgument) as refused:
        model_file(model=folder).input("imagenet")

    assert str(refused.value) == (
        "input: pictures of 224 x 224 pixels, but the network takes 64 x 64 (image_size in "
        f"{folder / 'config.json'}). Give an input of 64 x 64"
    )


@pytest.mark.parametrize(
    "changes",
    [{"image_size": None}, {"image_size": "64"}, {"image_size": [64]}, {"image_size": True}, {"model_type": "swin"}],
    ids=str,
)
def test_a_size_that_is_not_known_refuses_nothing(folder, changes):
    write(folder, "config.json", {**GOOD_CONFIG, "image_size": 64, **changes})
    write(folder, "preprocessor_config.json", {**GOOD_PREPROCESSOR, "size": {"height": 96, "width": 96}})

    assert hub_folder(folder).required_input().height == 96


def test_a_network_for_pictures_that_are_not_square_takes_their_size(folder):
    write(folder, "config.json", {**GOOD_CONFIG, "image_size": [96, 64]})
    write(folder, "preprocessor_config.json", {**GOOD_PREPROCESSOR, "size": {"height": 96, "width": 64}})

    assert hub_folder(folder).required_input().width == 64
    assert "64 x 96 pixels, but the network takes 96 x 64" in refusal(folder, size={"height": 64, "width": 96})


def test_the_size_of_clip_stands_in_the_part_of_its_pictures(folder):
    values = {**GOOD_CONFIG, "model_type": "clip", "architectures": ["CLIPForImageClassification"]}
    write(folder, "config.json", json.loads(json.dumps({**values, "vision_config": {"image_size": 64}})))

    assert "vision_config.image_size in config.json" in refusal(folder, size={"height": 96, "width": 96})
