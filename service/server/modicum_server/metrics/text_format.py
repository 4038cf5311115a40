"""The text for Prometheus, in the format that it accepts, and the labels of exemplars."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.exposition import choose_encoder

#: Most characters of all labels of an exemplar, by the OpenMetrics specification.
LONGEST_EXEMPLAR = 128

#: Makes the labels of an exemplar, or None for no exemplar.
Exemplars = Callable[..., dict[str, str] | None]

# The creation time of each series would add half as many series again, and nobody uses it.
disable_created_metrics()  # type: ignore[no-untyped-call]  # has no types


def exposed_text(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Return the text and its media type by an Accept header: OpenMetrics, which has exemplars, or the plain format.

    Collectors may read files: call this in a thread.
    """
    encoder, media_type = choose_encoder(accept)
    return encoder(registry), media_type


def media_type_of(accept: str) -> str:
    """Return the media type of the text by an Accept header."""
    media_type: str = choose_encoder(accept)[1]
    return media_type


def unnamed(**_labels: str) -> None:
    """Return no exemplar, in place of `exemplar`, where names are not shown."""


def exemplar(**labels: str) -> dict[str, str] | None:
    """Return the labels of an exemplar; None when one is empty or they are too long."""
    length = sum(len(name) + len(value) for name, value in labels.items())
    return labels if all(labels.values()) and length <= LONGEST_EXEMPLAR else None
