"""The count of damaged artifacts, which API and workers both have: either may be the first to read the bytes."""

from prometheus_client import CollectorRegistry, Counter


def corrupt_artifacts(registry: CollectorRegistry) -> Counter:
    """Return the counter, which is shown as 0 from the start, so that the first one is a rise."""
    return Counter(
        "modicum_artifact_corrupt",
        "Times that the bytes of a stored file did not match its SHA-256, so they were refused. It should be 0.",
        registry=registry,
    )
