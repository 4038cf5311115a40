"""The counterfactual data set of an audit, as it pairs with the audited images. Computes no measure."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modicum_server.domain.findings import Prediction

MOST_NAMED = 20
"""Items that are named where some have no partner or no prediction; further ones are counted."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An audited item and its partner of the same name, by the digests of their pictures."""

    item: str
    image_digest: str
    counterfactual_digest: str

    @property
    def same_picture(self) -> bool:
        """Whether both sides hold one picture. Such a pair tells nothing of the model, and no measure counts it."""
        return self.image_digest == self.counterfactual_digest


@dataclass(frozen=True, slots=True)
class CounterfactualSet:
    """The data set, its pairs, and what the versions predict on both sides.

    Attributes:
        dataset: its resource name.
        manifest_digest: of its manifest.
        item_count: all its items.
        pairs: by the position of the audited item.
        unpaired: names of the audited items without a partner.
        originals: by version, its predictions on the audited images, by position.
        counterfactuals: by version, its predictions on their partners, by position.
    """

    dataset: str
    manifest_digest: str
    item_count: int
    pairs: Mapping[int, Pair]
    unpaired: Sequence[str]
    originals: Mapping[str, Mapping[int, Prediction]]
    counterfactuals: Mapping[str, Mapping[int, Prediction]]

    @property
    def passes(self) -> int:
        """Forward passes on counterfactuals; those on originals are the searches'."""
        return sum(one.reason is None for found in self.counterfactuals.values() for one in found.values())

    @property
    def differing(self) -> list[int]:
        """The positions of the pairs whose two pictures differ."""
        return [place for place, pair in sorted(self.pairs.items()) if not pair.same_picture]

    def without(self, positions: Container[int]) -> "CounterfactualSet":
        """Return the set without the pairs at some positions."""
        return replace(self, pairs={place: pair for place, pair in self.pairs.items() if place not in positions})

    def predicted(self, version: str) -> dict[int, tuple[Prediction, Prediction]]:
        """Return both predictions of each pair of different pictures that has both, by position."""
        originals, counterfactuals = self.originals[version], self.counterfactuals[version]
        both = ((place, originals.get(place), counterfactuals.get(place)) for place in self.differing)
        return {
            place: (one, other)
            for place, one, other in both
            if one is not None and other is not None and None not in {one.predicted_class, other.predicted_class}
        }

    def as_json(self, version: str) -> dict[str, Any]:
        """Return the data set as JSON values, with what of it a version could not use."""
        predicted = self.predicted(version)
        failed = [place for place in self.differing if place not in predicted]
        return {
            "dataset": self.dataset,
            "manifest_digest": self.manifest_digest,
            "item_count": self.item_count,
            "pairs": len(self.pairs),
            "same_picture": len(self.pairs) - len(self.differing),
            "unpaired": len(self.unpaired),
            "unpaired_items": list(self.unpaired[:MOST_NAMED]),
            "failed": len(failed),
            "failed_items": [
                {"item": self.pairs[place].item, "reason": self._reason(version, place)}
                for place in failed[:MOST_NAMED]
            ],
        }

    def _reason(self, version: str, place: int) -> str:
        """Why a pair has no prediction; of the original where the partner was not tried."""
        partner = self.counterfactuals[version].get(place)
        if partner is None or partner.reason is None:
            return "the original has no prediction"
        return partner.reason.value
