"""Swaps of a spot: a place of one picture is copied into another, and versions say what they then see.

A swap shows one pair of pictures. It tests nothing; the spot test does, on many pairs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from modicum_server.domain.audits import AuditFailure
from modicum_server.domain.findings import FindingReason
from modicum_server.domain.models import InputSpecification
from modicum_server.domain.searches import Canvas
from modicum_server.domain.spots import SpotPlace


class SwapState(StrEnum):
    """The state of a swap."""

    QUEUED = "QUEUED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class SwapView(StrEnum):
    """A picture that the versions see."""

    SOURCE = "SOURCE"
    """The picture with the spot."""
    COVERED = "COVERED"
    """The same, with the pixels of the other picture at the place."""
    OTHER = "OTHER"
    """The other picture."""
    PASTED = "PASTED"
    """The same, with the spot at its place."""


VIEWS: Final = tuple(SwapView)
"""The views in the order of their positions."""


@dataclass(frozen=True, slots=True)
class SwapPlan:
    """What is copied where, and which versions look at it.

    Attributes:
        audit: whose canvas and framing the pictures have.
        canvas: of the audit.
        framing: by which the composed pictures become the canvas: it changes nothing in them.
        model_versions: who looks, each once.
        target_classes: the class whose confidence is asked for, in each version's own classes.
        target_label: its name, or its number as text.
        source: item with the spot.
        other: item into which the spot is copied.
        place: where the spot lies.
        pictures: SHA-256 of the composed pictures, in the order of `VIEWS`.
    """

    audit: str
    canvas: Canvas
    framing: InputSpecification
    model_versions: tuple[str, ...]
    target_classes: tuple[int, ...]
    target_label: str
    source: str
    other: str
    place: SpotPlace
    pictures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SwapScore:
    """What a version says of a view: its class, and its confidence in the plan's target class.

    With a `reason` it was not scored, and no other field counts.

    `predicted_class` is in the version's own classes.
    """

    view: SwapView
    predicted_class: int | None
    confidence: float
    reason: FindingReason | None = None


@dataclass(frozen=True, slots=True)
class SpotSwap:
    """A swap as it stands. `scores` has the versions that are done."""

    name: str
    plan: SwapPlan
    principal: str
    state: SwapState = SwapState.QUEUED
    create_time: datetime | None = None
    scores: Mapping[str, tuple[SwapScore, ...]] = field(default_factory=dict)
    failure: AuditFailure | None = None

    @property
    def is_open(self) -> bool:
        """Whether it waits for a worker, or a worker is at it."""
        return self.state is SwapState.QUEUED
