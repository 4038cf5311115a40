"""Lists of the result document across the versions of an audit, as they are registered. Computes none."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from modicum_server.domain.audits import AuditSpecification
from modicum_server.domain.ensembles import searched_by
from modicum_server.domain.models import ModelVersion
from modicum_server.domain.searches import TargetRule
from modicum_server.domain.spots import SpotRow
from modicum_server.measures.counterfactual_set import CounterfactualSet
from modicum_server.measures.measure import Reading
from modicum_server.measures.measure_sets import Titles
from modicum_server.measures.observations import Observations
from modicum_server.measures.out_of_distribution import OutOfDistribution


@dataclass(frozen=True, slots=True, eq=False)
class Audited:
    """Everything that a list may use.

    Attributes:
        versions: of the audit, in the order of the specification.
        seen: by version and search.
        parameters: of the result.
        second: what was predicted on the out-of-distribution data set, None without.
        parts: of the versions that are made of versions, whether they were audited themselves or not.
        spots: by version, the rows of its spot test.
        retests: by pair of versions, the spots of the first version as they were tested on the second.
        counterfactual: what was predicted on both sides of the counterfactual set's pairs, None without.
    """

    versions: Sequence[ModelVersion]
    specification: AuditSpecification
    seen: Mapping[tuple[str, int], Observations]
    parameters: Mapping[str, Any]
    second: OutOfDistribution | None = None
    parts: Sequence[ModelVersion] = ()
    spots: Mapping[str, Sequence[SpotRow]] = field(default_factory=dict)
    retests: Mapping[tuple[str, str], Sequence[SpotRow]] = field(default_factory=dict)
    counterfactual: CounterfactualSet | None = None

    @property
    def known(self) -> Mapping[str, ModelVersion]:
        """Return versions and parts by name."""
        return {version.name: version for version in (*self.parts, *self.versions)}

    @property
    def spot_search(self) -> int | None:
        """The index of the first search for the predicted class, whose subsets chose the places of the spot test."""
        searches = enumerate(self.specification.searches)
        predicted = (index for index, one in searches if one.target_rule is TargetRule.PREDICTED and not one.matched)
        return next(predicted, None)

    def ran(self, index: int) -> frozenset[str]:
        """Return the names of the versions that the search of that index ran on."""
        return frozenset(one.name for one in searched_by(self.specification.searches[index], self.versions))


class Entry(Protocol):
    """One entry of a list; its JSON holds `measures` by name."""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""


@dataclass(frozen=True, slots=True)
class DocumentList:
    """A list of entries under a key of the result document.

    `reading` is the list's sentence about the subsets of one version under the search of an index, or None.
    """

    key: str
    entries: Callable[[Audited], Sequence[Entry]]
    titles: Titles
    reading: Callable[[Audited, Sequence[Any], str, int], Reading | None] | None = None
