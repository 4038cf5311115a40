"""Step (c): two networks against their ensemble, the mean of their logits: subset sizes and accuracy.

The ratio, the change in R and the verdict are the service's. The ratio is the ensemble's subset size over the
geometric mean of its members', on images eligible in all. Averaging changes a network's confidence, and confidence
alone changes sizes at a fixed threshold. So the members are searched once more, at temperatures at which they have as
many eligible images as the ensemble.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from modicum_server.measures.checked_versions import NONE_IN_ALL, NONE_LABELLED
from modicum_server.measures.comparisons import difference_to_mean, ratio_of
from modicum_server.measures.matched_eligibility import MatchedEligibility
from modicum_server.measures.matched_temperatures import matched_temperature
from modicum_server.measures.measure import Measure, quantile_measure, share
from modicum_server.measures.mitigation import NOT_MATCHED, STAMP
from modicum_server.measures.mitigation_rule import judge
from modicum_server.measures.overinterpretation import ALPHA
from modicum_server.model_process.composites import TemperedModule
from modicum_server.model_process.temperatures import critical_temperature
from modicum_sis import Classifier
from numpy.typing import NDArray

from benchmarks.paper.accuracy import predictions
from benchmarks.paper.descent import descended
from benchmarks.paper.extent import PIXELS_PER_STEP, THRESHOLD, Extent
from benchmarks.paper.material import Network, Photographs
from benchmarks.paper.sizes import sizes_of
from benchmarks.paper.sufficient import eligible, sufficient

Table = NDArray[np.float64]
"""Sizes: a row for each network, the ensemble's the last; a column for each image."""


def measure(
    members: Sequence[Network], ensemble: Network, photographs: Photographs, few: int, extent: Extent
) -> dict[str, Any]:
    """Measure all three. Return JSON values. `few`: the first images, for which all networks have descents."""
    networks = [*members, ensemble]
    full = [predictions(network.classifier, photographs.images) == photographs.labels for network in networks]
    chosen = [descended(network, photographs.first(few)).chosen == photographs.labels[:few] for network in networks]
    temperatures = _temperatures(networks, photographs)
    tempered = [_tempered(member, value) for member, value in zip(members, temperatures, strict=True)]
    by_gradient = _gradient_sizes(networks, photographs.first(few))
    ours, matched = (_optimised_sizes([*row, ensemble], photographs, extent) for row in (members, tempered))
    name, pixels = f"mask_optimization, {extent.passes} passes", photographs.images[0, 0].numel()
    rows = [
        _row(f"batched_gradient, k = {PIXELS_PER_STEP}", networks, by_gradient, pixels),
        _row(name, networks, ours, pixels),
        {**_row(f"{name}, temperatures matched", networks, matched, pixels), "temperatures": temperatures},
    ]
    rows[0]["verdict"] = _verdict(by_gradient, None, full, {})
    rows[1]["verdict"] = _verdict(ours, matched, full, _eligibility(tempered, ensemble, photographs))
    return {
        "n": len(photographs),
        "few": few,
        "accuracy": {"full": _accuracy(networks, full), "subsets": _accuracy(networks, chosen)},
        "ratios": rows,
    }


def _gradient_sizes(networks: Sequence[Network], photographs: Photographs) -> Table:
    return np.stack([sufficient(each, photographs, descended(each, photographs)).size for each in networks])


def _optimised_sizes(networks: Sequence[Network], photographs: Photographs, extent: Extent) -> Table:
    """Sizes on the first images that are eligible in all networks."""
    in_all = np.logical_and.reduce([eligible(network, photographs) for network in networks])
    searched = photographs.at(np.flatnonzero(in_all)[: extent.pairs].tolist())
    return np.stack([sizes_of(network, searched, extent.passes) for network in networks])


def _temperatures(networks: Sequence[Network], photographs: Photographs) -> list[float]:
    """The members' temperatures, at which they have as many eligible images as the ensemble."""
    *members, ensemble = networks
    wanted = _eligible_count(ensemble, photographs)
    found = [matched_temperature(_criticals(member, photographs), eligible=wanted) for member in members]
    return [round(temperature, 4) for temperature in found]


def _eligible_count(network: Network, photographs: Photographs) -> int:
    return sum(critical >= 1 for critical in _criticals(network, photographs))


def _eligibility(
    tempered: Sequence[Network], ensemble: Network, photographs: Photographs
) -> Mapping[str, MatchedEligibility]:
    """How many images are eligible at these temperatures, counted again as a check."""
    wanted = _eligible_count(ensemble, photographs)
    return {
        member.name: MatchedEligibility(_eligible_count(member, photographs), wanted, len(photographs))
        for member in tempered
    }


def _criticals(network: Network, photographs: Photographs) -> list[float]:
    with torch.no_grad():
        return [critical_temperature(network.classifier.plain_logits(each), THRESHOLD) for each in photographs.images]


def _tempered(network: Network, temperature: float) -> Network:
    """The network at a temperature, or the network itself if the temperature is 1."""
    if temperature == 1:
        return network
    mean = tuple(network.classifier.fill_mean.flatten().tolist())
    module = TemperedModule(network.classifier, temperature)
    return Network(network.name, Classifier(module, fill_mean=mean), f"{network.digest} at {temperature!r}")


def _row(search: str, networks: Sequence[Network], table: Table, pixels: int) -> dict[str, Any]:
    """Medians, their ratio and the change in R, on the images for which all networks have a size."""
    both = _in_all(table)
    return {
        "search": search,
        "ratio": _ratio(table).as_json(),
        "rate_difference": _rate_difference(table, pixels).as_json(),
        "medians": [
            {
                "network": network.name,
                "fraction": quantile_measure(sizes / pixels, 0.5, unit="fraction", empty=NONE_IN_ALL).as_json(),
                "rate": share(sizes <= ALPHA * pixels, empty=NONE_IN_ALL).as_json(),
            }
            for network, sizes in zip(networks, both, strict=True)
        ],
    }


def _verdict(
    ours: Table,
    matched: Table | None,
    correct: Sequence[NDArray[np.bool_]],
    eligibility: Mapping[str, MatchedEligibility],
) -> dict[str, Any]:
    """The verdict by the service's rule."""
    unmatched = Measure(None, "ratio", 0, unavailable=NOT_MATCHED)
    measures: Mapping[str, Measure] = {
        "subset_fraction_ratio": _ratio(ours),
        "matched_subset_fraction_ratio": unmatched if matched is None else _ratio(matched),
        "accuracy_difference": _gain(correct),
    }
    verdict, reasons = judge(measures, eligibility)
    return {
        "verdict": verdict,
        "reasons": list(reasons),
        "stamp": STAMP,
        "matched_eligibility": {name: counted.as_json() for name, counted in eligibility.items()},
    }


def _in_all(table: Table) -> Table:
    shared: Table = table[:, np.isfinite(table).all(axis=0)]
    return shared


def _ratio(table: Table) -> Measure:
    """The ensemble's sizes over the geometric mean of the members'."""
    logs = np.log(_in_all(table))
    return ratio_of(logs[-1] - logs[:-1].mean(axis=0), empty=NONE_IN_ALL)


def _rate_difference(table: Table, pixels: int) -> Measure:
    return _gain(_in_all(table) <= ALPHA * pixels)


def _gain(holds: Sequence[NDArray[np.bool_]] | NDArray[np.bool_]) -> Measure:
    """The ensemble's share less the mean of the others' shares. The ensemble is last."""
    *members, ensemble = holds
    return difference_to_mean(np.stack([ensemble, *members]).astype(np.int64), empty=NONE_LABELLED)


def _accuracy(networks: Sequence[Network], correct: Sequence[NDArray[np.bool_]]) -> dict[str, Any]:
    return {
        "networks": [
            {"network": network.name, "accuracy": share(row, empty=NONE_LABELLED).as_json()}
            for network, row in zip(networks, correct, strict=True)
        ],
        "difference": _gain(correct).as_json(),
    }
