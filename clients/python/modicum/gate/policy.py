"""A policy as values: what a result must show for a model to pass. Reads no file and judges nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from modicum.gate.marked_yaml import Mark

DEFAULT_ERROR_BUDGET = 0.01
DEFAULT_PRESET = "recommended"
REPORT_ONLY = "report-only"
"""The preset that requires nothing."""
ALL_TOGETHER = "all classes together"
"""What the spot test calls its row of all classes."""


MOVING = "moving"
"""What a policy calls places that are chosen for each picture."""
OWN_WINDOW, RING = "OWN", "RING"
"""Kinds of places in a result that no box holds: each image's own window, and a ring at the edge."""


class Kind(StrEnum):
    """What of a result document a rule is about. BASELINE is of the document and its baseline together."""

    MEASURE = "measure"
    READING = "reading"
    VERDICT = "verdict"
    BASELINE = "baseline"


class Level(StrEnum):
    """What a rule does: nothing, a warning, or a decision."""

    OFF = "off"
    WARN = "warn"
    ERROR = "error"


class Inconclusive(StrEnum):
    """What an inconclusive verdict does to the exit code."""

    FAIL = "fail"
    WARN = "warn"
    ALLOW = "allow"


class BaselineKind(StrEnum):
    """Where a baseline is: in a file beside the policy, or on the server."""

    FILE = "file"
    AUDIT = "audit"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class BaselineSource:
    """What a policy names as its baseline: a file, an audit, or a version of a model as NAME/3."""

    kind: BaselineKind
    name: str


@dataclass(frozen=True, slots=True)
class KnownRule:
    """A rule that a policy may name.

    `name` is that of the measure, the control, or the part of the document that holds a verdict; `field` the verdict's
    key there. `part` is the part whose entries hold the measure, empty where a search does. `outcomes` are those that a
    policy may expect; empty for a rule with limits, and for that of the spot test. `range` is the least and the largest
    value of the measure, within which its limits lie; None where there is none.
    """

    id: str
    kind: Kind
    name: str
    title: str
    field: str = ""
    part: str = ""
    outcomes: tuple[str, ...] = ()
    range: tuple[float | None, float | None] = (None, None)

    @property
    def is_spot(self) -> bool:
        """Whether it is the rule of the spot test, which is judged row by row and has limits of its own."""
        return self.id == "spot"

    @property
    def is_counterfactual(self) -> bool:
        """Whether it is about the counterfactual set: the reading, or one of its measures."""
        return self.part == "counterfactuals" or self.name == "counterfactual"

    @property
    def is_review(self) -> bool:
        """Whether it is the rule of blind reviews, of which a version may have several."""
        return self.id == "review"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of a policy. `mark` is where it stands, None for a rule of the preset; outputs point to `shown_at`."""

    known: KnownRule
    level: Level
    max: float | None = None
    min: float | None = None
    max_regression: float | None = None
    min_ratio_to_baseline: float | None = None
    expect: tuple[str, ...] = ()
    classes: str | tuple[str, ...] | None = None
    search: int | None = None
    dataset: str | None = None
    min_assessed: float = 0.9
    mark: Mark | None = None
    shown_at: Mark | None = None

    @property
    def id(self) -> str:
        """Its stable id."""
        return self.known.id

    @property
    def needs_baseline(self) -> bool:
        """Whether it compares with a baseline."""
        return self.max_regression is not None or self.min_ratio_to_baseline is not None


@dataclass(frozen=True, slots=True)
class Box:
    """A box in pixels of the canvas."""

    top: int
    left: int
    height: int
    width: int

    def holds(self, place: Mapping[str, Any]) -> bool:
        """Return whether a place of the document lies inside it; one without a position of its own does not."""
        if place["kind"] in {OWN_WINDOW, RING}:
            return False
        return bool(
            self.top <= place["top"]
            and self.left <= place["left"]
            and place["top"] + place["height"] <= self.top + self.height
            and place["left"] + place["width"] <= self.left + self.width
        )

    @property
    def words(self) -> str:
        """Which places it accepts."""
        return f"places inside {self.height}x{self.width} pixels, {self.top} from the top and {self.left} from the left"


@dataclass(frozen=True, slots=True)
class Moving:
    """Places that are chosen for each picture, wherever they are."""

    words = "places that are chosen for each picture"

    def holds(self, place: Mapping[str, Any]) -> bool:
        """Return whether a place of the document is each image's own window; one at a fixed position is not."""
        return bool(place["kind"] == OWN_WINDOW)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A place that a person holds for evidence."""

    rule: str
    class_label: str
    place: Box | Moving
    reason: str
    owner: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Waiver:
    """A failure that is tolerated until the end of a day."""

    rule: str
    reason: str
    owner: str
    expires: date
    class_label: str | None
    model_digest: str | None
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A whole policy. `rules` are those of the preset and its own, without those that are off.

    `audit_marks` are where the values under `audit` stand, by their keys.
    """

    file: str
    digest: str
    audit: Mapping[str, Any] = field(default_factory=dict)
    require: Mapping[str, int] = field(default_factory=dict)
    error_budget: float = DEFAULT_ERROR_BUDGET
    inconclusive: Inconclusive = Inconclusive.FAIL
    baseline: BaselineSource | None = None
    preset: str = DEFAULT_PRESET
    rules: tuple[Rule, ...] = ()
    accept: tuple[Acceptance, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    audit_marks: Mapping[str, Mark] = field(default_factory=dict)

    @property
    def least_passes(self) -> int:
        """The budget of a search that it asks for or requires; 0 where it says nothing."""
        asked: int = self.audit.get("passes", 0)
        return max(self.require.get("passes", 0), asked)

    @property
    def first_expiry(self) -> date | None:
        """The last day on which all of its waivers hold; None without any."""
        return min((waiver.expires for waiver in self.waivers), default=None)
