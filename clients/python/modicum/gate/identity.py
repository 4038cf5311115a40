"""Which result a verdict or a baseline is about, in names and digests."""

from collections.abc import Mapping
from typing import Any

Document = Mapping[str, Any]


def identity(document: Document) -> dict[str, Any]:
    """Return the names and digests by which a verdict identifies its result document."""
    return {
        "audit": document["audit"],
        "created": document["created"],
        "specification_digest": document["specification_digest"],
        "findings_digest": document["findings"]["digest"],
        "dataset": document["dataset"]["name"],
        "model_digests": {model["model_version"]: model["digest"] for model in document["models"]},
        "weights_digests": _weights_digests(document),
        "stopping": document.get("stopping"),
    }


def _weights_digests(document: Document) -> dict[str, str]:
    """SHA-256 of each file that the versions run; empty where a version names none, as older documents do not."""
    files = [model.get("weights_digests", {}) for model in document["models"]]
    return {name: digest for one in files for name, digest in one.items()} if all(files) else {}
