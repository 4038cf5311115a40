"""Trains the demo's networks: `modicum:small_cnn` on digits, in seconds, always with the same outcome.

Pieces of other pictures are pasted into each training picture, and its label stays. So a network learns that a small
piece decides nothing. Without this a clean network of digits fails the spot test by right: there, a stroke at one place
decides.
"""

import signal
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from modicum_server.model_process.small_cnn import small_cnn
from modicum_server.selftest.digits import CLASSES, SIDE, Digits

EPOCHS = 12
BATCH = 100
LEARNING_RATE, HIGHEST_RATE, MOMENTUM, WEIGHT_DECAY = 0.05, 0.2, 0.9, 5e-4
PIECES = 3
"""Pieces that are pasted into a picture."""
LONGEST_SIDE = 12
"""Most pixels of a piece's side; each side is drawn, from 0 on."""
MEAN, STD = 0.13, 0.31
"""Of the digits' values in 0..1."""


def train(digits: Digits, *, seed: int) -> nn.Module:
    """Train a network. The seed draws weights, order and pieces.

    It uses one thread, so that sums have one order on every machine.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return _fit(_values(digits), torch.from_numpy(digits.labels))
    finally:
        torch.set_num_threads(threads)


def ignore_interrupts() -> None:
    """Leave Ctrl-C to the process that waits for this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def train_to(file: Path, digits: Digits, scored: Sequence[Digits], *, seed: int) -> list[float]:
    """Train a network, write its weights, and return its accuracy on each of the sets."""
    module = train(digits, seed=seed)
    write_weights(module, file)
    return [accuracy(module, one) for one in scored]


def accuracy(module: nn.Module, digits: Digits) -> float:
    """Return the share of the digits that the network names."""
    with torch.no_grad():
        predicted = module(normalised(_values(digits))).argmax(dim=1)
    return float((predicted.numpy() == digits.labels).mean())


def write_weights(module: nn.Module, file: Path) -> None:
    """Write the weights as safetensors."""
    save_file(module.state_dict(), file)


def input_description() -> str:
    """Return how the network takes pictures, as the TOML of `--input`."""
    return f"height = {SIDE}\nwidth = {SIDE}\nchannels = 1\nmean = [{MEAN}]\nstd = [{STD}]\n"


def with_pieces(images: Tensor) -> Tensor:
    """Return images (N, 1, 28, 28) with pieces of each other, drawn from torch's random state."""
    along = torch.arange(SIDE)
    for _ in range(PIECES):
        height, width = torch.randint(0, LONGEST_SIDE + 1, (2, len(images), 1))
        rows, columns = (_stretch(along, length) for length in (height, width))
        inside = rows[:, None, :, None] & columns[:, None, None, :]
        images = torch.where(inside, images[torch.randperm(len(images))], images)
    return images


def normalised(images: Tensor) -> Tensor:
    """Return images as the network takes them."""
    return (images - MEAN) / STD


def _stretch(along: Tensor, length: Tensor) -> Tensor:
    """Return for each image (N, 1) which of the 28 places lie in a stretch of that length, (N, 28)."""
    start = (torch.rand(len(length), 1) * (SIDE + 1 - length)).long()
    return (along >= start) & (along < start + length)


def _values(digits: Digits) -> Tensor:
    return torch.from_numpy(digits.images.astype(np.float32) / np.iinfo(np.uint8).max).unsqueeze(1)


def _fit(images: Tensor, labels: Tensor) -> nn.Module:
    module = small_cnn(CLASSES, channels=1)
    optimizer = torch.optim.SGD(module.parameters(), LEARNING_RATE, MOMENTUM, weight_decay=WEIGHT_DECAY, nesterov=True)
    steps = -(-len(images) // BATCH)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, HIGHEST_RATE, total_steps=EPOCHS * steps)
    for _ in range(EPOCHS):
        for batch in torch.split(torch.randperm(len(images)), BATCH):
            optimizer.zero_grad()
            inputs = normalised(with_pieces(images[batch]))
            functional.cross_entropy(module(inputs), labels[batch]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            rate.step()
    return module.eval()
