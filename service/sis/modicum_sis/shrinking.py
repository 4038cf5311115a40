"""The last stage of mask optimisation: take pixels out of a sufficient mask, then trade them.

Removals are judged by exact forward passes: each candidate alone first, then as many of the best as should fit
together. When no single removal fits, the pixels that the gradient wants most are added and removal starts again; the
outcome is kept when it is smaller, or as small with more margin to spare.

`Shrinker` is the procedure for one image, written as if it were alone: it asks for margins of masks and is sent the
answers. `shrink_together` answers many images' questions in one batch. Every image has its own count of passes to
spend, so its outcome owes nothing to the others.
"""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from modicum_sis.margins import sufficient
from modicum_sis.scoring import MaskScorer

CANDIDATES = 32
"""Single removals tried in a round; where more pixels are kept, those with the lowest gradient are tried."""
BOLDNESS = (1.5, 1.0, 0.5)
"""Shares of the removals that should fit together which are tried together, the most first."""
PIXELS_PER_TRADE = 10
"""A trade adds one pixel for every so many kept."""
TRADE_SIZES = 3
"""After a trade in vain the next adds twice as many, then three times, then again the fewest."""
SAFE_MARGIN = 1e-3
"""A margin this far above what is needed survives the low bits in which two passes differ."""
FORWARD_COST, GRADIENT_COST = 1, 3


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """Masks (m, p) whose margins are wanted, with their gradients or without."""

    masks: Tensor
    with_gradients: bool = False

    @property
    def cost(self) -> int:
        """Pass-equivalents."""
        return len(self.masks) * (GRADIENT_COST if self.with_gradients else FORWARD_COST)


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """Margins (m,) float64 on the CPU, and gradients (m, p) where they were asked for."""

    margins: Tensor
    gradients: Tensor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A mask (p,) and the removals that led to it from `start` (p,): pixels (r_i,) a step; margins, one more."""

    start: Tensor
    mask: Tensor
    margins: tuple[float, ...]
    removed: tuple[Tensor, ...] = ()

    @property
    def size(self) -> int:
        """Pixels kept."""
        return int(self.mask.sum())

    @property
    def margin(self) -> float:
        """Of the mask."""
        return self.margins[-1]

    def without(self, pixels: Tensor, margin: float) -> "Kept":
        """One step further."""
        mask = self.mask.clone()
        mask[pixels] = False
        return replace(self, mask=mask, margins=(*self.margins, margin), removed=(*self.removed, pixels))


class _Spent(Exception):
    """No error: it ends a procedure when the next question costs more than is left."""


class Shrinker:
    """Shrinks one sufficient mask (p,) with at most `passes` pass-equivalents.

    Attributes:
        best: the smallest sufficient mask so far.
        safe: the smallest whose margin leaves `SAFE_MARGIN` to spare, None before the first.
    """

    def __init__(self, mask: Tensor, margin: float, *, threshold: float, passes: int) -> None:
        self.best = Kept(start=mask, mask=mask, margins=(margin,))
        self.safe: Kept | None = None
        self._threshold, self._passes = threshold, passes
        self._note(self.best)

    def questions(self) -> Generator[Question, Answer, None]:
        """Ask until the passes are spent."""
        try:
            yield from self._shrink()
        except _Spent:
            return

    def _shrink(self) -> Generator[Question, Answer, None]:
        current = yield from self._remove(self.best)
        tried, failures = torch.zeros_like(current.mask), 0
        while current.size:
            gradient = yield from self._gradient(current.mask)
            wanted = math.ceil(current.size / PIXELS_PER_TRADE) * (1 + failures % TRADE_SIZES)
            added = _most_wanted(gradient, current.mask | tried, wanted)
            if not len(added):
                return
            traded = yield from self._trade(current, added)
            smaller = traded.size < current.size
            failures = 0 if smaller else failures + 1
            tried = torch.zeros_like(tried) if smaller else tried.index_fill(0, added, value=True)
            if (traded.size, -traded.margin) < (current.size, -current.margin):
                current = traded

    def _trade(self, current: Kept, added: Tensor) -> Generator[Question, Answer, Kept]:
        mask = current.mask.clone()
        mask[added] = True
        answer = yield from self._ask(Question(mask.unsqueeze(0)))
        larger = Kept(start=mask, mask=mask, margins=(float(answer.margins[0]),))
        return (yield from self._remove(larger))

    def _remove(self, kept: Kept) -> Generator[Question, Answer, Kept]:
        """Rounds of removal until none fits."""
        while kept.size:
            smaller = yield from self._remove_some(kept)
            if smaller is None:
                break
            kept = smaller
            self._note(kept)
        return kept

    def _remove_some(self, kept: Kept) -> Generator[Question, Answer, Kept | None]:
        candidates = yield from self._candidates(kept.mask)
        answer = yield from self._ask(Question(_each_without(kept.mask, candidates)))
        order = torch.argsort(answer.margins, descending=True, stable=True)
        margins, candidates = answer.margins[order], candidates[order.to(candidates.device)]
        if not self._holds(margins[:1])[0]:
            return None
        losses = (kept.margin - margins).cumsum(dim=0)
        fitting = sum(self._holds(kept.margin - losses))
        several = yield from self._remove_together(kept, candidates, fitting)
        return several if several is not None else kept.without(candidates[:1], float(margins[0]))

    def _remove_together(
        self, kept: Kept, candidates: Tensor, fitting: int
    ) -> Generator[Question, Answer, Kept | None]:
        counts = {min(len(candidates), math.ceil(share * fitting)) for share in BOLDNESS} if fitting > 1 else set()
        wanted = sorted(counts - {1}, reverse=True)[: self._passes]
        if not wanted:
            return None
        masks = kept.mask.repeat(len(wanted), 1)
        for row, count in enumerate(wanted):
            masks[row, candidates[:count]] = False
        answer = yield from self._ask(Question(masks))
        for count, margin, holds in zip(wanted, answer.margins.tolist(), self._holds(answer.margins), strict=True):
            if holds:
                return kept.without(candidates[:count], margin)
        return None

    def _candidates(self, mask: Tensor) -> Generator[Question, Answer, Tensor]:
        pixels = torch.nonzero(mask).flatten()
        if len(pixels) > CANDIDATES:
            gradient = yield from self._gradient(mask)
            pixels = pixels[torch.argsort(gradient[pixels], stable=True)[:CANDIDATES]]
        if not self._passes:
            raise _Spent
        return pixels[: self._passes]

    def _gradient(self, mask: Tensor) -> Generator[Question, Answer, Tensor]:
        answer = yield from self._ask(Question(mask.unsqueeze(0), with_gradients=True))
        assert answer.gradients is not None
        return answer.gradients[0]

    def _ask(self, question: Question) -> Generator[Question, Answer, Answer]:
        if question.cost > self._passes:
            raise _Spent
        self._passes -= question.cost
        return (yield question)

    def _note(self, kept: Kept) -> None:
        if kept.size < self.best.size:
            self.best = kept
        spare = float(self._holds(torch.tensor([kept.margin - SAFE_MARGIN], dtype=torch.float64))[0])
        if spare and (self.safe is None or kept.size < self.safe.size):
            self.safe = kept

    def _holds(self, margins: Tensor) -> list[bool]:
        holds: list[bool] = sufficient(margins, self._threshold).tolist()
        return holds


def shrink_together(scorer: MaskScorer, shrinkers: Sequence[Shrinker], rows: Sequence[int]) -> bool:
    """Run the shrinkers of the images that `rows` names side by side; False when stopped before their end."""
    procedures = {row: shrinker.questions() for row, shrinker in zip(rows, shrinkers, strict=True)}
    waiting = {row: question for row, steps in procedures.items() if (question := next(steps, None)) is not None}
    while waiting:
        if scorer.meter.stopped():
            return False
        answers = {}
        for with_gradients in (False, True):
            alike = {row: one for row, one in waiting.items() if one.with_gradients == with_gradients}
            answers.update(_answer(scorer, alike, with_gradients=with_gradients))
        waiting = {row: asked for row, answer in answers.items() if (asked := _send(procedures[row], answer))}
    return True


def _answer(scorer: MaskScorer, questions: dict[int, Question], *, with_gradients: bool) -> dict[int, Answer]:
    if not questions:
        return {}
    counts = [len(question.masks) for question in questions.values()]
    masks = torch.cat([question.masks for question in questions.values()]).view(-1, *scorer.shape)
    rows = torch.repeat_interleave(torch.tensor(list(questions)), torch.tensor(counts))
    if not with_gradients:
        margins = torch.split(scorer.margins(masks, rows).double().cpu(), counts)
        return {row: Answer(part) for row, part in zip(questions, margins, strict=True)}
    scored, gradients = scorer.margins_and_gradients(masks, rows)
    parts = zip(
        questions,
        torch.split(scored.double().cpu(), counts),
        torch.split(gradients.flatten(1), counts),
        strict=True,
    )
    return {row: Answer(margins, slopes) for row, margins, slopes in parts}


def _send(procedure: Generator[Question, Answer, None], answer: Answer) -> Question | None:
    try:
        return procedure.send(answer)
    except StopIteration:
        return None


def _each_without(mask: Tensor, pixels: Tensor) -> Tensor:
    masks = mask.repeat(len(pixels), 1)
    masks[torch.arange(len(pixels), device=mask.device), pixels] = False
    return masks


def _most_wanted(gradient: Tensor, barred: Tensor, count: int) -> Tensor:
    ranked = torch.where(barred, -math.inf, gradient)
    best = torch.argsort(ranked, descending=True, stable=True)[:count]
    return best[~barred[best]]
