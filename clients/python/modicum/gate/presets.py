"""The presets: ready-made rules, and every number in them.

`recommended` fails only on what the trust benchmark shows to separate networks with a planted cue from clean ones.
Today that is the spot test alone; all else warns. What the presets say of these networks stands in
docs/reference/benchmarks.md, "Planted cues". The limits of the other rules are starting points.
"""

from collections.abc import Mapping
from typing import Any

MOST_ACCURACY_EXCESS = 0.05
"""Accuracy that filling the ring may cost beyond a band further in, or what lies outside objects beyond the objects.

A loss of one class among many hardly shows in it, and one that the comparison shares not at all. So `strict` judges
the reading beside it.
"""
STRICT_ACCURACY_EXCESS = 0.02
MOST_COUNTERFACTUAL_LOSS = 0.05
"""Accuracy that may be lost when pictures are replaced by their counterfactuals."""
MIN_ASSESSED = 0.9
"""Share of the images of the spot test that its rows of classes must hold together."""
STRICT_ASSESSED = 0.95

DEMANDING = frozenset({"strict"})
"""Presets whose rules are inconclusive, not left out, where an audit could have had what they are about."""

Rules = Mapping[str, Mapping[str, Any]]

PRESETS: Mapping[str, Rules] = {
    "recommended": {
        "spot": {"level": "error", "min_assessed": MIN_ASSESSED},
        "shortcut-accuracy-excess": {"level": "warn", "max": MOST_ACCURACY_EXCESS},
        "counterfactual-accuracy-loss": {"level": "warn", "max": MOST_COUNTERFACTUAL_LOSS},
    },
    "strict": {
        "spot": {"level": "error", "min_assessed": STRICT_ASSESSED},
        "shortcut": {"level": "error", "expect": ["NONE_SEEN"]},
        "shortcut-accuracy-excess": {"level": "error", "max": STRICT_ACCURACY_EXCESS},
        "counterfactual-accuracy-loss": {"level": "error", "max": MOST_COUNTERFACTUAL_LOSS},
        "mitigation": {"level": "error", "expect": ["MITIGATED"]},
    },
    "report-only": {
        "spot": {"level": "warn", "min_assessed": MIN_ASSESSED},
        "shortcut-accuracy-excess": {"level": "warn", "max": MOST_ACCURACY_EXCESS},
        "counterfactual-accuracy-loss": {"level": "warn", "max": MOST_COUNTERFACTUAL_LOSS},
    },
}
