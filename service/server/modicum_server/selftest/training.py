"""A small classifier of 28x28 digits, trained in seconds on a CPU. Leaves global random state as it was."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from modicum_server.selftest.cases import Examples
from modicum_server.selftest.digits import CLASSES, INK, SIDE

MEAN, STD = 0.13 * INK, 0.31 * INK
"""Of the digits' values in 0..1; the mean is also what the mean fill paints."""
BATCH = 64
LEARNING_RATE = 2e-3
FIRST_CHANNELS, SECOND_CHANNELS = 16, 32


def small_classifier() -> nn.Sequential:
    """Return two convolutions that halve the side, and a linear layer; it takes normalised images (N, 1, 28, 28)."""
    return nn.Sequential(
        nn.Conv2d(1, FIRST_CHANNELS, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(FIRST_CHANNELS, SECOND_CHANNELS, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(SECOND_CHANNELS * (SIDE // 4) ** 2, CLASSES),
    )


def trained(examples: Examples, *, epochs: int, seed: int) -> nn.Module:
    """Train a classifier on examples, from weights and in an order drawn by the seed."""
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
