"""The text for Prometheus, in the format that it accepts, and the labels of exemplars."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.exposition import choose_encoder

#: Most characters of all labels of an exemplar, by the OpenMetrics specification.
LONGEST_EXEMPLAR = 128

#: Makes the labels of an exemplar, or None for no exemplar.
Exemplars = Callable[..., dict[str, str] | None]

#: Versions of the plain format and of OpenMetrics.
VERSIONS = frozenset({"version=0.0.1", "version=0.0.4", "version=1.0.0"})

#: Writes the metrics of a registry as text.
Encoder = Callable[[CollectorRegistry], bytes]

# The creation time of each series would add half as many series again, and nobody uses it.
disable_created_metrics()  # type: ignore[no-untyped-call]  # has no types


def exposed_text(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Return the text and its media type by an Accept header: OpenMetrics, which has exemplars, or the plain format.

    Collectors may read files: call this in a thread.
    """
    encoder, media_type = _format_of(accept)
    return encoder(registry), media_type


def media_type_of(accept: str) -> str:
    """Return the media type of the text by an Accept header: one of a few, whatever the header says."""
    return _format_of(accept)[1]


def _format_of(accept: str) -> tuple[Encoder, str]:
    """Return what writes the text, and its media type. A version that does not exist gets the plain format."""
    try:
        encoder, media_type = choose_encoder(accept)
    except (TypeError, ValueError):  # the library compares versions that are no numbers
        return choose_encoder("")
    version = media_type.split(";")[1].strip()
    return (encoder, media_type) if version in VERSIONS else choose_encoder("")


def unnamed(**_labels: str) -> None:
    """Return no exemplar, in place of `exemplar`, where names are not shown."""


def exemplar(**labels: str) -> dict[str, str] | None:
    """Return the labels of an exemplar; None when one is empty or they are too long."""
    length = sum(len(name) + len(value) for name, value in labels.items())
    return labels if all(labels.values()) and length <= LONGEST_EXEMPLAR else None
