"""The model and pictures of the faults' audits. The network's arithmetic is exact.

A finding is therefore identical to the bit, however often its shard is restarted and whatever else is in the batch.
Pictures contain only 0 and 255, and the weights are a few powers of two. Every sum of a pass is exact in float32, in
any order. With an ordinary network, the batch size changes the low bits, and a search amplifies them.
"""

import warnings
from pathlib import Path

import numpy as np
import torch
from modicum_server.model_process.cifar_resnet import CifarResNet, build_cifar_resnet
from safetensors.torch import save_file

CLASSES = ("red", "green", "blue")
ARCHITECTURE = "modicum:cifar_resnet8"
INPUT = "height = 16\nwidth = 16\nmean = [0.5, 0.5, 0.5]\nstd = [0.25, 0.25, 0.25]\n"
SIZE = 16
PATCH = 8
#: Batch normalisation adds its epsilon to this variance, which gives 1.
UNIT_VARIANCE = 1.0 - 1e-5
#: Logit of a class per unit of the mean of its colour.
HEAD_WEIGHT = 16.0
#: Channels that the shortcuts pad before the first one.
PADDED = 24
NOISE_SHARE = 0.1


def exact_network() -> torch.nn.Module:
    """A ResNet-8 that only sums blurred colours: its residual branches are zero."""
    network = build_cifar_resnet("cifar_resnet8", len(CLASSES))
    assert isinstance(network, CifarResNet)
    blur = torch.tensor([1.0, 2.0, 1.0])
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.fill_(1.0)
                module.running_var.fill_(UNIT_VARIANCE)
        for colour in range(len(CLASSES)):
            network.stem_conv.weight[colour, colour] = torch.outer(blur, blur) / 16
            network.head.weight[colour, PADDED + colour] = HEAD_WEIGHT
    return network.eval()


def pictures(count: int, seed: int) -> np.ndarray:
    """Pictures, uint8 (N, 16, 16, 3) of 0 and 255: noise, and a patch in the colour of the class."""
    random = np.random.default_rng(seed)
    images = (random.random((count, SIZE, SIZE, 3)) < NOISE_SHARE) * 255
    for number, image in enumerate(images):
        row, column = random.integers(0, SIZE - PATCH, 2)
        image[row : row + PATCH, column : column + PATCH, number % len(CLASSES)] = 255
    return images.astype(np.uint8)


def write_subject(folder: Path) -> None:
    """Write the weights, class labels and input description of the network."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        save_file(exact_network().state_dict(), folder / "w.safetensors")
    (folder / "labels.txt").write_text("\n".join(CLASSES))
    (folder / "input.toml").write_text(INPUT)
