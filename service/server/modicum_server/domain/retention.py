"""Retention: for how long a project keeps what audits leave behind, and what goes when that time is over."""

from dataclasses import dataclass
from enum import StrEnum


class Kept(StrEnum):
    """What is kept for a time of its own: findings and results of audits, and pictures of data sets."""

    FINDINGS = "FINDINGS"
    REPORTS = "REPORTS"
    IMAGES = "IMAGES"


@dataclass(frozen=True, slots=True)
class Retention:
    """For how many days a project keeps what audits leave behind; 0: for ever.

    Findings and results are counted from the end of the newest audit that has them. The pictures of a data set, with
    their boxes and masks, are counted from its creation, or from the end of its newest audit.
    """

    findings_days: int = 0
    reports_days: int = 0
    images_days: int = 0

    def days(self, kind: Kept) -> int:
        """Return how many days this kind is kept."""
        return {Kept.FINDINGS: self.findings_days, Kept.REPORTS: self.reports_days, Kept.IMAGES: self.images_days}[kind]


@dataclass(frozen=True, slots=True)
class Past:
    """A part of an audit or a data set that is past its time, with the files that nothing else needs."""

    kind: Kept
    name: str
    files: int
    file_bytes: int
