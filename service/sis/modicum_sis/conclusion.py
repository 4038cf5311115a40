"""From a case, and what a search proposed for it, to a finding: verification decides. Must not know any search."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from modicum_sis.cases import Case
from modicum_sis.classifier import Classifier
from modicum_sis.findings import Finding, Parameters, Passes, Reason, Subset, Trace
from modicum_sis.progress import Meter
from modicum_sis.search import Proposal
from modicum_sis.verification import verify


@dataclass(frozen=True, slots=True, eq=False)
class Conclusion:
    """Makes the findings of a run; the passes of verification are told to the meter."""

    classifier: Classifier
    parameters: Parameters
    meter: Meter

    def searched(self, case: Case, proposal: Proposal, passes: Passes) -> Finding:
        """Of an image that was searched for so many passes."""
        assert case.fill is not None
        verified = verify(
            self.classifier,
            case.image,
            case.fill,
            _no_larger(proposal.masks, case.earlier),
            target_class=case.target_class,
            threshold=self.parameters.threshold,
        )
        self.meter.add_passes(verified.passes)
        passes = passes + _passes_of(case) + Passes(forward=verified.passes)
        if verified.mask is not None:
            return self._finding(
                case,
                passes=passes,
                trace=proposal.trace,
                subset=Subset(verified.mask),
                verified_confidence=verified.confidence,
                reason=Reason.STOPPED if proposal.stopped else None,
            )
        return self._nothing_smaller(case, proposal, passes)

    def unsearched(self, case: Case) -> Finding:
        """Of an image that is not searched: an earlier run's, or with a reason, or with the empty mask."""
        if case.earlier is not None and case.settled:
            return replace(case.earlier, index=case.index)
        if not case.baseline_confident:
            return self._finding(case, passes=_passes_of(case), reason=case.reason)
        return self._finding(
            case,
            passes=case.passes,
            subset=Subset(torch.zeros(case.image.shape[-2:], dtype=torch.bool)),
            verified_confidence=case.baseline_confidence,
        )

    def _nothing_smaller(self, case: Case, proposal: Proposal, passes: Passes) -> Finding:
        """An earlier run's subset, or the whole image where that suffices; a pass of its own has verified either."""
        if case.earlier is not None and case.earlier.subset is not None:
            return replace(
                case.earlier,
                index=case.index,
                passes=passes,
                trace=proposal.trace if proposal.trace is not None else case.earlier.trace,
                reason=Reason.STOPPED if proposal.stopped else None,
                parameters=self.parameters,
            )
        if case.confidence < self.parameters.threshold:
            reason = Reason.STOPPED if proposal.stopped else Reason.NOT_FOUND
            return self._finding(case, passes=passes, trace=proposal.trace, reason=reason)
        return self._finding(
            case,
            passes=passes,
            trace=proposal.trace,
            subset=Subset(torch.ones(case.image.shape[-2:], dtype=torch.bool)),
            verified_confidence=case.confidence,
            budget_exhausted=True,
            reason=Reason.STOPPED if proposal.stopped else None,
        )

    def _finding(
        self,
        case: Case,
        *,
        passes: Passes,
        reason: Reason | None = None,
        trace: Trace | None = None,
        subset: Subset | None = None,
        verified_confidence: float | None = None,
        budget_exhausted: bool = False,
    ) -> Finding:
        return Finding(
            index=case.index,
            digest=case.digest,
            predicted_class=case.predicted_class,
            target_class=case.target_class,
            confidence=case.confidence,
            margin=case.margin,
            eligible=case.eligible,
            baseline_confidence=case.baseline_confidence if case.fill is not None else None,
            baseline_confident=case.baseline_confident,
            subset=subset,
            verified_confidence=verified_confidence,
            budget_exhausted=budget_exhausted,
            saturated=case.saturated,
            passes=passes,
            trace=trace,
            reason=reason,
            parameters=self.parameters,
        )


def _passes_of(case: Case) -> Passes:
    return case.passes if case.earlier is None else case.passes + case.earlier.passes


def _no_larger(masks: Iterator[Tensor], earlier: Finding | None) -> Iterator[Tensor]:
    if earlier is None or earlier.subset is None:
        return masks
    size = earlier.subset.size
    return (mask for mask in masks if int(mask.sum()) <= size)
