"""Figures beside the verdict on an ensemble, for it and each member: rate, accuracy, passes and time.

The shares are over the same images as the differences of the check, so that the figures explain the differences. In a
version's own section they are over all of its images. Must not judge: `mitigation` does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modicum_server.domain.models import Ensemble, InputDropout, ModelVersion
from modicum_server.measures.measure import Measure, share
from modicum_server.measures.observations import Observations
from modicum_server.measures.out_of_distribution import OutOfDistribution
from modicum_server.measures.overinterpretation import small

NONE_IN_ALL = "no image was searched to its end with the ensemble and all members"
NONE_LABELLED = "no labelled image has a prediction of the ensemble and all members"


@dataclass(frozen=True, slots=True)
class CheckedVersion:
    """One version of a check.

    Attributes:
        measures: `overinterpretation_rate` and `accuracy`, on the images that all have; `ood_accuracy` where there is
            an out-of-distribution data set.
        plain_passes: passes of networks that one pass of the version takes.
        pass_milliseconds: of one pass an image, in batches as a search runs them, measured when the version was
            registered; None where it never was.
        backward: whether a backward pass was timed with it.
    """

    measures: Mapping[str, Measure]
    plain_passes: int
    pass_milliseconds: float | None
    backward: bool

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "measures": {name: measure.as_json() for name, measure in self.measures.items()},
            "plain_passes": self.plain_passes,
            "pass_milliseconds": self.pass_milliseconds,
            "timed": "forward and backward" if self.backward else "forward",
        }


def checked_versions(
    ensemble: ModelVersion,
    members: Sequence[ModelVersion],
    seen: Sequence[Observations],
    second: OutOfDistribution | None = None,
) -> dict[str, CheckedVersion]:
    """Return them by name, the ensemble first; `seen` is in that order."""
    names = [version.name for version in (ensemble, *members)]
    all_aligned = aligned(seen)
    searched, labelled = in_all(all_aligned), labelled_in_all(all_aligned)
    passes = [*map(_plain_passes, members)]
    return {
        version.name: CheckedVersion(
            {
                "overinterpretation_rate": share(
                    small(one.size, one)[places][searched],
                    level=one.level,
                    empty=NONE_IN_ALL,
                    parameters={"alpha": one.statistics.alpha},
                ),
                "accuracy": share(one.correct[places][labelled], level=one.level, empty=NONE_LABELLED),
                **({} if second is None else {"ood_accuracy": second.accuracy(version.name, names, one.level)}),
            },
            plain_passes,
            None if version.check is None else version.check.pass_milliseconds,
            version.check is not None and version.check.useful_gradient,
        )
        for version, plain_passes, (one, places) in zip(
            (ensemble, *members), (sum(passes), *passes), all_aligned, strict=True
        )
    }


def latency_ratio(ensemble: CheckedVersion, members: Sequence[CheckedVersion]) -> float | None:
    """Return the ensemble's time divided by the mean time of its members.

    None if one was not measured, or if backward passes were timed with some and not with others.
    """
    if len({one.backward for one in (ensemble, *members)}) > 1:
        return None
    whole, parts = ensemble.pass_milliseconds, [one.pass_milliseconds for one in members]
    known = [one for one in parts if one is not None and one > 0]
    if whole is None or len(known) < len(parts):
        return None
    return whole / (sum(known) / len(known))


def aligned(all_seen: Sequence[Observations]) -> list[tuple[Observations, NDArray[np.intp]]]:
    """Return each with the places of the images that all have, in the same order."""
    common = reduce(np.intersect1d, [one.position for one in all_seen])
    placed = []
    for one in all_seen:
        order = np.argsort(one.position, kind="stable")
        placed.append((one, order[np.searchsorted(one.position[order], common)]))
    return placed


def in_all(all_aligned: Sequence[tuple[Observations, NDArray[np.intp]]]) -> NDArray[np.bool_]:
    """Return which of the common images were searched to the end with all versions."""
    searched: NDArray[np.bool_] = np.logical_and.reduce([one.measured[places] for one, places in all_aligned])
    return searched


def labelled_in_all(all_aligned: Sequence[tuple[Observations, NDArray[np.intp]]]) -> NDArray[np.bool_]:
    """Return which of the common images have a label and a prediction of all versions."""
    known: NDArray[np.bool_] = np.logical_and.reduce([one.labelled[places] for one, places in all_aligned])
    return known


def _plain_passes(version: ModelVersion) -> int:
    """Composites are at most two deep: a wrapper in an ensemble is around a plain version."""
    match version.source:
        case InputDropout(samples=samples):
            return samples
        case Ensemble(members=members):
            return len(members)
    return 1
