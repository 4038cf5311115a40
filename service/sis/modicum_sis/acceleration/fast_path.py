"""The fast twin of a module, for the passes of a search; nothing that is reported comes from it.

A twin computes the same function with less work. It is made in steps, and each is used on a canvas only after its class
scores agreed with the module's own on probes. Whatever goes wrong with a step, the one before takes over, down to the
module itself, and the record says why. Must not change the module. What was tried, with its figures:
docs/decisions/0012.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from modicum_sis.acceleration.compilation import CompilationFailed, Compiled
from modicum_sis.acceleration.folding import NotFoldable, fold_norms, has_norms
from modicum_sis.acceleration.graphs import Graphed
from modicum_sis.acceleration.precision import NotReducible, ReducedPrecision
from modicum_sis.errors import ModelError, ParameterError
from modicum_sis.numerics.margins import margin_difference
from modicum_sis.numerics.memory import is_out_of_memory

AGREEMENT = 1e-3
"""What a class score of the twin may differ by, times the largest where that is above 1. Rounding makes about 1e-6."""
REDUCED_AGREEMENT = 0.25
"""What log-odds may differ by in reduced precision, root mean square over the probes and all classes. Searches have to
aim higher by more than that, and what they find grows with it."""
AIM = 1.0
"""Searches in reduced precision aim past the threshold by so many of these differences."""
SAFE_AIM = 4.0
"""From so many of them on, a mask that a search has scored is kept in case its smallest one is not verified."""
DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}

DOUBLE = "double precision runs as it is"

Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Speedups:
    """What searches may do besides folding batch norms; nothing is chosen by a clock, so that a run is repeatable.

    Attributes:
        precision: of weights and activations, None for the module's own. For hardware that is faster in 16 bits.
        compiled: by torch.compile, which takes minutes: for long runs.
        graphs: replay CUDA graphs; for small networks on a GPU.

    Raises:
        ParameterError: another precision.
    """

    precision: Literal["bfloat16", "float16"] | None = None
    compiled: bool = False
    graphs: bool = False

    def __post_init__(self) -> None:
        if self.precision is not None and self.precision not in DTYPES:
            raise ParameterError(f'precision must be "bfloat16", "float16" or None; got {self.precision!r}')


@dataclass(frozen=True, slots=True)
class Acceleration:
    """How the passes of a search run on one canvas.

    Attributes:
        folded: batch norms that are part of a convolution's weights.
        dtype: what the passes compute in.
        difference: the largest of a class score on the probes from the module's own; 0 where the module itself runs.
        declined: why the twin, or a step of it, is not used; empty where there is nothing to say.
        compiled: whether by torch.compile.
        graphs: whether as CUDA graphs.
        margin_difference: of log-odds on the probes in reduced precision, root mean square over all classes; else 0.
        aim: how far above the threshold, in log-odds, searches look for subsets; verification keeps the threshold.
    """

    folded: int
    dtype: str
    difference: float = 0.0
    declined: str = ""
    compiled: bool = False
    graphs: bool = False
    margin_difference: float = 0.0
    aim: float = 0.0

    @property
    def safe_aim(self) -> float:
        """How far above the threshold, in log-odds, masks are safe from being rejected; 0 where passes are exact."""
        return SAFE_AIM * self.margin_difference


Variant = tuple[nn.Module, Acceleration]
"""A module that may run, and what it is."""
StepOutput = tuple[nn.Module, Callable[[Acceleration], Acceleration]]
"""What a step makes of a module, and what that changes in the record."""
ScoreImages = Callable[[nn.Module, Tensor], Tensor]
"""Class scores (B, K) of images (B, C, H, W) by a module, differentiable.

Raises:
    ModelError: it failed, and not for want of memory.
"""


class _StepDeclined(Exception):
    """A step is not variants, for this reason."""


class FastPath:
    """One module and its twin, which is made when first asked for.

    Args:
        module: in eval mode, its weights frozen.
        dtype: of its weights. Double precision is never touched: who asks for it wants these very numbers.
        wanted: what to do besides folding; None for no twin at all.
    """

    def __init__(self, module: nn.Module, *, dtype: torch.dtype, wanted: Speedups | None) -> None:
        self._module, self._dtype = module, str(dtype).removeprefix("torch.")
        self._steps = _steps(wanted) if dtype == torch.float32 else {}
        self._refused = DOUBLE if dtype != torch.float32 and wanted not in {None, Speedups()} else ""
        self._made: dict[tuple[str, nn.Module], StepOutput | _StepDeclined] = {}
        self._variants: dict[Shape, list[Variant]] = {}

    def choose(self, canvas: Shape, probes: Callable[[], Tensor], score: ScoreImages) -> Variant:
        """What runs on a canvas, remembered; each step is compared on `probes` (B, C, H, W) by `score`."""
        if canvas not in self._variants:
            self._variants[canvas] = self._build_variants(probes, score)
        return self._variants[canvas][-1]

    def give_up(self, canvas: Shape, reason: str) -> None:
        """From now on the step before runs on this canvas, the module itself in the end."""
        variants = self._variants[canvas]
        if len(variants) > 1:
            variants.pop()
        _add_reason(variants, reason)

    def forget(self) -> None:
        """Make the twin anew when next asked for: the weights have changed."""
        self._made.clear()
        self._variants.clear()

    def _build_variants(self, probes: Callable[[], Tensor], score: ScoreImages) -> list[Variant]:
        """The module itself and the steps that hold, each on top of the one before."""
        variants: list[Variant] = [(self._module, Acceleration(folded=0, dtype=self._dtype, declined=self._refused))]
        own: _OwnScores | None = None
        for name, step in self._steps.items():
            module, record = variants[-1]
            try:
                twin, change = self._make(name, step, module)
                if twin is not module:
                    own = own or _OwnScores.of(self._module, probes(), score)
                    variants.append((twin, own.compared(twin, change(record), score)))
            except _StepDeclined as reason:
                _add_reason(variants, f"{name}: {reason}")
        return variants

    def _make(self, name: str, step: Callable[[nn.Module], StepOutput], module: nn.Module) -> StepOutput:
        """One step from a module, made once for all canvases."""
        if (name, module) not in self._made:
            try:
                self._made[name, module] = step(module)
            except _StepDeclined as reason:
                self._made[name, module] = reason
        made = self._made[name, module]
        if isinstance(made, _StepDeclined):
            raise made
        return made


@dataclass(frozen=True, slots=True, eq=False)
class _OwnScores:
    """Probes (B, C, H, W), and the module's own scores (B, K) of them in its `dtype`."""

    images: Tensor
    scores: Tensor

    @classmethod
    def of(cls, module: nn.Module, images: Tensor, score: ScoreImages) -> "_OwnScores":
        with torch.no_grad():
            return cls(images, score(module, images))

    def compared(self, twin: nn.Module, record: Acceleration, score: ScoreImages) -> Acceleration:
        """The record of a twin with its differences; both directions run, as they will in a search.

        Raises:
            _StepDeclined: it failed, or differs by more than is allowed.
        """
        try:
            images = self.images.detach().requires_grad_()
            with torch.enable_grad():
                scores = score(twin, images)
                if scores.requires_grad:
                    torch.autograd.grad(scores.sum(), images, allow_unused=True)
        except (ModelError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise
            raise _StepDeclined(f"the twin failed: {error.__cause__ or error}") from error
        scores = scores.detach()
        difference = float((scores - self.scores).abs().max())
        if record.dtype in DTYPES:
            return _with_aim(replace(record, difference=difference), margin_difference(scores, self.scores))
        if not difference <= AGREEMENT * max(1.0, float(self.scores.abs().max())):  # not so for NaN either
            raise _StepDeclined(f"class scores of the twin differ by {difference:.3g}")
        return replace(record, difference=difference)


def _with_aim(record: Acceleration, difference: float) -> Acceleration:
    if not difference <= REDUCED_AGREEMENT:
        raise _StepDeclined(f"log-odds of the twin differ by {difference:.3g}; at most {REDUCED_AGREEMENT} is allowed")
    return replace(record, margin_difference=difference, aim=AIM * difference)


def _add_reason(variants: list[Variant], reason: str) -> None:
    """Put a reason into the record of what runs now."""
    module, record = variants[-1]
    variants[-1] = module, replace(record, declined="; ".join(filter(None, (record.declined, reason))))


def _steps(wanted: Speedups | None) -> dict[str, Callable[[nn.Module], StepOutput]]:
    """What is wanted, in the order in which it is done."""
    if wanted is None:
        return {}
    steps: dict[str, Callable[[nn.Module], StepOutput]] = {"folded": _folded}
    if wanted.precision is not None:
        steps[wanted.precision] = partial(_reduced, precision=wanted.precision)
    if wanted.compiled:
        steps["compiled"] = _compiled
    if wanted.graphs:
        steps["graphs"] = lambda module: (Graphed(module), lambda record: replace(record, graphs=True))
    return steps


def _folded(module: nn.Module) -> StepOutput:
    if not has_norms(module):
        return module, lambda record: record
    try:
        twin, folded = fold_norms(module)
    except NotFoldable as error:
        raise _StepDeclined(f"batch norms stay: {error}") from error
    return twin, lambda record: replace(record, folded=folded)


def _reduced(module: nn.Module, *, precision: str) -> StepOutput:
    try:
        return ReducedPrecision(module, DTYPES[precision]), lambda record: replace(record, dtype=precision)
    except NotReducible as error:
        raise _StepDeclined(f"the module cannot be copied: {error}") from error


def _compiled(module: nn.Module) -> StepOutput:
    try:
        return Compiled(module), lambda record: replace(record, compiled=True)
    except CompilationFailed as error:
        raise _StepDeclined(str(error)) from error
