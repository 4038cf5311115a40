"""Step (d): are 5% of the pixels enough to learn from? Fresh networks on full images, 5% subsets, random 5% subsets.

One trained network's masks give the subsets of the training and test images. They are made for the class that it
predicts; the labels are the true ones. Each fresh network is tested on test images of all three kinds. Each
seed is one network: an interval covers images like these, and the rows show how much a seed matters.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from modicum_server.measures.comparisons import difference_of
from modicum_server.measures.measure import share
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.paper.accuracy import BATCH, NO_IMAGES, painted
from benchmarks.paper.descent import masks_digest, random_masks
from benchmarks.paper.extent import Extent
from benchmarks.paper.material import Network, Photographs
from benchmarks.paper.training import ARCHITECTURE, fresh, train

FULL, SUBSETS, RANDOM = "full images", "5% subsets", "random 5% subsets"
KINDS = (FULL, SUBSETS, RANDOM)


class Chosen(Protocol):
    """Pixels that a search chose."""

    @property
    def masks(self) -> NDArray[np.bool_]:
        """5% of the pixels of each image, (n, H, W)."""
        ...

    @property
    def seconds(self) -> NDArray[np.float64]:
        """How long that took, ()."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """Inputs of one kind, normalised: (n, C, H, W) of the training and of the test images."""

    training: Tensor
    test: Tensor


Correct = dict[str, dict[int, dict[str, NDArray[np.bool_]]]]
"""By what was trained on, by seed, by what was tested on: for each test image."""


def measure(
    network: Network,
    training: Photographs,
    test: Photographs,
    extent: Extent,
    *,
    search: str,
    choose: Callable[[Photographs], Chosen],
) -> dict[str, Any]:
    """Measure all three kinds and all seeds. Return JSON values. `choose` makes the masks, `search` names it."""
    chosen, tested_on = choose(training), choose(test)
    begun = time.perf_counter()
    kinds = _kinds(network, (training, chosen.masks), (test, tested_on.masks))
    class_count = len(np.unique(training.labels))
    correct: Correct = {kind: {} for kind in KINDS}
    curves = []
    for kind in KINDS:
        for seed in extent.seeds:
            module = fresh(class_count, seed)
            epochs = list(train(module, kinds[kind].training, training.labels, epochs=extent.epochs, seed=seed))
            correct[kind][seed] = {name: _correct(module, each.test, test) for name, each in kinds.items()}
            curves.append(
                {
                    "trained_on": kind,
                    "seed": seed,
                    "loss": [round(epoch.loss, 4) for epoch in epochs],
                    "accuracy": [round(epoch.accuracy, 4) for epoch in epochs],
                }
            )
            tested = correct[kind][seed]
            print(f"  trained on {kind}, seed {seed}: " + _summary(tested), flush=True)
    return {
        "architecture": ARCHITECTURE,
        "masks_of": network.name,
        "search": search,
        "masks_digest": masks_digest(chosen.masks),
        "masks_seconds": round(float(chosen.seconds), 1),
        "training_seconds": round(time.perf_counter() - begun, 1),
        "training": len(training),
        "test": len(test),
        "epochs": extent.epochs,
        "rows": _rows(correct),
        "differences": _differences(correct),
        "curves": curves,
    }


Masked = tuple[Photographs, NDArray[np.bool_]]
"""Images and the 5% subset of each, (n, H, W)."""


def _kinds(network: Network, training: Masked, test: Masked) -> Mapping[str, Kind]:
    """All kinds use the mean and deviation of the network's input, so that the fill is zero."""
    fill = network.classifier.fill_mean
    deviation = torch.tensor(network.classifier.input.std).view(-1, 1, 1)

    def normalised(images: Tensor) -> Tensor:
        return (images - fill) / deviation

    def under(photographs: Photographs, masks: NDArray[np.bool_]) -> Tensor:
        return normalised(painted(photographs.images, masks, fill))

    return {
        FULL: Kind(normalised(training[0].images), normalised(test[0].images)),
        SUBSETS: Kind(under(*training), under(*test)),
        RANDOM: Kind(*(under(images, random_masks(images)) for images, _ in (training, test))),
    }


def _correct(module: nn.Module, inputs: Tensor, test: Photographs) -> NDArray[np.bool_]:
    with torch.no_grad():
        predicted = torch.cat([module(part).argmax(1) for part in torch.split(inputs, BATCH)]).numpy()
    correct: NDArray[np.bool_] = predicted == test.labels
    return correct


def _rows(correct: Correct) -> list[dict[str, Any]]:
    return [
        {
            "trained_on": kind,
            "seed": seed,
            "tested_on": {name: share(tested[name], empty=NO_IMAGES).as_json() for name in KINDS},
        }
        for kind, seeds in correct.items()
        for seed, tested in seeds.items()
    ]


def _differences(correct: Correct) -> dict[str, Any]:
    """Differences paired by image, each a mean over seeds. Each network is trained and tested on its own kind."""
    own = {kind: np.mean([tested[kind] for tested in seeds.values()], axis=0) for kind, seeds in correct.items()}
    return {
        "subsets_less_random": difference_of(own[SUBSETS] - own[RANDOM], empty=NO_IMAGES).as_json(),
        "subsets_less_full": difference_of(own[SUBSETS] - own[FULL], empty=NO_IMAGES).as_json(),
    }


def _summary(tested: Mapping[str, NDArray[np.bool_]]) -> str:
    return ", ".join(f"{correct.mean():.3f} on {name}" for name, correct in tested.items())
