"""Models whose scores a person can compute, a tiny real network, and an independent score of a subset.

Values are dyadic, so float sums are exact.
"""

from collections.abc import Callable

import torch
from modicum_sis import Classifier, Finding
from torch import Tensor, nn


class LinearScores(nn.Module):
    """Class scores are weighted sums of the first channel: weights (K, H, W)."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights = nn.Parameter(weights)
        self.calls: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        self.calls.append(len(images))
        return (images[:, None, 0] * self.weights).sum(dim=(2, 3))


class TinyNetwork(nn.Module):
    """A convolution, a batch norm, a dropout and a linear layer, with random weights from its own seed."""

    def __init__(self, seed: int = 0, classes: int = 4) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(8 * 16, classes)
        source = torch.Generator().manual_seed(seed)
        for weights in self.parameters():
            weights.data = torch.randn(weights.shape, generator=source) * 0.4

    def forward(self, images: Tensor) -> Tensor:
        features = torch.relu(self.norm(self.convolution(images)))
        return self.head(self.dropout(nn.functional.adaptive_avg_pool2d(features, 4).flatten(1)))


def two_classes(evidence: Tensor, offset: float = 0.0) -> Tensor:
    """Weights (2, H, W) for which the margin of class 0 is the sum of `evidence` over the kept pixels of ones."""
    return torch.stack([evidence + offset, torch.full_like(evidence, offset)])


def linear_classifier(evidence: Tensor, **options: object) -> Classifier:
    return Classifier(LinearScores(two_classes(evidence)), bounds=(0, 1), mean=0.0, std=1.0, **options)


def ones(count: int, height: int, width: int) -> Tensor:
    return torch.ones(count, 1, height, width)


def random_images(count: int, *, side: int = 8, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed))


def network_classifier(seed: int = 0) -> Classifier:
    return Classifier(TinyNetwork(seed), bounds=(0, 1), mean=0.5, std=0.25)


def rescored(classifier: Classifier, images: Tensor, finding: Finding, fill: float | Tensor) -> float:
    """The confidence of the masked image by a plain softmax, independent of the library."""
    painted = torch.where(finding.subset.mask, images[finding.index], fill)
    return float(torch.softmax(classifier.plain_logits(painted).double(), dim=0)[finding.target_class])


def random_network(*, seed: int, gain: float = 2.0) -> nn.Module:
    """A small convolutional network with random weights that make it confident."""
    generator = torch.Generator().manual_seed(seed)
    network = nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveMaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 5),
    )
    for weights in network.parameters():
        scale = gain / (weights[0].numel() ** 0.5 if weights.dim() > 1 else 10)
        weights.data = torch.randn(weights.shape, generator=generator) * scale
    return network


class PairedScores(nn.Module):
    """Class scores from pixels and from products of neighbouring pixels, all values rounded to quarters.

    Weights are quarters too, so every sum is exact in float32, for every fill and chunk size. The gradient is that of
    the values before rounding.
    """

    def __init__(self, seed: int, canvas: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        source = torch.Generator().manual_seed(seed)
        for name, shape in (("weights", (classes, *canvas)), ("pairs", (classes, 1)), ("offsets", (classes,))):
            setattr(self, name, nn.Parameter(torch.randint(-8, 9, shape, generator=source) / 4))

    def forward(self, images: Tensor) -> Tensor:
        rounded = (images.detach() * 4).round() / 4 + (images - images.detach())
        row = rounded.sum(dim=1).flatten(1)
        neighbours = (row[:, None, 1:] * row[:, None, :-1] * self.pairs / 4).sum(dim=2)
        return (rounded[:, None] * self.weights).sum(dim=(2, 3, 4)) + neighbours + self.offsets


class FunctionScores(nn.Module):
    """Two classes; the margin of the first is the given function of the image."""

    def __init__(self, function: Callable[[Tensor], Tensor], dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        self.function = function
        self.register_buffer("zero", torch.zeros((), dtype=dtype))

    def forward(self, images: Tensor) -> Tensor:
        scores = self.function(images)
        return torch.stack([scores, self.zero.expand_as(scores)], dim=1)


def smooth_network(seed: int, channels: int, classes: int) -> nn.Module:
    """A small network for any canvas, with a gradient everywhere and random weights that make it confident."""
    network = nn.Sequential(
        nn.Conv2d(channels, 6, 3, padding=1), nn.Tanh(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, classes)
    )
    source = torch.Generator().manual_seed(seed)
    for weights in network.parameters():
        weights.data = torch.randn(weights.shape, generator=source) * 0.8
    return network
