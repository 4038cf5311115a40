"""`find_subsets`: images in, verified findings out, a chunk at a time, so that memory is bounded by the chunk.

Knows no search and no fill by name. Every number in a finding comes from a plain pass over one image alone, which is
why an image's finding owes nothing to its neighbours.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from modicum_sis.cases import Case, CaseBuilder
from modicum_sis.classifier import Canvas, Classifier, Inspection
from modicum_sis.errors import GradientMissing, ParameterError
from modicum_sis.fills import Donors, Fills, ready_donors
from modicum_sis.findings import Finding, Parameters, Passes, Reason, Subset, Trace
from modicum_sis.images import Images, ImageSource
from modicum_sis.progress import Meter, Progress
from modicum_sis.scoring import MaskScorer
from modicum_sis.search import Proposal, Search, SearchTask
from modicum_sis.verification import verify
from modicum_sis.version import __version__

CPU_CHUNK_VALUES = 4 * 3 * 224 * 224
"""Image values of a chunk on a CPU: beyond four images at 224x224 activations leave the cache and passes slow down."""
CUDA_CHUNK_VALUES = 64 * 3 * 224 * 224
LARGEST_CHUNK = 1024


def find_subsets(
    classifier: Classifier,
    images: Images,
    *,
    threshold: float,
    search: Search,
    fill: str = "mean",
    seed: int = 0,
    targets: Sequence[int] | None = None,
    donors: Images | Donors | None = None,
    digests: Sequence[str] | None = None,
    should_stop: Callable[[], bool] | None = None,
    progress: Callable[[Progress], None] | None = None,
    chunk_size: int | None = None,
) -> Iterator[Finding]:
    """Search every image for a small sufficient subset; findings come in the order of the images.

    Args:
        classifier: the version to search.
        images: float tensor (N, C, H, W) within the classifier's bounds, or a sequence that loads (C, H, W) on demand.
        threshold: confidence that suffices (>=), strictly between 0 and 1.
        search: how to look, and with what budget.
        fill: what stands where the mask is False; `modicum_sis.FILLS`.
        seed: with an image's digest, the source of its random numbers.
        targets: one class an image to argue for; the image then need not be eligible. Default: the predicted classes.
        donors: other images of the data set, for the marginal fill; of more than 64, 64 are drawn by seed. Or the pool
            that `gather_donors` made of them.
        digests: a name for each image, from which its random numbers come. Default: SHA-256 of its values.
        should_stop: asked at every step; on True the images in work end with the best verified so far.
        progress: told at every step.
        chunk_size: images in work together, and masked images in one pass. Default: by canvas and device.

    Raises:
        ParameterError: an argument outside its range.
        ImageError: an image of another shape, or outside the bounds.
        FillUnavailable: the marginal fill with fewer than two donors.
        ModelError: the module failed its inspection; GradientMissing where the search follows gradients.
    """
    _check_arguments(len(images), threshold=threshold, targets=targets, chunk_size=chunk_size)
    if not len(images):
        return iter(())
    source = ImageSource(classifier, images, digests)
    canvas = source.canvas()
    inspection = classifier.inspect(canvas)
    _check_targets(targets, inspection.class_count)
    _check_gradient(search, inspection)
    planned = search.planned_passes(canvas)
    pool = _donor_pool(classifier, donors, fill=fill, seed=seed)
    parameters = _parameters(
        classifier,
        search=search,
        threshold=threshold,
        fill=fill,
        seed=seed,
        donors=pool,
        chunk_size=chunk_size or default_chunk_size(canvas, classifier.device),
    )
    fills = Fills(fill, classifier, seed=seed, donors=pool)
    meter = Meter(
        images_total=len(images),
        passes_planned=len(images) * planned,
        progress=progress,
        should_stop=should_stop,
    )
    cases = CaseBuilder(classifier, source, fills, threshold, targets)
    return _Run(classifier, cases, search, parameters, meter, planned).findings(len(images))


def default_chunk_size(canvas: Canvas, device: torch.device) -> int:
    """How many images of this canvas are worked on together where the caller does not say."""
    values = CPU_CHUNK_VALUES if device.type == "cpu" else CUDA_CHUNK_VALUES
    return max(1, min(LARGEST_CHUNK, values // (canvas[0] * canvas[1] * canvas[2])))


def _check_arguments(count: int, *, threshold: float, targets: Sequence[int] | None, chunk_size: int | None) -> None:
    if not 0 < threshold < 1:
        raise ParameterError(f"threshold must lie strictly between 0 and 1; got {threshold}")
    if targets is not None and len(targets) != count:
        raise ParameterError(f"expected one target an image, {count}; got {len(targets)}")
    if chunk_size is not None and chunk_size < 1:
        raise ParameterError(f"chunk_size must be at least 1, or None; got {chunk_size}")


def _check_targets(targets: Sequence[int] | None, class_count: int) -> None:
    for target in targets if targets is not None else ():
        if not 0 <= int(target) < class_count:
            raise ParameterError(f"targets must lie between 0 and {class_count - 1}; got {int(target)}")


def _check_gradient(search: Search, inspection: Inspection) -> None:
    if getattr(search, "needs_gradient", False) and not inspection.has_gradient:
        raise GradientMissing(
            f"expected a module whose scores change with the image in a way that autograd sees, as "
            f"{type(search).__name__} follows gradients; this one's have no gradient, or one of zero. "
            "Search with BackSelect(fraction=0.1), which needs none"
        )


def _donor_pool(classifier: Classifier, donors: Images | Donors | None, *, fill: str, seed: int) -> Donors | None:
    if donors is None or fill != "marginal":
        return None
    return ready_donors(classifier, donors, seed=seed)


def _parameters(
    classifier: Classifier,
    *,
    search: Search,
    threshold: float,
    fill: str,
    seed: int,
    donors: Donors | None,
    chunk_size: int,
) -> Parameters:
    return Parameters(
        search=search,
        threshold=threshold,
        fill=fill,
        seed=seed,
        donor_digests=donors.digests if donors is not None else (),
        chunk_size=chunk_size,
        dtype=str(classifier.dtype).removeprefix("torch."),
        device=str(classifier.device),
        output_kind=str(classifier.output_kind),
        torch_version=str(torch.__version__),
        library_version=__version__,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """One call of `find_subsets`, its arguments checked."""

    classifier: Classifier
    cases: CaseBuilder
    search: Search
    parameters: Parameters
    meter: Meter
    planned: int

    def findings(self, count: int) -> Iterator[Finding]:
        self.classifier.prepare()
        step = self.parameters.chunk_size
        for start in range(0, count, step):
            if self.meter.stopped():
                return
            yield from self._chunk(range(start, min(count, start + step)))

    def _chunk(self, indices: range) -> Iterator[Finding]:
        cases = [self._case(index) for index in indices]
        found = self._search([case for case in cases if case.searchable])
        for case in cases:
            finding = found.get(case.index) or self._unsearched(case)
            self.meter.finish_image(
                planned=self.planned,
                spent=finding.passes.equivalents,
                fraction=finding.subset.fraction if finding.subset is not None else None,
            )
            yield finding

    def _case(self, index: int) -> Case:
        case = self.cases.build(index)
        self.meter.add_passes(case.passes.equivalents)
        return case

    def _search(self, cases: list[Case]) -> dict[int, Finding]:
        if not cases:
            return {}
        scorer = MaskScorer(
            self.classifier,
            torch.stack([case.image for case in cases]),
            torch.stack([case.fill for case in cases if case.fill is not None]),
            torch.tensor([case.target_class for case in cases], device=self.classifier.device),
            batch_size=self.parameters.chunk_size,
            meter=self.meter,
        )
        proposals = self.search.propose(
            SearchTask(
                scorer=scorer,
                threshold=self.parameters.threshold,
                whole_margins=torch.tensor([case.margin for case in cases], dtype=torch.float64),
                baseline_margins=torch.tensor([case.baseline_margin for case in cases], dtype=torch.float64),
            )
        )
        return {
            case.index: self._searched(case, proposal, scorer.passes_of(row))
            for row, (case, proposal) in enumerate(zip(cases, proposals, strict=True))
        }

    def _searched(self, case: Case, proposal: Proposal, passes: Passes) -> Finding:
        assert case.fill is not None
        verified = verify(
            self.classifier,
            case.image,
            case.fill,
            proposal.masks,
            target_class=case.target_class,
            threshold=self.parameters.threshold,
        )
        self.meter.add_passes(verified.passes)
        passes = passes + case.passes + Passes(forward=verified.passes)
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

    def _nothing_smaller(self, case: Case, proposal: Proposal, passes: Passes) -> Finding:
        """The whole image, where that is sufficient; its own pass has verified it."""
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

    def _unsearched(self, case: Case) -> Finding:
        if not case.baseline_confident:
            return self._finding(case, passes=case.passes, reason=case.reason)
        return self._finding(
            case,
            passes=case.passes,
            subset=Subset(torch.zeros(case.image.shape[-2:], dtype=torch.bool)),
            verified_confidence=case.baseline_confidence,
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
