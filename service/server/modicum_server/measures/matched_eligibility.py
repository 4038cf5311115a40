"""Whether a member is eligible on as many images as its ensemble, for which its temperature is chosen.

See docs/method.md, "The ensemble mitigation check".

Chosen from what each image's confidence was, a temperature can miss that: images that share a critical temperature come
and go together, and an image can fail for one of the two. So it is counted again, over the images of which both have a
prediction. Must not judge: `mitigation` does.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from modicum.gate.paired import MOST_APART

from modicum_server.measures.checked_versions import aligned
from modicum_server.measures.observations import Observations


@dataclass(frozen=True, slots=True)
class MatchedEligibility:
    """Eligible images among those that both scored: of a member, at its matched temperature, and of the ensemble."""

    member: int
    ensemble: int
    scored_by_both: int

    @property
    def holds(self) -> bool:
        """Whether as many are eligible, within one image."""
        return abs(self.member - self.ensemble) <= MOST_APART

    def as_json(self) -> dict[str, int]:
        """Return it as JSON values."""
        return asdict(self)


def matched_eligibility(whole: Observations, parts: Mapping[str, Observations]) -> dict[str, MatchedEligibility]:
    """Return it by member, from what the ensemble's plain search and the members' matched ones saw."""
    return {name: _counted(part, whole) for name, part in parts.items()}


def _counted(part: Observations, whole: Observations) -> MatchedEligibility:
    (member, ours), (ensemble, theirs) = aligned([part, whole])
    both = member.scored[ours] & ensemble.scored[theirs]
    return MatchedEligibility(
        member=int(member.eligible[ours][both].sum()),
        ensemble=int(ensemble.eligible[theirs][both].sum()),
        scored_by_both=int(both.sum()),
    )
