"""Builds findings from prepared images and the proposals of a search. Verification decides; no search is known here."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from modicum_sis.findings import Finding, Narrowing, Parameters, Passes, Reason, Subset, Trace
from modicum_sis.model.classifier import Classifier
from modicum_sis.progress import Meter
from modicum_sis.run.preparation import PreparedImage
from modicum_sis.scoring.verification import verify
from modicum_sis.searches.protocol import Proposal


@dataclass(frozen=True, slots=True, eq=False)
class FindingBuilder:
    """Builds the findings of a run. Verification passes are added to the meter."""

    classifier: Classifier
    parameters: Parameters
    meter: Meter

    def searched(self, prepared: PreparedImage, proposal: Proposal, passes: Passes) -> Finding:
        """The finding of an image on which a search spent these passes."""
        assert prepared.fill is not None
        verified = verify(
            self.classifier,
            prepared.image,
            prepared.fill,
            _no_larger(proposal.masks, prepared.previous),
            target_class=prepared.target_class,
            threshold=self.parameters.threshold,
        )
        self.meter.add_passes(verified.passes)
        passes = passes + _passes_of(prepared) + Passes(forward=verified.passes)
        if verified.mask is not None:
            return self._finding(
                prepared,
                passes=passes,
                trace=proposal.trace,
                subset=Subset(verified.mask),
                verified_confidence=verified.confidence,
                reason=Reason.STOPPED if proposal.stopped else None,
                narrowing=self._narrowing(proposal, int(verified.mask.sum())),
            )
        return self._nothing_smaller(prepared, proposal, passes)

    def unsearched(self, prepared: PreparedImage) -> Finding:
        """The finding of an image without a search: an earlier one, one with a reason, or one with the empty mask."""
        if prepared.previous is not None and prepared.complete:
            return replace(prepared.previous, index=prepared.index)
        if not prepared.baseline_confident:
            return self._finding(prepared, passes=_passes_of(prepared), reason=prepared.reason)
        return self._finding(
            prepared,
            passes=prepared.passes,
            subset=Subset(torch.zeros(prepared.image.shape[-2:], dtype=torch.bool)),
            verified_confidence=prepared.baseline_confidence,
        )

    def _nothing_smaller(self, prepared: PreparedImage, proposal: Proposal, passes: Passes) -> Finding:
        """The subset of an earlier run, or the whole image if it suffices. A plain pass has verified either."""
        if prepared.previous is not None and prepared.previous.subset is not None:
            return replace(
                prepared.previous,
                index=prepared.index,
                passes=passes,
                trace=proposal.trace if proposal.trace is not None else prepared.previous.trace,
                reason=Reason.STOPPED if proposal.stopped else None,
                parameters=self.parameters,
            )
        if prepared.confidence < self.parameters.threshold:
            reason = Reason.STOPPED if proposal.stopped else Reason.NOT_FOUND
            return self._finding(prepared, passes=passes, trace=proposal.trace, reason=reason)
        return self._finding(
            prepared,
            passes=passes,
            trace=proposal.trace,
            subset=Subset(torch.ones(prepared.image.shape[-2:], dtype=torch.bool)),
            verified_confidence=prepared.confidence,
            budget_exhausted=True,
            reason=Reason.STOPPED if proposal.stopped else None,
        )

    def _narrowing(self, proposal: Proposal, size: int) -> Narrowing | None:
        """The masks that the search met on the way to a subset of that size."""
        met = proposal.narrowing
        if met is None and proposal.trace is not None:
            met = proposal.trace.narrowing(self.parameters.threshold)
        return None if met is None else met.above(size)

    def _finding(
        self,
        prepared: PreparedImage,
        *,
        passes: Passes,
        reason: Reason | None = None,
        trace: Trace | None = None,
        subset: Subset | None = None,
        verified_confidence: float | None = None,
        budget_exhausted: bool = False,
        narrowing: Narrowing | None = None,
    ) -> Finding:
        return Finding(
            index=prepared.index,
            digest=prepared.digest,
            predicted_class=prepared.predicted_class,
            target_class=prepared.target_class,
            confidence=prepared.confidence,
            margin=prepared.margin,
            eligible=prepared.eligible,
            baseline_confidence=prepared.baseline_confidence if prepared.fill is not None else None,
            baseline_confident=prepared.baseline_confident,
            subset=subset,
            verified_confidence=verified_confidence,
            budget_exhausted=budget_exhausted,
            saturated=prepared.saturated,
            passes=passes,
            trace=trace,
            reason=reason,
            parameters=self.parameters,
            narrowing=narrowing,
        )


def _passes_of(prepared: PreparedImage) -> Passes:
    return prepared.passes if prepared.previous is None else prepared.passes + prepared.previous.passes


def _no_larger(masks: Iterator[Tensor], previous: Finding | None) -> Iterator[Tensor]:
    if previous is None or previous.subset is None:
        return masks
    size = previous.subset.size
    return (mask for mask in masks if int(mask.sum()) <= size)
