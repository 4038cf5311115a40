"""A small classifier of 28x28 digits, trained in seconds on a CPU. Does not change global random state."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from modicum_server.selftest.cases import Examples
from modicum_server.selftest.digits import CLASSES, INK, SIDE

MEAN, STD = 0.13 * INK, 0.31 * INK
"""Mean and deviation of the digits' values in 0..1. The mean fill uses the mean too."""
BATCH = 64
LEARNING_RATE = 2e-3
FIRST_CHANNELS, SECOND_CHANNELS = 16, 32


def small_classifier() -> nn.Sequential:
    """Return two strided convolutions and a linear layer, for normalised images (N, 1, 28, 28)."""
    return nn.Sequential(
        nn.Conv2d(1, FIRST_CHANNELS, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(FIRST_CHANNELS, SECOND_CHANNELS, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(SECOND_CHANNELS * (SIDE // 4) ** 2, CLASSES),
    )


def trained(examples: Examples, *, epochs: int, seed: int) -> nn.Module:
    """Train a classifier on examples. The seed draws the initial weights and the order."""
    values = torch.from_numpy(examples.images.astype(np.float32) / 255).unsqueeze(1)
    inputs, targets = (values - MEAN) / STD, torch.from_numpy(examples.labels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = small_classifier()
        optimizer = torch.optim.Adam(module.parameters(), LEARNING_RATE)
        for _ in range(epochs):
            for batch in torch.split(torch.randperm(len(inputs)), BATCH):
                optimizer.zero_grad()
                functional.cross_entropy(module(inputs[batch]), targets[batch]).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
    return module.eval()
