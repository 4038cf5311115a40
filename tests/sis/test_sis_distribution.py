"""Subset sizes agree across chunk sizes, dtypes and last bits; docs/method.md, "What can be compared".

Batch size, dtype and device change the last bits of a network's scores, and a search amplifies them. Single masks
may differ, but sizes agree in distribution. Weights that differ in their last bits stand for another device.
"""

import copy
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from modicum_sis import BatchedGradient, Classifier, MaskOptimization, find_subsets
from sklearn.datasets import load_digits
from torch import Tensor, nn

from tests.tiers import long

MEAN, STD, THRESHOLD = 0.3, 0.37, 0.9
SIDE, TRAINING, STEPS, BATCH = 12, 1_500, 150, 64
FEWEST_IMAGES = 100
RATIO = 1.05
"""The geometric mean of the paired ratios of sizes lies between 1 / RATIO and RATIO."""
INTERVAL = 1.1
"""Its bootstrap interval between 1 / INTERVAL and INTERVAL: chunking cannot change a verdict on a ratio of 1.1."""
RESAMPLES = 10_000
SOFTENING = 1.3
LAST_BITS = 1e-6
"""Relative change of every weight: about ten times float32's resolution."""

OURS, THEIRS = MaskOptimization(60), BatchedGradient(4)


@dataclass(frozen=True, eq=False)
class Trained:
    """A network trained on digits, and digits that it has not seen."""

    network: nn.Module
    images: Tensor
    accuracy: float


@pytest.fixture(scope="module")
def trained():
    digits = load_digits()
    small = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
    images = nn.functional.interpolate(small, size=SIDE, mode="bilinear", align_corners=False).clamp(0, 1)
    labels, source = torch.tensor(digits.target), torch.Generator().manual_seed(0)
    network = untrained(source)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(STEPS):
        batch = torch.randint(TRAINING, (BATCH,), generator=source)
        loss = nn.functional.cross_entropy(network((images[batch] - MEAN) / STD), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    held_out, truth = images[TRAINING:], labels[TRAINING:]
    with torch.no_grad():
        right = network((held_out - MEAN) / STD).argmax(dim=1) == truth
    return Trained(network, held_out[:160], float(right.double().mean()))


def untrained(source):
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(3),
        nn.Flatten(),
        nn.Linear(16 * 9, 10),
    )
    for weights in network.parameters():
        inputs = weights[0].numel() if weights.dim() > 1 else 0
        scale = (2 / inputs) ** 0.5 if inputs else 0.0
        weights.data = torch.randn(weights.shape, generator=source) * scale
    return network


@pytest.fixture(scope="module")
def references():
    """The findings of `reference`, by search."""
    return {}


@dataclass(frozen=True, eq=False)
class Outcome:
    """For each image: whether it is eligible, and the size of its subset, or nan."""

    eligible: list[bool]
    sizes: np.ndarray


def outcome_of(trained, search, *, chunk_size=64, dtype=torch.float32, change=0.0):
    """Search all images; every subset is scored again by the network itself, in the same dtype."""
    network, source = copy.deepcopy(trained.network).to(dtype).eval(), torch.Generator().manual_seed(1)
    for weights in network.parameters():
        weights.data *= 1 + change * torch.randn(weights.shape, generator=source).to(dtype)
    classifier = Classifier(copy.deepcopy(network), (0, 1), MEAN, STD)
    findings = list(find_subsets(classifier, trained.images, threshold=THRESHOLD, search=search, chunk_size=chunk_size))
    for finding in findings:
        if finding.subset is not None:
            painted = torch.where(finding.subset.mask, (trained.images[finding.index].to(dtype) - MEAN) / STD, 0)
            with torch.no_grad():
                confidence = float(network(painted[None]).softmax(dim=1)[0, finding.target_class])
            assert confidence >= THRESHOLD - 1e-5
    compared = [finding.eligible and not finding.baseline_confident for finding in findings]
    sizes = [f.subset.size if sized else np.nan for f, sized in zip(findings, compared, strict=True)]
    return Outcome([finding.eligible for finding in findings], np.array(sizes, dtype=float))


@pytest.fixture
def reference(trained, references, search):
    """All images in chunks of 64, in float32."""
    if search not in references:
        references[search] = outcome_of(trained, search)
    return references[search]


def geometric_mean_and_interval(ratios):
    logs = np.log(ratios)
    drawn = np.random.default_rng(0).choice(logs, size=(RESAMPLES, len(logs))).mean(axis=1)
    return float(np.exp(logs.mean())), *np.exp(np.quantile(drawn, [0.025, 0.975])).tolist()


def assert_agree(outcome, reference):
    ratios = (outcome.sizes / reference.sizes)[~np.isnan(outcome.sizes + reference.sizes)]
    assert outcome.eligible == reference.eligible
    assert len(ratios) >= FEWEST_IMAGES, "too few images to compare"
    mean, low, high = geometric_mean_and_interval(ratios)
    assert 1 / RATIO <= mean <= RATIO, f"mean ratio {mean}"
    assert 1 / INTERVAL <= low <= high <= INTERVAL, f"interval of the ratio from {low} to {high}"


CHANGES = {
    "one image at a time": (OURS, {"chunk_size": 1}),
    "sixteen at a time": (OURS, {"chunk_size": 16}),
    "float64": (OURS, {"dtype": torch.float64}),
    "other last bits": (OURS, {"change": LAST_BITS}),
    "sixteen at a time, batched_gradient": (THEIRS, {"chunk_size": 16}),
    "other last bits, batched_gradient": (THEIRS, {"change": LAST_BITS}),
}


QUICK = {"float64", "other last bits, batched_gradient"}


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("search", "change"),
    [pytest.param(*row, id=name) if name in QUICK else long(*row, id=name) for name, row in CHANGES.items()],
)
def test_the_same_images_are_eligible_and_sizes_agree_in_distribution(trained, reference, search, change):
    assert_agree(outcome_of(trained, search, **change), reference)


@pytest.mark.parametrize("search", [OURS], ids=str)
@pytest.mark.long
def test_the_comparison_detects_a_network_with_larger_subsets(trained, reference, search):
    """Divided logits give softer decisions. That is more than a change of last bits, and must be detected."""
    softer = copy.deepcopy(trained.network)
    for weights in softer[-1].parameters():
        weights.data /= SOFTENING

    outcome = outcome_of(replace(trained, network=softer), search)

    assert trained.accuracy > 0.85
    with pytest.raises(AssertionError, match="ratio"):
        assert_agree(replace(outcome, eligible=reference.eligible), reference)
