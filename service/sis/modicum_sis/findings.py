"""The results of a search, as frozen values. Nothing here needs a model."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor

from modicum_sis.acceleration.fast_path import Acceleration
from modicum_sis.cards import finding_card, finding_line
from modicum_sis.model.input_parameters import InputParameters
from modicum_sis.plots import finding_figure


class Reason(StrEnum):
    """Why a finding has no subset, or why its search ended early."""

    NOT_ELIGIBLE = "NOT_ELIGIBLE"
    """The predicted class does not reach the threshold on the whole image. The image was not searched."""
    NOT_FOUND = "NOT_FOUND"
    """A search for a given class found no sufficient subset. Its size counts as larger than all others (censored)."""
    STOPPED = "STOPPED"
    """The caller stopped the search. The subset, if any, is the best one verified until then."""
    NOT_FINITE = "NOT_FINITE"
    """The image, or the model's output for it, contains NaN or infinity."""
    FILL_UNAVAILABLE = "FILL_UNAVAILABLE"
    """Fewer than two donors can be used for this image."""


@dataclass(frozen=True, slots=True)
class Passes:
    """Evaluations of the model on one image."""

    forward: int = 0
    backward: int = 0

    @property
    def equivalents(self) -> int:
        """Pass-equivalents: a forward pass counts 1, a backward pass 2."""
        return self.forward + 2 * self.backward

    def __add__(self, other: "Passes") -> "Passes":
        return Passes(self.forward + other.forward, self.backward + other.backward)


@dataclass(frozen=True, slots=True, eq=False)
class Subset:
    """A bool mask (H, W). True means kept."""

    mask: Tensor

    @property
    def size(self) -> int:
        """The number of kept pixels."""
        return int(self.mask.sum())

    @property
    def fraction(self) -> float:
        """Kept pixels / (H * W)."""
        return self.size / self.mask.numel()

    def __repr__(self) -> str:
        """The size of the subset; the mask itself would be too long to read."""
        return f"Subset({self.size} of {self.mask.numel()} pixels)"


NARROWED = 0.8
"""Largest share of the pixels of a mask that the next one of a narrowing has."""


@dataclass(frozen=True, slots=True, eq=False)
class Narrowing:
    """Sufficient masks on the way from the whole image to the subset, to look at. The subset itself is not one of them.

    They come from the search's own passes, and only the subset is verified. One need not lie within another.

    Attributes:
        masks: (n, H, W) bool, the largest first, each at most `NARROWED` times as large as the one before.
        confidences: (n,) float64, of the target class on each.
    """

    masks: Tensor
    confidences: Tensor

    def above(self, size: int) -> "Narrowing | None":
        """Those with more pixels than that; None if there is none."""
        larger = self.masks.flatten(1).sum(dim=1) > size
        return Narrowing(self.masks[larger], self.confidences[larger]) if bool(larger.any()) else None


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """The order in which features were removed, and the score after each step.

    Attributes:
        order: (r,) row-major indices of the removed features, in the order of removal.
        scores: (steps + 1,) float64. The first score is with nothing removed, the last is after the last step.
        kept: (steps + 1,) the number of features present at each score.
        start: bool, of the features' shape: the features present at the first score.
    """

    order: Tensor
    scores: Tensor
    kept: Tensor
    start: Tensor

    def smallest_subset(self, threshold: float) -> Tensor | None:
        """The shortest suffix of the order whose score is >= threshold, as a mask, or None if there is none.

        A lower threshold never gives a larger subset.
        """
        return next(self.subsets(threshold), None)

    def subsets(self, threshold: float) -> Iterator[Tensor]:
        """Every sufficient suffix as a mask, the smallest first."""
        for step in reversed(torch.nonzero(self.scores >= threshold).flatten().tolist()):
            yield self.mask_at(step)

    def mask_at(self, step: int) -> Tensor:
        """The mask of the features that are present at a score."""
        removed = int(self.kept[0]) - int(self.kept[step])
        mask = self.start.clone().flatten()
        mask[self.order[:removed]] = False
        return mask.reshape(self.start.shape)

    def narrowing(self, threshold: float) -> Narrowing | None:
        """Some of the sufficient masks along the order; None if there is none but the first."""
        steps: list[int] = []
        for step in torch.nonzero(self.scores >= threshold).flatten().tolist():
            if int(self.kept[step]) <= NARROWED * int(self.kept[steps[-1] if steps else 0]):
                steps.append(step)
        if not steps:
            return None
        return Narrowing(torch.stack([self.mask_at(step) for step in steps]), self.scores[steps])

    @property
    def confidences(self) -> Tensor:
        """The scores. In a finding they are confidences of the target class."""
        return self.scores


@dataclass(frozen=True, slots=True)
class Parameters:
    """Everything that influenced a finding, except the image and the weights.

    Attributes:
        search: the search that was requested.
        threshold: the confidence that suffices.
        fill: the name of the fill.
        seed: the seed of the run.
        donor_digests: the digests of the donor pool; empty unless the fill is marginal.
        chunk_size: how many images were in work together.
        dtype: the dtype of the classifier's weights.
        device: the classifier's device.
        output_kind: whether the module returns logits or probabilities.
        torch_version: the version of torch.
        library_version: the version of this library.
        probe_scores: scores of a few classes on a fixed probe image. A resumed run recognises its classifier by them.
        gradient_free: the module has no useful gradient, so a search by forward passes alone ran in place of `search`.
        acceleration: how the passes of the search ran when it began. Verification passes are never accelerated. The
            dtype is empty if a findings file does not record it.
        input: the input that was declared for the classifier; None if a findings file does not record it.
        digests_given: whether the caller gave names for the images; None if a findings file does not record it.
    """

    search: object
    threshold: float
    fill: str
    seed: int
    donor_digests: tuple[str, ...]
    chunk_size: int
    dtype: str
    device: str
    output_kind: str
    torch_version: str
    library_version: str
    probe_scores: tuple[float, ...] = ()
    gradient_free: bool = False
    acceleration: Acceleration = Acceleration(folded=0, dtype="")  # noqa: RUF009  (a frozen value)
    input: InputParameters | None = None
    digests_given: bool | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """The result of one search on one image.

    Attributes:
        index: the image's position in `images`.
        digest: the image's name, from which its random numbers are drawn.
        predicted_class: the class predicted on the whole image; -1 if the output was not finite.
        target_class: the class that the search argued for: the predicted class, or the one given in `targets`.
        confidence: of the target class on the whole image.
        margin: the log-odds of that confidence.
        eligible: whether the predicted class reaches the threshold on the whole image.
        baseline_confidence: of the target class on the bare fill; None if that was not scored.
        baseline_confident: whether the bare fill alone is sufficient. The subset's mask is then all False.
        subset: the smallest verified subset, or None with a reason.
        verified_confidence: of a plain pass over the masked image; None without a subset.
        budget_exhausted: whether the search found nothing smaller than the whole image. The subset is then the whole
            image.
        saturated: whether the module's probabilities round to 1 on this image. Sizes are then coarse. This happens to
            modules that return probabilities, or combine the probabilities of their parts.
        passes: all passes spent on the image, including those of an earlier run that this run resumed.
        trace: the removal order and its confidences, or None. For mask_optimization it covers the last shrinking only.
        reason: see `Reason`; None if the search ran to its end and found a subset.
        parameters: everything else that influenced this finding.
        narrowing: masks on the way to the subset, for people to look at; None if the search met none.
    """

    index: int
    digest: str
    predicted_class: int
    target_class: int
    confidence: float
    margin: float
    eligible: bool
    baseline_confidence: float | None
    baseline_confident: bool
    subset: Subset | None
    verified_confidence: float | None
    budget_exhausted: bool
    saturated: bool
    passes: Passes
    trace: Trace | None
    reason: Reason | None
    parameters: Parameters
    narrowing: Narrowing | None = None

    def plot(self, image: object = None) -> Any:
        """A figure of matplotlib: the image, if it is given, its subset, and the confidence over the pixels kept.

        Args:
            image: the image of this finding, in a form that `find_subsets` takes. Default: only the mask is drawn.

        Raises:
            CanvasMismatch: the image has another size than the subset.
            SisError: there is no subset to plot, or matplotlib is not installed: run pip install matplotlib.
        """
        return finding_figure(self, image)

    def __repr__(self) -> str:
        """One line: which image, and what suffices."""
        return f"<Finding {finding_line(self)}>"

    def _repr_html_(self) -> str:
        return finding_card(self)
