"""Whether each measure of the result orders networks with a planted cue over clean ones."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from modicum_server.domain.models import InputSpecification
from modicum_server.domain.searches import Control, ControlPlan
from modicum_server.selftest.auditing import audit
from modicum_server.selftest.cases import Examples
from numpy.typing import NDArray

from benchmarks.planted.cases import Case
from benchmarks.planted.networks import Trained, balanced

IMAGES, PASSES = 300, 150
CONTROLS = (
    ControlPlan(Control.CLASS_TARGETED),
    ControlPlan(Control.FILL),
    ControlPlan(Control.FILL_ROBUST, images=32, passes=400),
    ControlPlan(Control.DILATED),
    ControlPlan(Control.MASK_ONLY),
    ControlPlan(Control.RANDOM),
    ControlPlan(Control.SHORTCUT),
)
"""The default controls, but for those of several versions and the spot test; `fill_robust` on fewer images."""
RESAMPLES, LEVEL = 2000, 0.95


def measured(case: Case, network: Trained) -> dict[str, float]:
    """The measures of one network, on equally many pictures of each class, with the cue where they have one."""
    chosen = balanced(network.labels, IMAGES)
    pictures = (network.test[chosen].permute(0, 2, 3, 1) * 255).round().byte().numpy()
    examples = Examples(pictures.squeeze(3) if pictures.shape[3] == 1 else pictures, network.labels[chosen].numpy())
    document = audit(
        network.module,
        examples,
        seed=case.seed,
        passes=PASSES,
        framing=_framing(network),
        controls=CONTROLS,
    )
    found = document["models"][0]["searches"][0]["measures"]
    return {name: round(one["value"], 6) for name, one in found.items() if one["value"] is not None}


def areas(rows: Sequence[dict[str, Any]]) -> Iterator[tuple[str, int, int, float, tuple[float, float]]]:
    """Yield each measure's name, its planted and clean networks, and its area under the ROC curve with an interval.

    The area is the chance that a planted network's value is above a clean one's, equal ones counting half (Hanley and
    McNeil, 1982). Its interval is the bootstrap's over networks, of the level `LEVEL`.
    """
    names = sorted({name for row in rows for name in row["measures"]})
    for name in names:
        planted, clean = (
            np.array([row["measures"][name] for row in rows if row["clean"] is kind and name in row["measures"]])
            for kind in (False, True)
        )
        if len(planted) > 1 and len(clean) > 1:
            yield name, len(planted), len(clean), area(planted, clean), _interval(planted, clean)


def area(planted: NDArray[np.float64], clean: NDArray[np.float64]) -> float:
    """The share of pairs in which the planted network has the larger value."""
    differences = planted[:, None] - clean[None]
    return float((differences > 0).mean() + (differences == 0).mean() / 2)


def _interval(planted: NDArray[np.float64], clean: NDArray[np.float64]) -> tuple[float, float]:
    drawn = np.random.default_rng(0)
    seen = [area(drawn.choice(planted, len(planted)), drawn.choice(clean, len(clean))) for _ in range(RESAMPLES)]
    low, high = np.quantile(seen, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _framing(network: Trained) -> InputSpecification:
    channels, height, width = network.test.shape[1:]
    return InputSpecification(channels, height, width, 0.0, 1.0, 0, "nearest", network.mean, network.std)
