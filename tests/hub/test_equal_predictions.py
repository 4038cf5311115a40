"""A folder of a library gives the logits of the library's own pipeline, through our input specification and handler."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from modicum.sources.hub_folders import hub_folder
from modicum_server.domain.models import InputSpecification, ModelVersion, VersionState, Weights
from modicum_server.domain.searches import Canvas
from modicum_server.images.pictures import canvas_array
from modicum_server.model_process.loading import load_version
from modicum_server.model_process.slot import Slot
from modicum_server.model_process.transformers_models import load_classifier
from PIL import Image

from tests.hub.hub_stage import (
    CLASSES,
    FAMILIES,
    family,
    photographs,
    quietly,
    saved,
    saved_timm,
    timm,
    transformers,
)
from tests.tiers import long

CLOSE = 1e-4
QUICK = {"vit", "convnext", "resnet"}
"""The families of `make test`."""


def width(data: bytes) -> int:
    return Image.open(io.BytesIO(data)).size[0]


def pictures() -> list[bytes]:
    """Real photographs: wide, square, high, and with an odd number of pixels to cut."""
    square, *more, wide = sorted((path.read_bytes() for path in photographs()), key=width)
    found = [wide, square, more[0]]
    whole = Image.open(io.BytesIO(wide))
    for box in [(100, 0, 433, 683), (3, 5, 1000, 600), (0, 0, 301, 257)]:
        data = io.BytesIO()
        whole.crop(box).save(data, "PNG")
        found.append(data.getvalue())
    return found


def our_logits(path: Path, tmp_path: Path, images: list[bytes]) -> np.ndarray:
    """Logits as a worker has them: the folder is read by the client, the model is built by the model process."""
    folder = hub_folder(path)
    content = folder.weights()
    slot = tmp_path / "slot"
    (slot / "artifacts").mkdir(parents=True)
    with content.open() as stream:
        (slot / "artifacts" / content.digest).write_bytes(stream.read())
    given = folder.required_input()
    specification = InputSpecification(**{name: getattr(given, name) for name in InputSpecification.__slots__})
    version = ModelVersion(
        "",
        Weights(content.digest, folder.architecture, folder.configuration),
        specification,
        folder.labels,
        "",
        VersionState.PENDING,
        None,
    )
    classifier = load_version(Slot(slot), version, {}, torch.device("cpu")).classifier
    canvas = Canvas(specification.channels, specification.height, specification.width)
    stack = torch.from_numpy(np.stack([canvas_array(data, specification, canvas) for data in images]))
    classifier.inspect(stack.shape[1:])
    with torch.no_grad():
        return torch.cat([classifier.logits(one) for one in stack.split(1)]).numpy()  # as theirs, one at a time


def their_logits(path: Path, images: list[bytes]) -> np.ndarray:
    """Logits of the library's own processor, by Pillow, and its own model."""
    processor = transformers().AutoImageProcessor.from_pretrained(path, backend="pil")
    model = transformers().AutoModelForImageClassification.from_pretrained(path).eval()
    with torch.no_grad():
        return np.concatenate([model(**processor(one, return_tensors="pt")).logits for one in opened(images)])


def timm_logits(path: Path, images: list[bytes]) -> np.ndarray:
    model = timm().create_model(f"local-dir:{path}", pretrained=True).eval()
    transform = timm().data.create_transform(**timm().data.resolve_data_config({}, model=model))
    with torch.no_grad():
        return model(torch.stack([transform(one) for one in opened(images)])).numpy()


def opened(images: list[bytes]) -> list[Image.Image]:
    return [Image.open(io.BytesIO(data)).convert("RGB") for data in images]


def check_equal(ours: np.ndarray, theirs: np.ndarray) -> None:
    assert ours.shape == theirs.shape == (len(pictures()), CLASSES)
    assert np.ptp(theirs, axis=0).max() > 100 * CLOSE, "the logits must depend on the picture"
    assert np.abs(ours - theirs).max() <= CLOSE


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    "of", [one if one.name in QUICK else long(one, id=one.name) for one in FAMILIES], ids=lambda one: one.name
)
def test_a_folder_of_transformers_predicts_as_its_library_does(of, tmp_path):
    saved(of, tmp_path / "model")
    images = pictures()

    theirs = quietly(lambda: their_logits(tmp_path / "model", images))
    ours = quietly(lambda: our_logits(tmp_path / "model", tmp_path, images))

    check_equal(ours, theirs)


@pytest.mark.long
def test_weights_in_several_files_predict_the_same(tmp_path):
    model = saved(family("vit"), tmp_path / "model")
    quietly(lambda: model.save_pretrained(tmp_path / "shards", max_shard_size="20KB"))
    shutil.copy(tmp_path / "model" / "preprocessor_config.json", tmp_path / "shards")

    assert len(list((tmp_path / "shards").glob("model-*.safetensors"))) > 2
    ours = quietly(lambda: our_logits(tmp_path / "shards", tmp_path, pictures()))

    check_equal(ours, quietly(lambda: their_logits(tmp_path / "model", pictures())))


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("name", "arguments", "preparing"),
    [
        pytest.param(
            "resnet10t", {}, {"input_size": (3, 64, 64), "crop_pct": 0.9, "interpolation": "bicubic"}, id="cropped"
        ),
        pytest.param(
            "vit_tiny_patch16_224",
            {"img_size": 64, "depth": 2, "embed_dim": 24},
            {"input_size": (3, 64, 64), "crop_pct": 0.875, "crop_mode": "squash", "interpolation": "bilinear"},
            id="squashed_with_arguments",
        ),
        pytest.param(
            "mobilenetv3_small_050",
            {},
            {"input_size": (3, 96, 96), "crop_pct": 1.0, "mean": (0.5,) * 3, "std": (0.5,) * 3},
            id="whole",
        ),
    ],
)
def test_a_folder_of_timm_predicts_as_its_library_does(name, arguments, preparing, tmp_path):
    saved_timm(name, tmp_path / "model", preparing=preparing, **arguments)

    theirs = quietly(lambda: timm_logits(tmp_path / "model", pictures()))
    ours = quietly(lambda: our_logits(tmp_path / "model", tmp_path, pictures()))

    check_equal(ours, theirs)


def test_a_type_that_calls_its_logits_a_hidden_state_predicts_as_its_library_does():
    config = transformers().PPLCNetConfig(scale=0.25, class_expand=32, num_labels=CLASSES)
    theirs = transformers().PPLCNetForImageClassification(config).eval()
    images = torch.rand(2, 3, 64, 64)

    ours = load_classifier(
        "pp_lcnet", {**config.to_dict(), "architectures": [type(theirs).__name__]}, theirs.state_dict()
    )

    with torch.no_grad():
        assert torch.equal(ours(images), theirs(images).last_hidden_state)
