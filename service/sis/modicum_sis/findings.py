"""What a search gives back: plain frozen values. Must not compute anything that needs a model."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor

from modicum_sis.acceleration.fast_path import Acceleration
from modicum_sis.model.input_parameters import InputParameters


class Reason(StrEnum):
    """Why a finding has no subset, or not the one that a whole search would have given."""

    NOT_ELIGIBLE = "NOT_ELIGIBLE"
    """The predicted class is below the threshold on the whole image; not searched."""
    NOT_FOUND = "NOT_FOUND"
    """A search for a given class found no sufficient subset: counts as larger than all (censored)."""
    STOPPED = "STOPPED"
    """The caller stopped the search; a subset, where there is one, is the best verified until then."""
    NOT_FINITE = "NOT_FINITE"
    """The image, or the model's output on it, holds NaN or infinity."""
    FILL_UNAVAILABLE = "FILL_UNAVAILABLE"
    """Fewer than two donors are left for this image."""


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
    """A mask (H, W) of bool, True = kept."""

    mask: Tensor

    @property
    def size(self) -> int:
        """Kept pixels."""
        return int(self.mask.sum())

    @property
    def fraction(self) -> float:
        """Kept pixels / (H * W)."""
        return self.size / self.mask.numel()

    def __repr__(self) -> str:
        """Its size: a canvas of True and False tells nobody anything."""
        return f"Subset({self.size} of {self.mask.numel()} pixels)"


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """A removal order and the score after each step.

    Attributes:
        order: (r,) row-major indices of the features, as they were removed.
        scores: (steps + 1,) float64; the first with nothing removed, the last after the last step.
        kept: (steps + 1,) how many features were left at each score.
        start: `shape`, bool: the features present at the first score.
    """

    order: Tensor
    scores: Tensor
    kept: Tensor
    start: Tensor

    def smallest_subset(self, threshold: float) -> Tensor | None:
        """The shortest suffix of the order whose score is >= threshold, as a mask; None when there is none.

        A lower threshold never gives a larger subset.
        """
        return next(self.subsets(threshold), None)

    def subsets(self, threshold: float) -> Iterator[Tensor]:
        """Every sufficient suffix as a mask, the smallest first."""
        for step in reversed(torch.nonzero(self.scores >= threshold).flatten().tolist()):
            yield self.mask_at(step)

    def mask_at(self, step: int) -> Tensor:
        """The features present at a score."""
        removed = int(self.kept[0]) - int(self.kept[step])
        mask = self.start.clone().flatten()
        mask[self.order[:removed]] = False
        return mask.reshape(self.start.shape)

    @property
    def confidences(self) -> Tensor:
        """The scores; in a finding, those are confidences of the target class."""
        return self.scores


@dataclass(frozen=True, slots=True)
class Parameters:
    """Everything but the image and the weights that influenced a finding.

    `gradient_free` says that the module has no useful gradient, and that a search by forward passes alone ran in the
    place of `search`. `probe_scores` are what the classifier is known by when a run is resumed: scores of a few classes
    on an image that is always the same. `acceleration` is how the passes of the search ran when it began; its dtype is
    empty in findings of a file that does not say. No pass of verification is accelerated. `input` is what the
    classifier was told about its images, `digests_given` whether the caller named them; both None where a file does not
    say.
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
    """One image, one search.

    Attributes:
        index: the image's position in `images`.
        digest: the image's name in every seed.
        predicted_class: on the whole image; -1 when the output was not finite.
        target_class: the class that was argued for: the predicted one, or the given one.
        confidence: of the target class on the whole image.
        margin: log-odds of that.
        eligible: whether the predicted class reaches the threshold on the whole image.
        baseline_confidence: of the target class on the bare fill; None where that was not scored.
        baseline_confident: the bare fill alone is sufficient, and the subset's mask all False.
        subset: the smallest verified subset, or None with a reason.
        verified_confidence: of a plain pass on the masked image; None without a subset.
        budget_exhausted: nothing smaller than the whole image was found: fraction 1.
        saturated: the model returns probabilities, or joins those of its parts, and on this image they round to 1:
            sizes are coarse.
        passes: all that was spent on the image, in an earlier run that this one resumed as well.
        trace: removal order and confidences, None where there was none; of mask_optimization its last shrinking only.
        reason: see `Reason`; None when all went as asked.
        parameters: what influenced this.
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
