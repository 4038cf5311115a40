"""Outside peers: the top-k pixels of an attribution map, for the smallest k whose mask is verified to suffice.

The maps are integrated gradients by captum, with the fill as baseline, and the gradient itself (saliency). Attribution
was not made for this question, but a practitioner would use it.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from modicum_sis import Passes, Proposal, SearchTask, find_subsets
from modicum_sis.numerics.margins import margins_of, sufficient
from modicum_sis.numerics.ranking import choose_largest
from modicum_sis.scoring.score_requests import Procedure, ScoreMasks
from modicum_sis.searches.batch_scheduler import propose_each
from modicum_sis.searches.protocol import FIXED_PASSES
from torch import Tensor

from benchmarks.contenders import VERIFICATION, Outcome
from benchmarks.subjects import Subject

INTEGRATION_STEPS = 50
INTEGRATION_BATCH = 10

Attribute = Callable[[Subject, int], Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class TopK:
    """A search along one map (H, W) of one image. It bisects k and assumes that more pixels suffice where fewer do."""

    map: Tensor

    def planned_passes(self, canvas: tuple[int, int, int]) -> int:
        """One forward pass for each halving of the number of pixels."""
        return FIXED_PASSES + math.ceil(math.log2(canvas[-1] * canvas[-2])) + VERIFICATION

    def propose(self, task: SearchTask) -> Iterator[tuple[int, Proposal]]:
        """Propose masks for the one image of the run."""
        return propose_each(task, lambda _: self._bisect(task.scorer.shape, task.threshold))

    def _bisect(self, shape: tuple[int, int], threshold: float) -> Procedure[Proposal]:
        values = self.map.reshape(1, -1)
        least, enough = 1, values.numel()
        while least < enough:
            middle = (least + enough) // 2
            scores = yield ScoreMasks(choose_largest(values, [middle]))
            if bool(sufficient(scores.margins, threshold)):
                enough = middle
            else:
                least = middle + 1
        smaller = [choose_largest(values, [enough]).view(shape)] if enough < values.numel() else []
        return Proposal(masks=iter(smaller), trace=None)


@dataclass(frozen=True, slots=True)
class Attributed:
    """A contender: maps, then top-k. `passes` is the cost of a map."""

    method: str
    setting: str
    attribute: Attribute
    passes: Passes
    budget: int | None = None

    def outcomes(self, subject: Subject) -> list[Outcome]:
        """Outcomes, one image after the other."""
        return [self._outcome(subject, index) for index in range(len(subject.images))]

    def _outcome(self, subject: Subject, index: int) -> Outcome:
        search = TopK(self.attribute(subject, index))
        images = subject.images[index : index + 1]
        (finding,) = find_subsets(subject.classifier, images, threshold=subject.source.threshold, search=search)
        size = finding.subset.size if finding.subset else subject.pixels
        return Outcome(size, (finding.passes + self.passes).equivalents)


def saliency(subject: Subject, index: int) -> Tensor:
    """|gradient of the margin|, the maximum over the channels: (H, W)."""
    from captum.attr import Saliency  # type: ignore[import-untyped]  # noqa: PLC0415  # takes a second, and has no types

    image, score, _ = _described(subject, index)
    gradient: Tensor = Saliency(score).attribute(image)
    return gradient.amax(dim=1)[0].detach()


def integrated_gradients(subject: Subject, index: int) -> Tensor:
    """Integrated gradients of the margin from the fill to the image, summed over the channels: (H, W)."""
    from captum.attr import IntegratedGradients  # noqa: PLC0415  # takes a second

    image, score, fill = _described(subject, index)
    attributions: Tensor = IntegratedGradients(score).attribute(
        image, baselines=fill, n_steps=INTEGRATION_STEPS, internal_batch_size=INTEGRATION_BATCH
    )
    return attributions.sum(dim=1)[0].float().detach()


def peers() -> list[Attributed]:
    """All peers."""
    return [
        Attributed("saliency top-k", "1 gradient", saliency, Passes(1, 1)),
        Attributed(
            "captum integrated gradients top-k",
            f"{INTEGRATION_STEPS} gradients",
            integrated_gradients,
            Passes(INTEGRATION_STEPS, INTEGRATION_STEPS),
        ),
    ]


def _described(subject: Subject, index: int) -> tuple[Tensor, Callable[[Tensor], Tensor], Tensor]:
    """The image (1, C, H, W), the margin of its predicted class as a function of images, and the fill."""
    image = subject.images[index : index + 1].clone().requires_grad_()
    target = subject.classifier.plain_logits(image[0].detach()).argmax()

    def score(images: Tensor) -> Tensor:
        return margins_of(subject.classifier.logits(images.to(image.dtype)), target.expand(len(images)))

    return image, score, subject.classifier.fill_mean.expand(image.shape)
