"""The images in work: finished images leave, waiting ones enter, and findings come out in the order of the images.

Batches stay full, though most images need no search and some take longer than others. No search is known by name.
"""

import itertools
from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor

from modicum_sis.errors import ContractBroken
from modicum_sis.findings import Finding
from modicum_sis.numerics.margins import raised
from modicum_sis.run.finding_builder import FindingBuilder
from modicum_sis.run.preparation import ImagePreparer, PreparedImage, log_odds_of
from modicum_sis.scoring.mask_scorer import MaskScorer
from modicum_sis.searches.protocol import AdmittedImage, Proposal, Search, SearchTask

LOOKAHEAD = 8
"""At most this many chunks of images are prepared, searched and kept before the first of them is done."""


class ImagePool:
    """Runs one call of `find_subsets` whose arguments were checked.

    Args:
        preparer: prepares each image.
        scorer: has a row for each image in work.
        builder: makes the findings.
        search: proposes masks.
        planned: the most pass-equivalents of an image that is searched.
    """

    def __init__(
        self, preparer: ImagePreparer, scorer: MaskScorer, builder: FindingBuilder, search: Search, *, planned: int
    ) -> None:
        self._preparer, self._scorer, self._builder, self._search = preparer, scorer, builder, search
        self._meter, self._planned = scorer.meter, planned
        self._free = list(reversed(range(scorer.rows)))
        self._in_work: dict[int, PreparedImage] = {}
        self._done: dict[int, Finding] = {}
        self._prepared, self._returned, self._count = 0, 0, 0

    def findings(self, count: int) -> Iterator[Finding]:
        """Yield the findings of the first `count` images, in their order; fewer if the run is stopped.

        Raises:
            ContractBroken: the search admits no image, leaves one out, or proposes for an image that it does not have.
        """
        self._count = count
        parameters = self._builder.parameters
        threshold = raised(parameters.threshold, parameters.acceleration.aim)
        task = SearchTask(self._scorer, threshold, parameters.seed, self._admit)
        self._builder.classifier.prepare()
        while self._prepared < count and not self._meter.poll_stop():
            before = self._prepared
            for row, proposal in self._search.propose(task):
                self._conclude(row, proposal)
                yield from self._in_order()
            yield from self._in_order()
            self._check_ended(admitted=self._prepared > before)

    def _admit(self, room: int | None) -> list[AdmittedImage]:
        """Implements `SearchTask.admit`. Images that need no search are finished at once."""
        wanted = len(self._free) if room is None else min(room, len(self._free))
        admitted_images: list[AdmittedImage] = []
        while len(admitted_images) < wanted and self._may_prepare():
            prepared = self._preparer.prepare(self._prepared)
            self._prepared += 1
            self._meter.add_passes(prepared.passes.equivalents)
            if prepared.searchable:
                admitted_images.append(self._place(prepared))
            else:
                self._finish(prepared, self._builder.unsearched(prepared))
        return admitted_images

    def _may_prepare(self) -> bool:
        ahead = self._prepared - self._returned
        return self._prepared < self._count and ahead < LOOKAHEAD * self._scorer.rows and not self._meter.poll_stop()

    def _place(self, prepared: PreparedImage) -> AdmittedImage:
        assert prepared.fill is not None
        row = self._free.pop()
        self._in_work[row] = prepared
        self._scorer.place(row, prepared.image, prepared.fill, prepared.target_class)
        admitted = AdmittedImage(row, prepared.margin, prepared.baseline_margin, prepared.digest)
        return admitted if prepared.previous is None else _resumed(admitted, prepared.previous)

    def _check_ended(self, *, admitted: bool) -> None:
        """Check a search that ended. Without this, images could be lost, or the run could wait forever."""
        name = type(self._search).__name__
        if self._in_work:
            raise ContractBroken(
                f"expected {name}.propose to yield a proposal for every row that task.admit gave, also when stopped; "
                f"it ended without rows {sorted(self._in_work)}. If nothing was found, yield a proposal without masks"
            )
        if not admitted and not self._meter.poll_stop():
            raise ContractBroken(
                f"expected {name}.propose to call task.admit until it gives none; it ended without a call while "
                f"{self._count - self._prepared} images waited. Call it, or write the search with propose_each"
            )

    def _conclude(self, row: int, proposal: Proposal) -> None:
        if row not in self._in_work:
            raise ContractBroken(
                f"expected {type(self._search).__name__}.propose to yield each row in work once; it yielded {row}, but "
                f"the rows in work are {sorted(self._in_work)}. Yield the row of an image that task.admit gave"
            )
        prepared = self._in_work.pop(row)
        proposal = _with_safe_mask(proposal, self._scorer.safe_mask(row))
        self._finish(prepared, self._builder.searched(prepared, proposal, self._scorer.passes_of(row)))
        self._free.append(row)

    def _finish(self, prepared: PreparedImage, finding: Finding) -> None:
        before = prepared.previous.passes.equivalents if prepared.previous is not None else 0
        self._meter.finish_image(
            planned=self._planned,
            spent=finding.passes.equivalents - before,
            fraction=finding.subset.fraction if finding.subset is not None else None,
        )
        self._done[finding.index] = finding

    def _in_order(self) -> Iterator[Finding]:
        while self._returned in self._done:
            self._returned += 1
            yield self._done.pop(self._returned - 1)


def _with_safe_mask(proposal: Proposal, safe: Tensor | None) -> Proposal:
    """If passes are inexact: the best mask, then one that is expected to pass verification."""
    if safe is None:
        return proposal
    return replace(proposal, masks=itertools.chain(itertools.islice(proposal.masks, 1), (safe,)))


def _resumed(admitted: AdmittedImage, previous: Finding) -> AdmittedImage:
    spent, subset = previous.passes.equivalents, previous.subset
    if subset is None or subset.size == subset.mask.numel():
        return replace(admitted, spent=spent)
    return replace(admitted, spent=spent, start=subset.mask, start_margin=log_odds_of(previous.verified_confidence))
