"""What a result says of a model that is served elsewhere: what it is called, and what nobody here knows of it."""

from typing import Any

from modicum_server.domain.models import Endpoint, ModelVersion

STAMP = "endpoint"


def endpoint_json(version: ModelVersion) -> dict[str, Any] | None:
    """Return the name of an endpoint and its claim; None for every other version."""
    source = version.source
    return {"name": source.name, "claim": source.claim} if isinstance(source, Endpoint) else None


def endpoint_in_words(version: ModelVersion) -> list[str]:
    """The sentences about an endpoint; none for every other version."""
    if not isinstance(version.source, Endpoint):
        return []
    called = f"The model is the endpoint {version.source.name}, which is served elsewhere."
    return [
        f"{called} It was searched without a gradient, so its subsets are larger than those of a search by gradients.",
        "This server has not seen its weights. The result is about the model that answered during this audit.",
    ]
