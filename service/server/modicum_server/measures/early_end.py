"""Whether the findings so far settle the limits by which an audit may end early. Keeps a few numbers of each."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modicum.gate.missing_images import is_too_many
from modicum.gate.stopping import ShareLimit, settled

from modicum_server.domain.audits import AuditSpecification
from modicum_server.domain.findings import Finding
from modicum_server.domain.models import ModelVersion
from modicum_server.measures import registry
from modicum_server.measures.observation_builder import ObservationBuilder
from modicum_server.measures.observations import Observations
from modicum_server.measures.pictures import Pictures


class SharesSoFar:
    """The shares that an audit's limits are about, over the findings that were added."""

    def __init__(self, specification: AuditSpecification, versions: Sequence[ModelVersion]) -> None:
        assert specification.stopping is not None, "an audit without it does not end early"
        self._stopping = specification.stopping
        self._builders = {
            (version.name, limit.search_index): ObservationBuilder(
                specification.searches[limit.search_index],
                specification.canvas,
                specification.statistics,
                class_labels=version.class_labels,
            )
            for version in versions
            for limit in self._stopping.limits
        }
        self._versions = [version.name for version in versions]
        self._pictures = Pictures()

    def add(self, findings: Iterable[Finding]) -> None:
        """Take findings; those of searches without a limit are not looked at."""
        for finding in findings:
            builder = self._builders.get((finding.model_version, finding.search_index))
            if builder is not None and not self._pictures.is_copy(finding):
                builder.add(finding)

    def why(self) -> tuple[str, ...]:
        """Return why the audit may end here, in words; nothing while it may not."""
        seen = {key: builder.observations() for key, builder in self._builders.items()}
        least = self._stopping.least_eligible_images
        if any(int(one.eligible.sum()) < least for one in seen.values()):
            return ()
        measured = [
            [one for version in self._versions for one in _measures(limit, seen[version, limit.search_index])]
            for limit in self._stopping.limits
        ]
        many_failed = any(is_too_many(int(one.failed.sum()), len(one.failed)) for one in seen.values())
        return settled(self._stopping, measured, many_failed=many_failed)


def _measures(limit: ShareLimit, seen: Observations) -> Sequence[Mapping[str, Any] | None]:
    """The measure of a limit, or that of each class of its name; None where there is none yet."""
    one = next(one for one in registry.MEASURE_SETS if limit.measure in one.titles)
    measure = one.measures(seen)[limit.measure]
    if not limit.class_label:
        return [measure.as_json()]
    groups = measure.groups.items()
    return [group.as_json() for index, group in groups if seen.class_name(int(index)) == limit.class_label] or [None]
