"""What a collection finds: what nothing refers to, and for how long it has been so."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unreferred:
    """An artifact of a project to which nothing in the project refers."""

    project: str
    digest: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Collection:
    """What a collection deleted, or with `dry_run` would delete.

    `past_findings` and `past_reports` count audits, and `past_images` data sets, whose retention passed. Bytes are
    those of `artifacts`, once for each project that holds them. Orphans, bytes that no project holds, are counted by
    number alone.
    """

    dry_run: bool
    grace_seconds: float
    artifacts: int
    artifact_bytes: int
    orphans: int
    request_ids: int
    past_findings: int = 0
    past_reports: int = 0
    past_images: int = 0
