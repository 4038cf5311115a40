"""The networks of the trust part: a fractional design of planted cues, clean networks, and some with true evidence.

Half of the kinds are set aside: no limit of the rule is chosen on them. Nothing here trains anything.
"""

import itertools
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from benchmarks.planted.cues import Cue, Look, Where

CLASSES = 10
STRENGTHS = (0.5, 0.75, 1.0)
KINDS = (
    (Where.CENTRE, Look.OPAQUE),
    (Where.CORNER, Look.OPAQUE),
    (Where.MOVING, Look.OPAQUE),
    (Where.RING, Look.OPAQUE),
    (Where.CENTRE, Look.FAINT),
    (Where.CORNER, Look.FAINT),
    (Where.MOVING, Look.FAINT),
    (Where.CENTRE, Look.COLOUR),
    (Where.WHOLE, Look.TEXTURE),
    (Where.WHOLE, Look.JPEG),
    (Where.LINE, Look.OPAQUE),
)
SET_ASIDE = frozenset(
    {
        (Where.CORNER, Look.OPAQUE),
        (Where.MOVING, Look.OPAQUE),
        (Where.CENTRE, Look.FAINT),
        (Where.CENTRE, Look.COLOUR),
        (Where.WHOLE, Look.JPEG),
    }
)
"""Kinds on which no limit is chosen."""
HOW_MANY_CLASSES = {"one": 1, "two": 2, "all": CLASSES}
NETWORKS = (("digits", "plain"), ("cifar10", "resnet8"), ("cifar10", "plain"))
"""Sources of pictures and architectures."""
CLEAN_SEEDS = 20
"""Clean networks of each source and architecture."""
LABEL = "label"
"""Scope of a cue that defines the label, as a lesion does: a picture has it or has not, whatever else it shows."""
TRUE_EVIDENCE = tuple(itertools.product((Where.CENTRE, Where.MOVING), (Look.OPAQUE, Look.FAINT)))


@dataclass(frozen=True, slots=True)
class Case:
    """A network that is trained and audited. `scope` says how many classes have a cue; "clean" has none; or LABEL."""

    pictures: str
    architecture: str
    cue: Cue
    scope: str
    seed: int

    @property
    def name(self) -> str:
        """A name that no other case has."""
        cue = f"{self.cue.where}, {self.cue.look}, {self.scope}, {self.cue.strength:g}"
        cue += "" if self.cue.opacity is None else f", opacity {self.cue.opacity:g}"
        cue += f", stray {self.cue.stray:g}" if self.cue.stray else ""
        return f"{self.pictures} {self.architecture} {'clean' if self.clean else cue} #{self.seed}"

    @property
    def clean(self) -> bool:
        """Whether nothing is planted."""
        return self.cue.where is Where.NOWHERE

    @property
    def set_aside(self) -> bool:
        """Whether no limit may be chosen on it. Of clean networks every second one is set aside, weak cues all are."""
        if self.clean:
            return self.seed % 2 == 1
        return self.cue.weakened or (self.cue.where, self.cue.look) in SET_ASIDE

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"name": self.name, "set_aside": self.set_aside, "clean": self.clean, **asdict(self)}


def cases() -> list[Case]:
    """All cases in a drawn order, so that a run that is stopped has some of every kind."""
    planted = [case for pictures, architecture in NETWORKS for case in _planted(pictures, architecture)]
    clean = [
        Case(pictures, architecture, Cue(Where.NOWHERE, Look.OPAQUE, (), 0.0), "clean", seed)
        for pictures, architecture in NETWORKS
        for seed in range(CLEAN_SEEDS)
    ]
    true = [Case("cifar10", "plain", Cue(*kind, (1,), 1.0), LABEL, seed) for seed, kind in enumerate(TRUE_EVIDENCE)]
    together = [*planted, *clean]
    drawn = np.random.default_rng(0).permutation(len(together))
    return [*(together[place] for place in drawn), *true]


def _planted(pictures: str, architecture: str) -> list[Case]:
    """Every kind with each number of classes; strengths rotate (a Latin square), and grey pictures have no colour."""
    kinds = [kind for kind in KINDS if not (pictures == "digits" and kind[1] is Look.COLOUR)]
    combined = itertools.product(kinds, HOW_MANY_CLASSES.items())
    source = np.random.default_rng(len(architecture) + len(pictures))
    return [
        Case(
            pictures,
            architecture,
            Cue(*kind, _classes(kind, count, source), STRENGTHS[(number + number // len(STRENGTHS)) % len(STRENGTHS)]),
            scope,
            number,
        )
        for number, (kind, (scope, count)) in enumerate(combined)
    ]


def _classes(kind: tuple[Where, Look], count: int, source: np.random.Generator) -> tuple[int, ...]:
    """The classes with a cue. JPEG has two qualities, so two classes of different parity have one."""
    drawn = sorted(int(one) for one in source.permutation(CLASSES)[:count])
    return tuple(drawn) if kind[1] is not Look.JPEG else tuple(one - one % 2 for one in drawn[:1])
