"""Where versions that are compared were searched with one fill by name, and not by value: `mean` is each one's own.

Subset sizes compare only at equal fill, so what compares such versions says so. Must not measure.
"""

from collections.abc import Mapping, Sequence

from modicum_server.domain.composites import mean_fill
from modicum_server.domain.models import ModelVersion
from modicum_server.domain.searches import Fill, Search
from modicum_server.measures.number_words import short_name


def differing_fills(versions: Sequence[ModelVersion], search: Search, known: Mapping[str, ModelVersion]) -> str:
    """Return what must be said beside sizes of these versions; empty where the search's fill is the same with all.

    Args:
        versions: that were searched.
        search: that they were searched with.
        known: the parts of versions made of versions, by name.
    """
    painted = {version.name: mean_fill(version, known) for version in versions}
    if search.fill is not Fill.MEAN or len(set(painted.values())) <= 1:
        return ""
    values = "; ".join(f"{_values(fill)} with {short_name(name)}" for name, fill in painted.items())
    return f"the mean fill is not the same: {values}"


def _values(fill: Sequence[float]) -> str:
    """One number where all channels are alike."""
    shown = [f"{value:.4g}" for value in fill]
    return "/".join(shown if len(set(shown)) > 1 else shown[:1])
