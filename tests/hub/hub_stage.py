"""Folders of Hugging Face with tiny random models, as the libraries save them, and real photographs."""

import importlib
import importlib.util
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import torch

CLASSES = 5


@cache
def timm() -> Any:
    """Return the library, which takes seconds to import: other tests do not need it."""
    return quietly(lambda: importlib.import_module("timm"))


@cache
def transformers() -> Any:
    """Return the library, which takes seconds to import: other tests do not need it."""
    library = quietly(lambda: importlib.import_module("transformers"))
    quietly(lambda: importlib.import_module("transformers.utils.logging")).disable_progress_bar()
    return library


@dataclass(frozen=True)
class Family:
    """How a tiny model of a family is made, and how its pictures are prepared; three classes of the library by name."""

    name: str
    config: str
    model: str
    processor: str
    sizes: Mapping[str, Any]
    preparing: Mapping[str, Any] = field(default_factory=dict)


def _crop(side: int) -> dict[str, int]:
    return {"height": side, "width": side}


_TRANSFORMER = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
_PATCHES = {"image_size": 64, "patch_size": 16}

FAMILIES = (
    Family(
        "vit",
        "ViTConfig",
        "ViTForImageClassification",
        "ViTImageProcessor",
        {**_TRANSFORMER, **_PATCHES},
        {"size": _crop(64)},
    ),
    Family(
        "swin",
        "SwinConfig",
        "SwinForImageClassification",
        "ViTImageProcessor",
        {"image_size": 64, "embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4},
        {"size": _crop(64), "resample": 3},
    ),
    Family(
        "convnext",
        "ConvNextConfig",
        "ConvNextForImageClassification",
        "ConvNextImageProcessor",
        {"hidden_sizes": [8, 16, 16, 32], "depths": [1, 1, 1, 1]},
        {"size": {"shortest_edge": 96}},
    ),
    Family(
        "dinov2",
        "Dinov2Config",
        "Dinov2ForImageClassification",
        "BitImageProcessor",
        {**_TRANSFORMER, "image_size": 70, "patch_size": 14},
        {"size": {"shortest_edge": 80}, "crop_size": _crop(70)},
    ),
    Family(
        "resnet",
        "ResNetConfig",
        "ResNetForImageClassification",
        "ConvNextImageProcessor",
        {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"},
        {"size": {"shortest_edge": 64}},
    ),
    Family(
        "resnet_large",
        "ResNetConfig",
        "ResNetForImageClassification",
        "ConvNextImageProcessor",
        {"embedding_size": 4, "hidden_sizes": [4, 8], "depths": [1, 1], "layer_type": "basic"},
        {"size": {"shortest_edge": 384}},
    ),
    Family(
        "beit",
        "BeitConfig",
        "BeitForImageClassification",
        "BeitImageProcessor",
        {**_TRANSFORMER, **_PATCHES, "use_relative_position_bias": True},
        {"size": _crop(75), "crop_size": _crop(64), "do_center_crop": True},
    ),
    Family(
        "mobilenet_v2",
        "MobileNetV2Config",
        "MobileNetV2ForImageClassification",
        "MobileNetV2ImageProcessor",
        {"image_size": 64, "depth_multiplier": 0.25},
        {"size": {"shortest_edge": 75}, "crop_size": _crop(64)},
    ),
    Family(
        "deit",
        "DeiTConfig",
        "DeiTForImageClassificationWithTeacher",
        "DeiTImageProcessor",
        {**_TRANSFORMER, **_PATCHES},
        {"size": _crop(73), "crop_size": _crop(64)},
    ),
    Family(
        "siglip",
        "SiglipConfig",
        "SiglipForImageClassification",
        "SiglipImageProcessor",
        {"vision_config": {**_TRANSFORMER, **_PATCHES}, "text_config": {**_TRANSFORMER, "vocab_size": 64}},
        {"size": _crop(64)},
    ),
    Family(
        "efficientnet",
        "EfficientNetConfig",
        "EfficientNetForImageClassification",
        "EfficientNetImageProcessor",
        {
            "image_size": 64,
            "width_coefficient": 0.25,
            "depth_coefficient": 0.25,
            "hidden_dim": 320,
        },
        {"size": _crop(64), "resample": 3, "rescale_factor": 1 / 127.5, "rescale_offset": True},
    ),
    Family(
        "poolformer",
        "PoolFormerConfig",
        "PoolFormerForImageClassification",
        "PoolFormerImageProcessor",
        {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1]},
        {"size": {"shortest_edge": 64}, "crop_size": _crop(64)},
    ),
)


def family(name: str) -> Family:
    return next(one for one in FAMILIES if one.name == name)


def saved(of: Family, folder: Path, **more: Any) -> torch.nn.Module:
    """Save a random model with its processor. Its logits depend visibly on the picture."""
    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config, classifier, processor = (getattr(transformers(), one) for one in (of.config, of.model, of.processor))
        model = classifier(config(**of.sizes, num_labels=CLASSES, **more)).eval()
        _wake(model, (3, side(of), side(of)))
        model.save_pretrained(folder)
        processor(**of.preparing).save_pretrained(folder)
    return model


def side(of: Family) -> int:
    size = of.preparing.get("crop_size") or of.preparing["size"]
    return size.get("height") or size["shortest_edge"]


def _wake(model: torch.nn.Module, shape: tuple[int, int, int]) -> None:
    """Make logits depend visibly on the picture: larger filters, statistics of batch norm from noise, a scaled head."""
    heads = [one for one in model.modules() if isinstance(one, torch.nn.Linear) and one.out_features == CLASSES]
    normed = [one for one in model.modules() if isinstance(one, torch.nn.modules.batchnorm._BatchNorm)]
    noise = torch.randn(8, *shape)
    with torch.no_grad():
        for one in model.modules():
            if isinstance(one, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(one.weight)
        for one in normed:
            one.momentum = None  # the mean of all batches
            one.reset_running_stats()
        if normed:
            model.train()(noise)
        model.eval()
        for one in heads:
            one.weight.normal_()
        found = model(noise)
        spread = getattr(found, "logits", found).std(dim=0).max()
        for one in heads:
            one.weight.div_(spread)


def saved_timm(name: str, folder: Path, *, preparing: Mapping[str, Any], **arguments: Any) -> torch.nn.Module:
    """Save a random timm model as its hub format has it."""
    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = timm().create_model(name, num_classes=CLASSES, **arguments)
        _wake(model, tuple(preparing["input_size"]))
        timm().models.save_for_hf(
            model,
            folder,
            model_config={"pretrained_cfg": dict(preparing)},
            model_args=dict(arguments) or None,
            safe_serialization=True,
        )
    return model


def photographs() -> list[Path]:
    """Twenty square photographs of ImageNet, and one of 1,024 x 683 pixels."""
    folder = Path(importlib.util.find_spec("foolbox").origin).parent / "data"  # not imported: it warns about itself
    return sorted(folder.glob("imagenet_*.jpg"))


def quietly(action: Callable[[], Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return action()
