"""Data sets: immutable manifests of images."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class DatasetItem:
    """One image. `label` is a class name, or a class index in digits, or empty."""

    item: str
    image_digest: str
    label: str = ""
    boxes_digest: str = ""
    mask_digest: str = ""

    @property
    def has_objects(self) -> bool:
        """Whether boxes or a mask tell where its objects are."""
        return bool(self.boxes_digest or self.mask_digest)


@dataclass(frozen=True, slots=True)
class Dataset:
    """An immutable manifest. `principal` created it; empty for one of before that was stored.

    `images_delete_time`: when the retention of its project deleted its pictures; None while they are kept.
    """

    name: str
    manifest_digest: str
    item_count: int
    labelled_count: int
    create_time: datetime
    principal: str = ""
    images_delete_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Artifact:
    """Bytes that a project holds."""

    project: str
    digest: str
    size_bytes: int
    create_time: datetime


@dataclass(frozen=True, slots=True)
class UsedArtifact:
    """An artifact, and the names of at most 10 versions, data sets, audits, verdicts and swaps that refer to it."""

    artifact: Artifact
    used_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeldArtifact:
    """Bytes that some projects hold."""

    digest: str
    size_bytes: int
    projects: tuple[str, ...]
