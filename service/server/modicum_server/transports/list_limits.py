"""How many entries a repeated field of a request may have. Both transports check it before they handle any entry.

An entry takes a few bytes, so a body within its limit can hold millions. They never reach a codec or a use case. What
the entries must be is left to the use case.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from modicum_server.domain.models import MOST_CHANNELS
from modicum_server.domain.reviews import PictureKind
from modicum_server.errors import FieldInvalid
from modicum_server.usecases.rules import (
    MOST_CLAIMS,
    MOST_CLASS_LABELS,
    MOST_CONTROLS,
    MOST_DIGESTS,
    MOST_LIMITS,
    MOST_REVIEWERS,
    MOST_SEARCHES,
    MOST_SMALL_ARTIFACTS,
    MOST_VERSIONS,
)

#: Every repeated field of a request, by its full name below the package. A test checks that none is missing.
MOST: Mapping[str, int] = {
    "FindMissingArtifactsRequest.digests": MOST_DIGESTS,
    "UploadSmallArtifactsRequest.contents": MOST_SMALL_ARTIFACTS,
    "AuditSpecification.model_versions": MOST_VERSIONS,
    "AuditSpecification.searches": MOST_SEARCHES,
    "AuditSpecification.controls": MOST_CONTROLS,
    "Stopping.limits": MOST_LIMITS,
    "Ensemble.members": MOST_VERSIONS,
    "InputSpecification.mean": MOST_CHANNELS,
    "InputSpecification.std": MOST_CHANNELS,
    "InputSpecification.fill_mean": MOST_CHANNELS,
    "ModelVersion.class_labels": MOST_CLASS_LABELS,
    "ModelVerdict.model_versions": MOST_VERSIONS,
    "Review.reviewers": MOST_REVIEWERS,
    "Review.Reviewer.shares": len(PictureKind),
    "Review.Figures.shares": len(PictureKind),
    "TrustRule.claims": MOST_CLAIMS,
}
PACKAGE = "modicum.v1."


def refuse_long_lists(message: Message, path: str = "") -> None:
    """Refuse a request with a list, at any depth, that is longer than its field may be.

    Raises:
        FieldInvalid: names the field.
    """
    for field, value in message.ListFields():
        inner = f"{path}.{field.name}" if path else field.name
        if field.is_repeated:
            for fault in too_long(field, len(value), inner):
                raise fault
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for place, entry in _entries(value, repeated=field.is_repeated):
                refuse_long_lists(entry, f"{inner}{place}")


def too_long(field: FieldDescriptor, count: int, path: str) -> Iterator[FieldInvalid]:
    """Yield a refusal if a field may not have this many entries."""
    most = MOST.get(field.full_name.removeprefix(PACKAGE))
    if most is not None and count > most:
        yield FieldInvalid(path, f"expected at most {most:,} entries, got {count:,}")


def _entries(value: Any, *, repeated: bool) -> Iterator[tuple[str, Message]]:
    if not repeated:
        yield "", value
        return
    for place, entry in enumerate(value):
        yield f"[{place}]", entry
