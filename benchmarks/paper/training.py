"""Trains a small classifier from random weights. The same torch version gives the same result on every machine.

There is no augmentation, because masks belong to unchanged images; docs/method.md, "Pixel subsets".
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from modicum_server.model_process.cifar_resnet import build_cifar_resnet
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

ARCHITECTURE = "cifar_resnet8"
BATCH = 100
LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 0.1, 0.9, 5e-4
"""He et al. 2016, section 4.2, but for the schedule, which is one cycle here: there are few epochs."""


@dataclass(frozen=True, slots=True, eq=False)
class Epoch:
    """Mean loss and accuracy after this many epochs, over the last epoch's batches."""

    number: int
    loss: float
    accuracy: float


def fresh(class_count: int, seed: int) -> nn.Module:
    """An untrained network. torch's global random state does not change."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_cifar_resnet(ARCHITECTURE, class_count)


def train(module: nn.Module, inputs: Tensor, labels: NDArray[np.int64], *, epochs: int, seed: int) -> Iterator[Epoch]:
    """Train on normalised inputs (n, C, H, W). Each step of the iterator is one epoch."""
    targets = torch.from_numpy(labels)
    steps = -(-len(inputs) // BATCH)
    optimiser = torch.optim.SGD(
        module.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY, nesterov=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=LEARNING_RATE, total_steps=epochs * steps)
    source = torch.Generator().manual_seed(seed)
    for number in range(1, epochs + 1):
        module.train()
        loss_sum, correct = 0.0, 0
        for batch in torch.split(torch.randperm(len(inputs), generator=source), BATCH):
            logits = module(inputs[batch])
            loss = functional.cross_entropy(logits, targets[batch])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            optimiser.step()
            schedule.step()
            loss_sum += float(loss.detach()) * len(batch)
            correct += int((logits.argmax(1) == targets[batch]).sum())
        module.eval()
        yield Epoch(number, loss_sum / len(inputs), correct / len(inputs))
