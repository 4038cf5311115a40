"""Backward selection with exact greedy steps (Carter et al., "Sufficient Input Subsets", AISTATS 2019).

`backselect` is the procedure over any function. `BackSelect` applies it to the pixels of images. Candidates are made
and scored one batch at a time. See docs/method.md, "The searches".
"""

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor

from modicum_sis.errors import ParameterError
from modicum_sis.findings import Trace
from modicum_sis.model.classifier import Canvas
from modicum_sis.numerics.margins import confidences_of
from modicum_sis.scoring.score_requests import LeaveOneOut, Procedure, ScoreMasks, Scores, Stop
from modicum_sis.scoring.verification import ATTEMPTS
from modicum_sis.searches.batch_scheduler import propose_each
from modicum_sis.searches.protocol import FIXED_PASSES, AdmittedImage, Proposal, SearchTask
from modicum_sis.validation import share

CANDIDATE_ELEMENTS = 1 << 22
"""Most feature values that the candidates in one call of `score` may hold together."""

ScoreFunction = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Removal:
    """The trace of the removals so far, and whether the last feature was removed."""

    trace: Trace
    complete: bool


def backselect(score: Callable[[Tensor], Tensor], features: Tensor, fill: Tensor | float) -> Trace:
    """Remove features one at a time: always the one whose removal leaves the highest score. Ties: the lowest index.

    This costs p(p + 1)/2 + 1 evaluations for p features.

    Args:
        score: `(B, *shape) -> (B,)`; higher is better.
        features: a tensor of any `shape`, not empty. Every entry is one feature.
        fill: the value of a removed feature; broadcast to `shape`.

    Raises:
        ParameterError: there are no features.
    """
    if not features.numel():
        raise ParameterError("expected at least one feature; got an empty tensor")
    base = torch.as_tensor(fill, dtype=features.dtype, device=features.device).expand(features.shape)
    everything = torch.ones(features.shape, dtype=torch.bool, device=features.device)

    def score_masks(masks: Tensor) -> Tensor:
        return score(torch.where(masks, features, base)).detach()

    return remove_greedily(score_masks, everything, batch_size=max(1, CANDIDATE_ELEMENTS // features.numel())).trace


def remove_greedily(
    score_masks: ScoreFunction, start: Tensor, *, batch_size: int, fraction: float | None = None
) -> Removal:
    """Backward selection from the features of `start` (`shape`, bool) down to none; see `removals`."""
    procedure = removals(start, fraction=fraction)
    request = next(procedure)
    while True:
        parts = [
            score_masks(request.part(begun, min(request.count, begun + batch_size)).reshape(-1, *start.shape))
            for begun in range(0, request.count, batch_size)
        ]
        try:
            request = procedure.send(Scores(torch.cat(parts).double().cpu()))
        except StopIteration as end:
            removal: Removal = end.value
            return removal


def removals(start: Tensor, *, fraction: float | None = None) -> Procedure[Removal]:
    """Backward selection from the features of `start` (`shape`, bool) down to none, as a procedure.

    With `fraction`, each step removes the best `ceil(fraction * remaining)` features. If these are several, one more
    evaluation scores the rest. If it is stopped after the first score, it returns an incomplete trace.
    """
    mask = start.flatten().clone()
    order: list[Tensor] = []
    scores = [float((yield ScoreMasks(mask.unsqueeze(0))).margins[0])]
    kept = [int(mask.sum())]
    with suppress(Stop):
        while kept[-1]:
            remaining = torch.nonzero(mask).flatten()
            candidates = _ordered((yield LeaveOneOut(mask, remaining)).margins)
            count = removed_at_once(len(remaining), fraction)
            best = torch.argsort(candidates, descending=True, stable=True)[:count]
            left = mask.index_fill(0, remaining[best.to(mask.device)], value=False)
            score = candidates[best[0]] if count == 1 else (yield ScoreMasks(left.unsqueeze(0))).margins[0]
            order.append(remaining[best.to(mask.device)].cpu())
            scores.append(float(score))
            kept.append(len(remaining) - count)
            mask = left
    trace = Trace(
        order=torch.cat(order) if order else torch.zeros(0, dtype=torch.int64),
        scores=torch.tensor(scores, dtype=torch.float64),
        kept=torch.tensor(kept),
        start=start.cpu(),
    )
    return Removal(trace, complete=not kept[-1])


def removed_at_once(remaining: int, fraction: float | None) -> int:
    """The number of features that a step removes."""
    return 1 if fraction is None else max(1, math.ceil(fraction * remaining))


def greedy_passes(count: int, fraction: float | None = None) -> int:
    """Evaluations that `remove_greedily` needs from `count` features, including that of the start."""
    if fraction is None:
        return count * (count + 1) // 2 + 1
    passes = 1
    while count:
        removed = removed_at_once(count, fraction)
        passes += count + (removed > 1)
        count -= removed
    return passes


def _ordered(margins: Tensor) -> Tensor:
    """The margins with NaN as the lowest value; it would sort as the highest."""
    return torch.nan_to_num(margins, nan=-math.inf, posinf=math.inf, neginf=-math.inf)


@dataclass(frozen=True, slots=True)
class BackSelect:
    """Exact backward selection of pixels by margin.

    Args:
        fraction: the share of the remaining pixels to remove in a step, at least one pixel. None removes one pixel in
            every step, which is exact.
    """

    fraction: float | None = None

    def __post_init__(self) -> None:
        if self.fraction is not None:
            object.__setattr__(self, "fraction", share("fraction", self.fraction, otherwise=", or None"))

    def planned_passes(self, canvas: Canvas) -> int:
        """Without a fraction: p(p + 1)/2 forward passes and at most eleven more, for verification and fixed passes."""
        return FIXED_PASSES + greedy_passes(canvas[-2] * canvas[-1], self.fraction) + ATTEMPTS

    def propose(self, task: SearchTask) -> Iterator[tuple[int, Proposal]]:
        """The candidates of one image fill batches. Near the end of a search they share batches with the next image."""
        everything = torch.ones(task.scorer.shape, dtype=torch.bool, device=task.scorer.device)

        def procedure(admitted: AdmittedImage) -> Procedure[Proposal]:  # noqa: ARG001  (all images start alike)
            return proposal_of((yield from removals(everything, fraction=self.fraction)), task.threshold)

        return propose_each(task, procedure)


def proposal_of(removal: Removal, threshold: float) -> Proposal:
    """The sufficient suffixes of a trace of margins, the smallest first, and the trace as confidences."""
    margins = removal.trace
    trace = Trace(margins.order, confidences_of(margins.scores), margins.kept, margins.start)
    return Proposal(
        masks=_smaller_than_start(trace, threshold),
        trace=trace if removal.complete else None,
        stopped=not removal.complete,
    )


def _smaller_than_start(trace: Trace, threshold: float) -> Iterator[Tensor]:
    whole = int(trace.kept[0])
    return (mask for mask in trace.subsets(threshold) if int(mask.sum()) < whole)
