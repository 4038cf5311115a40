"""How an audit may end before all its images are done, and that it did. The client defines what the gate reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from modicum.gate.early_stop import ENDED_EARLY, cut_in_words
from modicum.gate.stopping import ShareLimit, Stopping, look_images

__all__ = [
    "ASKED",
    "CUT_ASKED",
    "ENDED_EARLY",
    "NOTED",
    "STOPPED",
    "STOP_ASKED",
    "ShareLimit",
    "StopReason",
    "Stopped",
    "Stopping",
    "cut_in_words",
    "look_images",
    "stopped_of",
]

STOP_ASKED, CUT_ASKED, STOPPED = "stop_asked", "cut_asked", "stopped"
"""Keys of what is noted with an audit: why a caller stopped it, why no scores are to follow, and where it ended."""
NOTED = frozenset({STOP_ASKED, CUT_ASKED, STOPPED})
ASKED = "a caller stopped it"


class StopReason(StrEnum):
    """Why an audit ended early: its limits settled it, or a caller stopped it."""

    SETTLED = "SETTLED"
    ASKED = "ASKED"


@dataclass(frozen=True, slots=True)
class Stopped:
    """The end of an audit that ended early: the first `images` of its order were looked at, and why no more.

    `cut` names what should have followed the searches and was left out (`domain.audits.Scoring`).
    """

    images: int
    planned: int
    reason: StopReason
    why: tuple[str, ...]
    cut: tuple[str, ...] = ()


def stopped_of(parameters: Mapping[str, Any]) -> Stopped | None:
    """Return what is noted with an audit; None if it did not end early."""
    noted = parameters.get(STOPPED)
    if noted is None:
        return None
    cut = tuple(noted.get("cut", ()))
    return Stopped(noted["images"], noted["planned"], StopReason(noted["reason"]), tuple(noted["why"]), cut)
