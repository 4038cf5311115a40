"""Chooses whether searches of a classifier run in a faster arithmetic, by searching the same images both ways.

docs/method.md, "What can be compared", has the rule by which sizes agree. Only the clock decides what is fast enough.
So a caller that must repeat a run keeps the choice, and never makes it again.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from modicum_sis.acceleration.fast_path import Speedups
from modicum_sis.acceleration.precision import lacks_bfloat16
from modicum_sis.errors import ParameterError
from modicum_sis.images.fills import Donors
from modicum_sis.images.source import Images, ImageSource
from modicum_sis.model.classifier import Canvas, Classifier
from modicum_sis.run.find_subsets import find_subsets
from modicum_sis.searches.protocol import Search

WORTHWHILE = 0.8
"""A candidate is chosen if it needs at most this share of the exact seconds."""
LEAST_IMAGES = 100
"""Sizes are compared over at least so many images."""
MEAN_LIMIT, INTERVAL_LIMIT = 1.05, 1.1
"""The geometric mean of the ratios of sizes, and its 95% interval, lie within these factors of 1."""
RESAMPLES, ENDS = 10_000, (0.025, 0.975)
BLOCK = 10
"""Images that are searched one way before the other way has its turn."""
EXACT = Speedups()
REDUCED = Speedups(precision="bfloat16")

SearchBlock = Callable[[Classifier, Sequence[object]], list[int]]
"""The sizes that a classifier's search finds on some images; 0 where there is no subset, or one without pixels."""


@dataclass(frozen=True, slots=True)
class SizeAgreement:
    """The ratios of sizes, fast over exact, over the images that have a size in both.

    Attributes:
        images: how many there are.
        mean: the geometric mean of the ratios.
        low: the lower end of its 95% bootstrap interval.
        high: the upper end.
    """

    images: int
    mean: float
    low: float
    high: float

    @property
    def disagreement(self) -> str:
        """Why the sizes do not agree; empty if they do."""
        if self.images < LEAST_IMAGES:
            return f"sizes were compared on {self.images} images; at least {LEAST_IMAGES} are needed"
        within = 1 / MEAN_LIMIT <= self.mean <= MEAN_LIMIT
        if within and self.low >= 1 / INTERVAL_LIMIT and self.high <= INTERVAL_LIMIT:
            return ""
        return f"sizes differ by a factor of {self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, slots=True)
class SecondsRatio:
    """Seconds of the candidate over exact seconds, on the same images.

    Attributes:
        value: the ratio of all seconds.
        low: the lower end of its 95% bootstrap interval, over blocks of images.
        high: the upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class SpeedupChoice:
    """The chosen arithmetic and why.

    Attributes:
        speedups: what to give to `Classifier(accelerate=...)`.
        seconds: of the candidate over exact ones; None if nothing was timed.
        agreement: of the sizes; None if nothing was searched.
        reason: why the candidate is not chosen; empty if it is.
    """

    speedups: Speedups
    seconds: SecondsRatio | None = None
    agreement: SizeAgreement | None = None
    reason: str = ""


def chosen_speedups(
    make: Callable[[Speedups], Classifier],
    images: Images,
    *,
    threshold: float,
    search: Search,
    fill: str = "mean",
    seed: int = 0,
    donors: Images | Donors | None = None,
    candidate: Speedups = REDUCED,
    now: Callable[[], float] | None = None,
) -> SpeedupChoice:
    """Search images exactly and with a candidate, in turns, until a hundred of them have a size in both; then choose.

    The candidate is chosen if it needs at most 0.8 of the exact seconds, and the sizes agree by the rule of the method.
    One that cannot run here costs no search. One that is too slow so far is given up after a block of ten images.

    Args:
        make: makes the classifier with these speedups, each time of the same weights.
        images: as of `find_subsets`. At least a hundred must be eligible; those after the hundredth are not searched.
        threshold: as of `find_subsets`.
        search: as of `find_subsets`.
        fill: as of `find_subsets`.
        seed: as of `find_subsets`.
        donors: as of `find_subsets`.
        candidate: what may replace folded float32.
        now: seconds. Default: those of the processor on a CPU, else those of the wall.

    Raises:
        ParameterError: the candidate asks for nothing. Also whatever `find_subsets` raises.
    """
    if candidate == EXACT:
        raise ParameterError('expected a candidate that speeds up, such as Speedups(precision="bfloat16")')
    if len(images) < LEAST_IMAGES:
        return SpeedupChoice(EXACT, reason=SizeAgreement(len(images), np.nan, np.nan, np.nan).disagreement)
    exact, fast = make(EXACT), make(candidate)
    canvas = ImageSource(fast, images).canvas()
    if declined := _declined(fast, canvas, candidate):
        return SpeedupChoice(EXACT, reason=declined)
    exact.inspect(canvas)
    exact.acceleration(canvas)  # made now, so that no block pays for it

    def find(classifier: Classifier, block: Sequence[object]) -> list[int]:
        found = find_subsets(classifier, block, threshold=threshold, search=search, fill=fill, seed=seed, donors=donors)
        return [one.subset.size if one.subset else 0 for one in found]

    clock = now or (time.process_time if fast.device.type == "cpu" else time.perf_counter)
    trial = _searched_both_ways(find, (exact, fast), images, clock)
    reason = trial.refusal() or _declined(fast, canvas, candidate)
    return SpeedupChoice(EXACT if reason else candidate, trial.ratio(), trial.agreement(), reason)


def size_agreement(exact: Iterable[int], fast: Iterable[int]) -> SizeAgreement:
    """Compare sizes in pairs. A size of 0 stands for no subset, or for one without pixels; such pairs are left out."""
    pairs = [(one, other) for one, other in zip(exact, fast, strict=True) if one and other]
    if not pairs:
        return SizeAgreement(0, np.nan, np.nan, np.nan)
    logarithms = np.array([np.log(other / one) for one, other in pairs])
    low, high = np.quantile(logarithms[_resamples(len(pairs))].mean(axis=1), ENDS)
    return SizeAgreement(len(pairs), float(np.exp(logarithms.mean())), float(np.exp(low)), float(np.exp(high)))


@dataclass(slots=True)
class _Trial:
    """What searching both ways gave: seconds of each block, and sizes of each image, exact and fast."""

    seconds: list[tuple[float, float]] = field(default_factory=list)
    sizes: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))

    def ratio(self) -> SecondsRatio | None:
        """The ratio of the seconds; None if the exact ones were too few to be measured."""
        blocks = np.array(self.seconds)
        exact, fast = blocks.sum(axis=0)
        if not exact:
            return None
        drawn = blocks[_resamples(len(blocks))].sum(axis=1)
        some = drawn[drawn[:, 0] > 0]
        low, high = np.quantile(some[:, 1] / some[:, 0], ENDS)
        return SecondsRatio(float(fast / exact), float(low), float(high))

    def agreement(self) -> SizeAgreement:
        """The agreement of the sizes."""
        return size_agreement(*self.sizes)

    def is_complete(self) -> bool:
        """Whether enough images have a size in both. Their sizes play no part, so that this cannot favour any."""
        return sum(bool(one and other) for one, other in zip(*self.sizes, strict=True)) >= LEAST_IMAGES

    def too_slow(self) -> str:
        """Why the seconds so far speak against the candidate; empty if they do not."""
        exact, fast = (sum(each) for each in zip(*self.seconds, strict=True))
        if fast <= WORTHWHILE * exact:
            return ""
        share = f"{fast / exact:.2f}" if exact else "more"
        return f"it needs {share} of the exact seconds; at most {WORTHWHILE} is worthwhile"

    def refusal(self) -> str:
        """Why the candidate is not chosen; empty if it is."""
        return self.too_slow() or self.agreement().disagreement


def _searched_both_ways(
    find: SearchBlock, classifiers: tuple[Classifier, Classifier], images: Images, clock: Callable[[], float]
) -> _Trial:
    """Search block after block, until there are enough sizes, or the candidate is too slow so far."""
    trial = _Trial()
    for number, first in enumerate(range(0, len(images), BLOCK)):
        block = [images[index] for index in range(first, min(first + BLOCK, len(images)))]
        seconds = [0.0, 0.0]
        for which in (1, 0) if number % 2 else (0, 1):  # in turns, so that neither always finds a warm cache
            begun = clock()
            trial.sizes[which].extend(find(classifiers[which], block))
            seconds[which] = clock() - begun
        trial.seconds.append((seconds[0], seconds[1]))
        if trial.is_complete() or (any(trial.sizes[0]) and trial.too_slow()):
            break
    return trial


def _declined(fast: Classifier, canvas: Canvas, candidate: Speedups) -> str:
    """Why the candidate cannot run at all; empty if it can."""
    if candidate.precision == "bfloat16" and lacks_bfloat16(fast.device):
        return "this processor has no instructions for bfloat16"
    if not fast.inspect(canvas).has_gradient:
        return "searches without a gradient stay exact"
    used = fast.acceleration(canvas)
    if (used.dtype, used.compiled, used.graphs) == (
        candidate.precision or used.dtype,
        candidate.compiled,
        candidate.graphs,
    ):
        return ""
    return used.declined or "the candidate does not run here"


def _resamples(count: int) -> NDArray[np.int64]:
    """Draws of `count` out of `count`, with replacement, the same in every run."""
    return np.random.default_rng(0).integers(count, size=(RESAMPLES, count))
