"""What a version made of a picture, as pages show it: its class in words, and the size of the subset."""

from collections.abc import Sequence
from dataclasses import dataclass

from modicum_server.domain.findings import Finding


@dataclass(frozen=True, slots=True)
class Seen:
    """What a version made of a picture: its class (empty where it has none), and the subset's share of the pixels."""

    predicted: str
    confidence: float
    subset_fraction: float | None


def seen_in(finding: Finding, labels: Sequence[str]) -> Seen:
    """Return what a finding says of its picture; `labels` are the version's, without which a class is a number."""
    number = finding.predicted_class
    named = number is not None and number < len(labels)
    predicted = "" if number is None else labels[number] if named else f"class {number}"
    return Seen(predicted, finding.confidence, None if finding.subset is None else finding.subset.fraction)
