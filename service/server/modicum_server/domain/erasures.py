"""Erasures: a picture goes from a project with all that came from it, and a receipt stays."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

IMAGE_ERASED: Final = "IMAGE_ERASED"
"""Why an audit has no result any more: it could not be summarised without a picture that was erased."""


class ErasureState(StrEnum):
    """How far an erasure is."""

    RUNNING = "RUNNING"
    DONE = "DONE"


class ErasedOutcome(StrEnum):
    """What became of the result of an audit that used the picture."""

    WAITING = "WAITING"
    SUMMARISED = "SUMMARISED"
    REMOVED = "REMOVED"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class ErasedItem:
    """An item of a data set that holds the picture."""

    dataset: str
    item: str


@dataclass(frozen=True, slots=True)
class ErasedResult:
    """What became of the result of an audit. `images` counts what was erased over all of its data sets."""

    audit: str
    outcome: ErasedOutcome
    images: int
    result_digest_before: str = ""
    result_digest: str = ""
    findings_digest_before: str = ""
    findings_digest: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was removed where.

    Attributes:
        items: the items that hold the picture; their rows stay, with its digest.
        findings: rows that were deleted.
        predictions: the same.
        spot_rows: rows of the spot test out of which its pairs were taken.
        reviews: names of blind reviews that showed it.
        swaps: names of swaps of a spot that used it.
        verdicts: names of verdicts whose documents lost their pictures.
        results: the audits that used it.
        artifacts: digests that the project no longer holds.
        kept_for: names of what refers to the picture's bytes as something else.
    """

    items: tuple[ErasedItem, ...] = ()
    findings: int = 0
    predictions: int = 0
    spot_rows: int = 0
    reviews: tuple[str, ...] = ()
    swaps: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    results: tuple[ErasedResult, ...] = ()
    artifacts: tuple[str, ...] = ()
    kept_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure as it stands. While it is RUNNING, a worker goes on with what its receipt says is WAITING."""

    name: str
    image_digest: str
    state: ErasureState
    principal: str
    receipt: Receipt = field(default_factory=Receipt)
    create_time: datetime | None = None
    end_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class PictureUse:
    """An audit that uses a picture, and where.

    Attributes:
        audit: its name.
        positions: of the picture among the audit's items.
        pairs: positions of the audit's items whose counterfactual partner it is.
        second: its indices in the out-of-distribution data set.
    """

    audit: str
    positions: frozenset[int] = frozenset()
    pairs: frozenset[int] = frozenset()
    second: frozenset[int] = frozenset()

    @property
    def images(self) -> int:
        """How many pictures of the audit go, over all of its data sets."""
        return len(self.positions) + len(self.pairs) + len(self.second)
