"""Ensembles among the versions of an audit, and the matched searches that check them.

See docs/method.md, "The ensemble mitigation check".
"""

from collections.abc import Sequence

from modicum_server.domain.models import Ensemble, ModelVersion
from modicum_server.domain.searches import Search


def searched_by(search: Search, versions: Sequence[ModelVersion]) -> tuple[ModelVersion, ...]:
    """Return the versions that a search runs on. A matched search runs on the members of ensembles among them."""
    if not search.matched:
        return tuple(versions)
    members = {name for version in versions if isinstance(version.source, Ensemble) for name in version.source.members}
    return tuple(version for version in versions if version.name in members)


def checked_together(versions: Sequence[ModelVersion]) -> tuple[ModelVersion, ...]:
    """Return the ensembles with all members among the versions, and those members, in the versions' order."""
    names = {version.name for version in versions}
    together: set[str] = set()
    for version in versions:
        if isinstance(version.source, Ensemble) and set(version.source.members) <= names:
            together |= {version.name, *version.source.members}
    return tuple(version for version in versions if version.name in together)


def index_of_matched(searches: Sequence[Search], index: int) -> int | None:
    """Return the index of the search that repeats this one at matched temperatures, or None."""
    matched = (place for place, other in enumerate(searches) if other.matched and other.unmatched == searches[index])
    return next(matched, None)
