"""A result document as if its audit had been of one of its versions alone. Judges nothing.

What the audit says of pairs of versions stays: a rule looks there for the version that it is about, and under
`OTHERS` for the version beside it.
"""

from collections.abc import Mapping
from typing import Any

from modicum.errors import InvalidArgument, PolicyError
from modicum.resource_names import short_version

Document = Mapping[str, Any]
OTHERS = "others"
"""Key of the versions that are not judged."""


def version_called(document: Document, text: str) -> str:
    """Return the name of the version of the document that a user calls by its whole name, or as `model/number`.

    A model alone is enough where the document has one version of it.

    Raises:
        InvalidArgument: the document has no such version, or several.
    """
    known: list[str] = [model["model_version"] for model in document["models"]]
    called = [name for name in known if text in {name, short_version(name), short_version(name).rpartition("/")[0]}]
    if len(called) != 1:
        names = " or ".join(map(short_version, known))
        raise InvalidArgument(f"--version: expected a version of the result, {names}, got {text}")
    return called[0]


def of_version(document: Document, version: str) -> Document:
    """Return the document with this version alone.

    Raises:
        PolicyError: the document has no such version.
    """
    known = [model["model_version"] for model in document["models"]]
    if version not in known:
        raise PolicyError(f"expected a version of the result, {' or '.join(known)}, got {version}")
    parts = {name: [one for one in document.get(name, ()) if _is_of(one, version)] for name in ("spots", "mitigation")}
    return {
        **document,
        "models": [model for model in document["models"] if model["model_version"] == version],
        OTHERS: [model for model in document["models"] if model["model_version"] != version],
        **{name: part for name, part in parts.items() if name in document},
    }


def _is_of(entry: Document, version: str) -> bool:
    """Whether an entry is about the version; that of an ensemble check is about the ensemble."""
    return bool(entry.get("model_version", entry.get("ensemble")) == version)
