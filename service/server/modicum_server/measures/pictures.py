"""The pictures of an audit. Images whose files are equal byte for byte are copies of one picture.

Each picture counts once in every measure, because copies add no evidence. The first copy counts, with its label.
"""

from dataclasses import dataclass, field

from modicum_server.domain.findings import Finding


@dataclass(slots=True)
class Pictures:
    """Takes the findings of an audit, of all versions and searches, and tells copies by the digests of their files."""

    _first: dict[str, int] = field(default_factory=dict)
    _copies: set[int] = field(default_factory=set)

    def is_copy(self, finding: Finding) -> bool:
        """Return whether the finding is of a copy of an image that came before it."""
        if self._first.setdefault(finding.image_digest, finding.position) == finding.position:
            return False
        self._copies.add(finding.position)
        return True

    @property
    def copies(self) -> frozenset[int]:
        """The positions of the copies so far."""
        return frozenset(self._copies)

    def __len__(self) -> int:
        """Return how many pictures there are so far."""
        return len(self._first)
