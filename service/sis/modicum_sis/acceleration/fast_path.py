"""A fast copy of a module, for the passes of a search. Reported scores never come from it.

A fast copy computes the same function with less work. It is made in steps: fold batch norms, reduce the precision,
compile, record CUDA graphs. A step is used on a canvas only if its class scores agree with the module's own on probe
images. If a step fails, the result of the step before it runs, in the end the module itself, and the record says why.
The module itself is never changed. docs/decisions/0012 has the measurements.
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
from modicum_sis.numerics.out_of_memory import is_out_of_memory

AGREEMENT = 1e-3
"""Largest allowed difference of a class score, times the largest score if above 1. Rounding causes about 1e-6."""
REDUCED_AGREEMENT = 0.25
"""Largest allowed difference of log-odds in reduced precision: root mean square over the probes and all classes. A
search must aim higher than the threshold by more than that, and its subsets grow with the aim."""
AIM = 1.0
"""A search in reduced precision aims past the threshold by this many of those differences."""
SAFE_AIM = 4.0
"""A mask that exceeds the threshold by this many of them is kept, in case the smallest mask fails verification."""
DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}

DOUBLE = "double precision modules are not accelerated"

Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Speedups:
    """Ways to accelerate a search besides folding batch norms. None depends on a clock, so a run can be repeated.

    Attributes:
        precision: of weights and activations; None keeps the module's own. For hardware that is faster in 16 bits.
        compiled: use torch.compile, which takes minutes; for long runs.
        graphs: replay CUDA graphs; for small networks on a GPU.

    Raises:
        ParameterError: another precision was given.
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
        folded: the number of batch norms that were folded into convolutions.
        dtype: what the passes compute in.
        difference: the largest difference of a class score from the module's own on the probes; 0 if the module itself
            runs.
        declined: why a step, or the whole fast copy, is not used; empty if there is no reason.
        compiled: whether torch.compile is used.
        graphs: whether CUDA graphs are used.
        margin_difference: in reduced precision, the difference of log-odds on the probes, root mean square over all
            classes; otherwise 0.
        aim: how far above the threshold, in log-odds, a search looks for subsets. Verification uses the threshold.
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
        """How far above the threshold, in log-odds, a mask is expected to pass verification; 0 if passes are exact."""
        return SAFE_AIM * self.margin_difference


Variant = tuple[nn.Module, Acceleration]
"""A module that can run, and the record that describes it."""
StepOutput = tuple[nn.Module, Callable[[Acceleration], Acceleration]]
"""The module that a step makes, and how the step changes the record."""
ScoreImages = Callable[[nn.Module, Tensor], Tensor]
"""Computes class scores (B, K) of images (B, C, H, W) with a module; differentiable.

Raises:
    ModelError: the module failed for another reason than lack of memory.
"""


class _StepDeclined(Exception):
    """A step is not used. The message is the reason."""


class FastPath:
    """One module and its fast copies, which are made on first use.

    Args:
        module: in eval mode, with frozen weights.
        dtype: of its weights. Double precision is never accelerated: its caller wants the exact numbers.
        wanted: what to do besides folding; None for no fast copy.
    """

    def __init__(self, module: nn.Module, *, dtype: torch.dtype, wanted: Speedups | None) -> None:
        self._module, self._dtype = module, str(dtype).removeprefix("torch.")
        self._steps = _steps(wanted) if dtype == torch.float32 else {}
        self._refused = DOUBLE if dtype != torch.float32 and wanted not in {None, Speedups()} else ""
        self._made: dict[tuple[str, nn.Module], StepOutput | _StepDeclined] = {}
        self._variants: dict[Shape, list[Variant]] = {}

    def choose(self, canvas: Shape, probes: Callable[[], Tensor], score: ScoreImages) -> Variant:
        """The fastest variant for a canvas. Each step is compared on `probes` (B, C, H, W) by `score`, once."""
        if canvas not in self._variants:
            self._variants[canvas] = self._build_variants(probes, score)
        return self._variants[canvas][-1]

    def give_up(self, canvas: Shape, reason: str) -> None:
        """Stop using the last step on this canvas. The variant before it runs from now on."""
        variants = self._variants[canvas]
        if len(variants) > 1:
            variants.pop()
        _add_reason(variants, reason)

    def forget(self) -> None:
        """Discard all fast copies, because the weights have changed."""
        self._made.clear()
        self._variants.clear()

    def _build_variants(self, probes: Callable[[], Tensor], score: ScoreImages) -> list[Variant]:
        """The module itself and the steps that agree with it, each made from the one before."""
        variants: list[Variant] = [(self._module, Acceleration(folded=0, dtype=self._dtype, declined=self._refused))]
        own: _OwnScores | None = None
        for name, step in self._steps.items():
            module, record = variants[-1]
            try:
                fast, change = self._make(name, step, module)
                if fast is not module:
                    own = own or _OwnScores.of(self._module, probes(), score)
                    variants.append((fast, own.compared(fast, change(record), score)))
            except _StepDeclined as reason:
                _add_reason(variants, f"{name}: {reason}")
        return variants

    def _make(self, name: str, step: Callable[[nn.Module], StepOutput], module: nn.Module) -> StepOutput:
        """Apply one step to a module, once for all canvases."""
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
    """Probes (B, C, H, W), and the module's own scores (B, K) for them in its own dtype."""

    images: Tensor
    scores: Tensor

    @classmethod
    def of(cls, module: nn.Module, images: Tensor, score: ScoreImages) -> "_OwnScores":
        with torch.no_grad():
            return cls(images, score(module, images))

    def compared(self, fast: nn.Module, record: Acceleration, score: ScoreImages) -> Acceleration:
        """The record of a fast copy with its measured differences. Both directions run, as in a search.

        Raises:
            _StepDeclined: it failed, or differs too much.
        """
        try:
            images = self.images.detach().requires_grad_()
            with torch.enable_grad():
                scores = score(fast, images)
                if scores.requires_grad:
                    torch.autograd.grad(scores.sum(), images, allow_unused=True)
        except (ModelError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise
            raise _StepDeclined(f"the fast copy failed: {error.__cause__ or error}") from error
        scores = scores.detach()
        difference = float((scores - self.scores).abs().max())
        if record.dtype in DTYPES:
            return _with_aim(replace(record, difference=difference), margin_difference(scores, self.scores))
        if not difference <= AGREEMENT * max(1.0, float(self.scores.abs().max())):  # also declines NaN
            raise _StepDeclined(f"class scores of the fast copy differ by {difference:.3g}")
        return replace(record, difference=difference)


def _with_aim(record: Acceleration, difference: float) -> Acceleration:
    if not difference <= REDUCED_AGREEMENT:
        raise _StepDeclined(f"log-odds of the fast copy differ by {difference:.3g}; the limit is {REDUCED_AGREEMENT}")
    return replace(record, margin_difference=difference, aim=AIM * difference)


def _add_reason(variants: list[Variant], reason: str) -> None:
    """Add a reason to the record of the variant that runs now."""
    module, record = variants[-1]
    variants[-1] = module, replace(record, declined="; ".join(filter(None, (record.declined, reason))))


def _steps(wanted: Speedups | None) -> dict[str, Callable[[nn.Module], StepOutput]]:
    """The wanted steps, in the order in which they are applied."""
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
        fast, folded = fold_norms(module)
    except NotFoldable as error:
        raise _StepDeclined(f"batch norms cannot be folded: {error}") from error
    return fast, lambda record: replace(record, folded=folded)


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
