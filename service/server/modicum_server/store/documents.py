"""Domain values as JSON documents of the database, and back. Nothing is checked here that the domain does not say."""

from base64 import b64decode, b64encode
from dataclasses import asdict, replace
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter

from modicum_server.domain.audits import AuditSpecification
from modicum_server.domain.findings import FindingControls, Trace, TransferFinding
from modicum_server.domain.models import (
    Ensemble,
    Executable,
    InputDropout,
    InputSpecification,
    ModelCheck,
    Source,
    Weights,
)

T = TypeVar("T")
Document = dict[str, Any]

SPECIFICATION: Final = TypeAdapter(AuditSpecification)
CONTROLS: Final = TypeAdapter(FindingControls)
TRACE: Final = TypeAdapter(Trace)
TRANSFER: Final = TypeAdapter(TransferFinding)
INPUT: Final = TypeAdapter(InputSpecification)
CHECK: Final = TypeAdapter(ModelCheck)

#: Kept in the document, because the fields of two sources may be alike.
SOURCES: Final[dict[str, type[Source]]] = {
    "weights": Weights,
    "executable": Executable,
    "ensemble": Ensemble,
    "input_dropout": InputDropout,
}
#: Made once: an adapter takes longer to make than to use.
_SOURCE: Final[dict[str, TypeAdapter[Source]]] = {kind: TypeAdapter(cls) for kind, cls in SOURCES.items()}


def document_of(adapter: TypeAdapter[T], value: T) -> Document:
    """Return the value as JSON-ready data."""
    document: Document = adapter.dump_python(value, mode="json")
    return document


def controls_document(controls: FindingControls) -> Document:
    """Return the controls as JSON-ready data; a mask is bytes, which JSON has not, and stands there in base64."""
    answer = controls.pixel_subset
    if answer is None:
        return document_of(CONTROLS, controls)
    bare = replace(answer, subset=replace(answer.subset, mask=b""))
    document = document_of(CONTROLS, replace(controls, pixel_subset=bare))
    document["pixel_subset"]["subset"]["mask"] = b64encode(answer.subset.mask).decode()
    return document


def controls_of(document: Document) -> FindingControls:
    """Return the controls of a document."""
    controls = CONTROLS.validate_python(document)
    answer = controls.pixel_subset
    if answer is None:
        return controls
    subset = replace(answer.subset, mask=b64decode(answer.subset.mask))  # read as the bytes of its text
    return replace(controls, pixel_subset=replace(answer, subset=subset))


def source_document(source: Source) -> Document:
    """Return the source with its kind beside it."""
    kind = next(kind for kind, cls in SOURCES.items() if isinstance(source, cls))
    return {"kind": kind, "of": asdict(source)}


def source_of(document: Document) -> Source:
    """Return the source of a document."""
    source: Source = _SOURCE[document["kind"]].validate_python(document["of"])
    return source


def artifact_of(source: Source) -> str:
    """Return the digest of the bytes that a source is made of; empty without."""
    return source.digest if isinstance(source, Weights | Executable) else ""


def parts_of(source: Source) -> list[str]:
    """Return the versions that a source is made of."""
    match source:
        case Ensemble(members=members):
            return list(members)
        case InputDropout(member=member):
            return [member]
        case _:
            return []
