"""Step (c): two networks against their ensemble, the mean of their logits: sizes of subsets, and accuracy.

The ratio is the service's estimand: the ensemble's subset size over the geometric mean of its members', on the images
eligible in all. Averaging softens logits, and softer logits alone enlarge subsets; so the members are searched once
more at temperatures at which as many of their images are eligible as of the ensemble's.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from modicum_server.handler.composites import TemperedModule
from modicum_server.handler.temperatures import critical_temperature
from modicum_server.measures.checked_versions import NONE_IN_ALL, NONE_LABELLED
from modicum_server.measures.comparisons import difference_of, ratio_of
from modicum_server.measures.measure import quantile_measure, share
from modicum_server.worker.matching import matched_temperature
from modicum_sis import Classifier
from numpy.typing import NDArray

from benchmarks.paper.accuracy import masked, predictions
from benchmarks.paper.descent import Descent, descended
from benchmarks.paper.extent import PIXELS_PER_STEP, THRESHOLD, Extent
from benchmarks.paper.material import Network, Photographs
from benchmarks.paper.sizes import sizes_of


def measure(
    members: Sequence[Network], ensemble: Network, photographs: Photographs, extent: Extent, counts: Sequence[int]
) -> dict[str, Any]:
    """All three; as JSON values. `counts`: images of each network's descent, the ensemble's last and the fewest."""
    networks = [*members, ensemble]
    few = counts[-1]
    descents = [
        first(descended(network, photographs.first(count)), few)
        for network, count in zip(networks, counts, strict=True)
    ]
    looked_at = photographs.first(few)
    eligible = np.logical_and.reduce([np.isfinite(descent.size) for descent in descents])
    places = np.flatnonzero(eligible)[: extent.pairs].tolist()
    return {
        "n": few,
        "accuracy": _accuracy(networks, descents, looked_at),
        "ratios": [
            _ratio(
                f"batched_gradient, {PIXELS_PER_STEP} pixels a step",
                networks,
                [descent.size[eligible] for descent in descents],
                looked_at,
            ),
            *_optimised(networks, looked_at, looked_at.at(places), extent),
        ],
    }


def first(descent: Descent, count: int) -> Descent:
    """That of the first so many images."""
    return Descent(
        predicted=descent.predicted[:count],
        confidence=descent.confidence[:count],
        masks=descent.masks[:count],
        size=descent.size[:count],
        subsets=descent.subsets[:count],
        kept=descent.kept,
        curve=descent.curve[:count],
    )


def _optimised(
    networks: Sequence[Network], looked_at: Photographs, searched: Photographs, extent: Extent
) -> list[dict[str, Any]]:
    """Ratios by mask_optimization: at temperature 1, and with the members' matched."""
    *members, ensemble = networks
    wanted = sum(critical >= 1 for critical in _criticals(ensemble, looked_at))
    temperatures = [matched_temperature(_criticals(member, looked_at), eligible=wanted) for member in members]
    tempered = [_tempered(member, temperature) for member, temperature in zip(members, temperatures, strict=True)]
    name = f"mask_optimization, {extent.passes} passes"
    whole = sizes_of(ensemble, searched, extent.passes)
    rows = [
        _ratio(name, networks, [*_sizes(members, searched, extent), whole], searched),
        _ratio(f"{name}, temperatures matched", networks, [*_sizes(tempered, searched, extent), whole], searched),
    ]
    rows[1]["temperatures"] = [round(temperature, 4) for temperature in temperatures]
    return rows


def _sizes(networks: Sequence[Network], searched: Photographs, extent: Extent) -> list[NDArray[np.float64]]:
    return [sizes_of(network, searched, extent.passes) for network in networks]


def _criticals(network: Network, photographs: Photographs) -> list[float]:
    with torch.no_grad():
        return [critical_temperature(network.classifier.plain_logits(each), THRESHOLD) for each in photographs.images]


def _tempered(network: Network, temperature: float) -> Network:
    """The network less confident, or more; where no other temperature is needed, the network itself."""
    if temperature == 1:
        return network
    mean = tuple(network.classifier.fill_mean.flatten().tolist())
    module = TemperedModule(network.classifier, temperature)
    return Network(network.name, Classifier(module, fill_mean=mean), f"{network.digest} at {temperature!r}")


def _ratio(
    search: str, networks: Sequence[Network], sizes: Sequence[NDArray[np.float64]], photographs: Photographs
) -> dict[str, Any]:
    """The ensemble's sizes, the last, over the geometric mean of the members', on the images where all have one."""
    table = np.stack(sizes)
    logs = np.log(table[:, np.isfinite(table).all(axis=0)])
    pixels = photographs.images.shape[-2] * photographs.images.shape[-1]
    return {
        "search": search,
        "ratio": ratio_of(logs[-1] - logs[:-1].mean(axis=0), empty=NONE_IN_ALL).as_json(),
        "medians": [
            {
                "network": network.name,
                "fraction": quantile_measure(np.exp(row) / pixels, 0.5, unit="fraction", empty=NONE_IN_ALL).as_json(),
            }
            for network, row in zip(networks, logs, strict=True)
        ],
    }


def _accuracy(
    networks: Sequence[Network], descents: Sequence[Descent], photographs: Photographs
) -> dict[str, dict[str, Any]]:
    """On full images and on each network's own 5% subsets: each, and the ensemble's less the mean of the members'."""
    full = [descent.predicted == photographs.labels for descent in descents]
    subsets = [
        predictions(network.classifier, masked(photographs, descent.masks, network)) == photographs.labels
        for network, descent in zip(networks, descents, strict=True)
    ]
    return {"full": _compared(networks, full), "subsets": _compared(networks, subsets)}


def _compared(networks: Sequence[Network], correct: Sequence[NDArray[np.bool_]]) -> dict[str, Any]:
    gains = correct[-1].astype(np.float64) - np.stack(correct[:-1]).mean(axis=0)
    return {
        "networks": [
            {"network": network.name, "accuracy": share(row, empty=NONE_LABELLED).as_json()}
            for network, row in zip(networks, correct, strict=True)
        ],
        "difference": difference_of(gains, empty=NONE_LABELLED).as_json(),
    }
