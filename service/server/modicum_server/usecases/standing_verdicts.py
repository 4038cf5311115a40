"""Verdicts FAIL that stand: nothing passed the same version since. An INCONCLUSIVE verdict lifts none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modicum.gate.counting import counted

from modicum_server.domain.audits import Audit
from modicum_server.domain.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class StandingFail:
    """A FAIL of a version that is older than the verdict beside it.

    `later` is that verdict where it is of the same version: INCONCLUSIVE. `later_images` are those of its audit; None
    where that is the audit that failed, or is not among those that were read.
    """

    version: str
    verdict: Verdict
    later: Verdict | None
    later_images: int | None


def standing_fail(
    versions: Sequence[str], newest: Verdict | None, fails: Mapping[str, Verdict], audits: Sequence[Audit]
) -> StandingFail | None:
    """Return the FAIL that stands beside the newest verdict, of the first of the versions that has one.

    `fails` are the verdicts that stand, by version. `audits` may have the audit of the newest verdict.
    """
    for version in versions:
        stands = fails.get(version)
        if stands is None or newest is None or stands.name == newest.name:
            continue
        later = newest if version in newest.model_versions else None
        other = "" if later is None or later.audit == stands.audit else later.audit
        images = next((audit.item_count for audit in audits if audit.name == other), None)
        return StandingFail(version, stands, later, images)
    return None


def later_line(stands: StandingFail) -> str:
    """Return what was said of the version since; empty where nothing was."""
    if stands.later is None:
        return ""
    images = stands.later_images
    what = "verdict" if images is None else f"audit of {counted(images, 'image')}"
    return f"a later {what} was {stands.later.outcome}"
