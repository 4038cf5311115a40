"""The source of a version as a document of the database, and what a source is made of.

Must not check anything that the domain does not say. All other documents are `domain.documents`.
"""

from dataclasses import asdict
from typing import Final

from pydantic import TypeAdapter

from modicum_server.domain.documents import Document
from modicum_server.domain.models import Endpoint, Ensemble, Executable, InputDropout, Source, Weights

#: Kept in the document, because the fields of two sources may be alike.
SOURCES: Final[dict[str, type[Source]]] = {
    "weights": Weights,
    "executable": Executable,
    "ensemble": Ensemble,
    "input_dropout": InputDropout,
    "endpoint": Endpoint,
}
#: Made once: an adapter takes longer to make than to use.
_SOURCE: Final[dict[str, TypeAdapter[Source]]] = {kind: TypeAdapter(cls) for kind, cls in SOURCES.items()}


def source_document(source: Source) -> Document:
    """Return the source with its kind beside it."""
    kind = next(kind for kind, cls in SOURCES.items() if isinstance(source, cls))
    return {"kind": kind, "of": asdict(source)}


def source_of(document: Document) -> Source:
    """Return the source of a document."""
    source: Source = _SOURCE[document["kind"]].validate_python(document["of"])
    return source


def parts_of(source: Source) -> list[str]:
    """Return the versions that a source is made of."""
    match source:
        case Ensemble(members=members):
            return list(members)
        case InputDropout(member=member):
            return [member]
        case _:
            return []
