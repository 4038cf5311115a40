"""The inputs: CIFAR-10 images with labels, two networks, and their ensemble. It reads files and measures nothing."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from modicum_server.domain.models import Combine
from modicum_server.model_process.composites import EnsembleModule
from modicum_sis import Classifier, image_digest
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.subjects import Absent, Source, cifar_resnet, classifier_of, picture

DEPTHS = (20, 32)
TRAINING = "cifar10_train_5k.npz"
LARGEST_BYTE = 255


@dataclass(frozen=True, slots=True, eq=False)
class Photographs:
    """Images (n, C, H, W) on the canvas, and their labels (n,)."""

    images: Tensor
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, count: int) -> "Photographs":
        """The first `count` images."""
        return Photographs(self.images[:count], self.labels[:count])

    def at(self, places: Sequence[int]) -> "Photographs":
        """The images at the given places, in that sequence."""
        return Photographs(self.images[list(places)], self.labels[list(places)])

    @property
    def digests(self) -> list[str]:
        """A digest of each image's values."""
        return [image_digest(image) for image in self.images]


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A classifier. `digest` identifies its weights."""

    name: str
    classifier: Classifier
    digest: str


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """All inputs: test images, training images, and two networks followed by their ensemble."""

    classes: tuple[str, ...]
    test: Photographs
    training: Photographs
    networks: tuple[Network, Network]
    ensemble: Network


def gathered(data: Path | None, *, test: int, training: int) -> Material:
    """Read this many images, and the networks.

    Raises:
        Absent: the folder is not set or lacks a file.
    """
    sources = [cifar_resnet(depth, data) for depth in DEPTHS]
    assert data is not None, "or the sources were absent"
    first, second = (network(source) for source in sources)
    classes = tuple(sorted({path.parent.name for path in sources[0].photographs}))
    return Material(
        classes=classes,
        test=_test_images(sources[0], classes, test),
        training=training_images(data / TRAINING, training),
        networks=(first, second),
        ensemble=ensemble_of((first, second), sources[0].input.mean),
    )


def network(source: Source) -> Network:
    """The network of a source."""
    digest = hashlib.sha256(source.weights.read_bytes()).hexdigest()
    return Network(source.name.removeprefix("CIFAR-10 "), classifier_of(source), digest)


def ensemble_of(members: Sequence[Network], mean: tuple[float, ...]) -> Network:
    """The mean of the members' logits. Each member normalises its own input, so the mean fill is given explicitly."""
    module = EnsembleModule(tuple(member.classifier for member in members), Combine.MEAN_LOGITS)
    digest = hashlib.sha256("\n".join(["mean_logits", *(member.digest for member in members)]).encode()).hexdigest()
    return Network("Their ensemble", Classifier(module, fill_mean=mean), digest)


def training_images(path: Path, count: int) -> Photographs:
    """The first images of every class in turn, the same number per class.

    Raises:
        Absent: no such file.
    """
    if not path.is_file():
        raise Absent(f"training images: expected {path.name} in the folder of outside data")
    with np.load(path, allow_pickle=False) as arrays:
        pixels, labels = arrays["images"], arrays["labels"].astype(np.int64)
    rank = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        rank[labels == label] = np.arange(int((labels == label).sum()))
    order = np.lexsort((labels, rank))[:count]
    images = torch.from_numpy(pixels[order]).permute(0, 3, 1, 2).contiguous().float() / LARGEST_BYTE
    return Photographs(images, labels[order])


def _test_images(source: Source, classes: tuple[str, ...], count: int) -> Photographs:
    paths = source.photographs[:count]
    images = torch.stack([picture(path, source.input) for path in paths])
    return Photographs(images, np.array([classes.index(path.parent.name) for path in paths], dtype=np.int64))
