"""Runs the searches of many images side by side: their questions fill batches together, the longest open first.

What is made of a batch's masks lives only as long as the batch. An answer owes nothing to the questions beside it. Must
not know what is searched for, nor how.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic

import torch
from torch import Tensor

from modicum_sis.questions import Answer, Asked, Outcome, Procedure, Stop
from modicum_sis.scoring import MaskScorer
from modicum_sis.search import Entrant, Proposal, SearchTask


@dataclass(slots=True, eq=False)
class _Waiting:
    """A question, and the margins of those of its masks that were scored."""

    asked: Asked
    margins: list[Tensor] = field(default_factory=list)
    scored: int = 0

    @property
    def left(self) -> int:
        return self.asked.count - self.scored


class Desk(Generic[Outcome]):
    """Open searches, one a row, each waiting for an answer."""

    def __init__(self, scorer: MaskScorer) -> None:
        self._scorer = scorer
        self._procedures: dict[int, Procedure[Outcome]] = {}
        self._waiting: dict[int, _Waiting] = {}
        self._ended: list[tuple[int, Outcome]] = []

    def __len__(self) -> int:
        """How many are open."""
        return len(self._procedures)

    def open(self, row: int, procedure: Procedure[Outcome]) -> None:
        """Take in the search of the image in this row."""
        self._procedures[row] = procedure
        self._advance(row, lambda: next(procedure))

    def ended(self) -> list[tuple[int, Outcome]]:
        """Rows and outcomes of the searches that ended since this was last asked."""
        ended, self._ended = self._ended, []
        return ended

    def masks_waiting(self) -> int:
        """Masks to be scored without gradients."""
        return sum(waiting.left for waiting in self._waiting.values() if not waiting.asked.with_gradients)

    def gradients_waiting(self) -> list[int]:
        """Rows that wait for a gradient, the longest open first."""
        return [row for row in self._procedures if self._waiting[row].asked.with_gradients]

    def gradient_masks(self) -> Tensor:
        """The masks (n, p) of those rows."""
        masks = [self._waiting[row].asked.part(0, 1) for row in self.gradients_waiting()]
        return torch.cat(masks) if masks else torch.ones((0, self._scorer.pixels), dtype=torch.bool)

    def answer_gradients(self, margins: Tensor, gradients: Tensor) -> None:
        """Send margins (n,) float64 on the CPU and gradients (n, p) to those rows."""
        for place, row in enumerate(self.gradients_waiting()):
            part = slice(place, place + 1)
            self._send(row, Answer(margins[part], gradients[part]))

    def answer_masks(self) -> None:
        """Score one batch of masks without gradients, and answer the questions that are then complete."""
        taken = self._take(self._scorer.batch_size)
        if not taken:
            return
        masks = [waiting.asked.part(waiting.scored, waiting.scored + count) for _, waiting, count in taken]
        counts = torch.tensor([count for *_, count in taken])
        rows = torch.repeat_interleave(torch.tensor([row for row, *_ in taken]), counts)
        margins = self._scorer.margins(torch.cat(masks).view(-1, *self._scorer.shape), rows).double().cpu()
        for (row, waiting, count), part in zip(taken, torch.split(margins, counts.tolist()), strict=True):
            waiting.margins.append(part)
            waiting.scored += count
            if not waiting.left:
                self._send(row, Answer(torch.cat(waiting.margins)))

    def stop(self) -> Iterator[tuple[int, Outcome | None]]:
        """End all: rows, and what each search returns when it is told to stop, None where it has nothing."""
        yield from self.ended()
        for row in list(self._procedures):
            procedure = self._procedures.pop(row)
            outcome = None
            try:
                procedure.throw(Stop())
            except StopIteration as end:
                outcome = end.value
            except Stop:
                pass
            yield row, outcome

    def _take(self, room: int) -> list[tuple[int, _Waiting, int]]:
        taken = []
        for row in self._procedures:
            waiting = self._waiting[row]
            if room and not waiting.asked.with_gradients:
                count = min(room, waiting.left)
                taken.append((row, waiting, count))
                room -= count
        return taken

    def _send(self, row: int, answer: Answer) -> None:
        self._advance(row, lambda: self._procedures[row].send(answer))

    def _advance(self, row: int, step: Callable[[], Asked]) -> None:
        try:
            self._waiting[row] = _Waiting(step())
        except StopIteration as end:
            del self._procedures[row]
            self._waiting.pop(row, None)
            self._ended.append((row, end.value))


def propose_each(
    task: SearchTask, procedure: Callable[[Entrant], Procedure[Proposal]]
) -> Iterator[tuple[int, Proposal]]:
    """`Search.propose` for a search that is written for one image: many run side by side.

    Another image is let in when the questions of those in work no longer fill a batch.
    """
    desk: Desk[Proposal] = Desk(task.scorer)
    while True:
        while desk.masks_waiting() + len(desk.gradients_waiting()) < task.scorer.batch_size:
            entrants = task.admit(1)
            if not entrants:
                break
            desk.open(entrants[0].row, procedure(entrants[0]))
        ended = desk.ended()
        yield from ended
        if not len(desk):
            if not ended:
                return
            continue
        if task.scorer.meter.stopped():
            for row, proposal in desk.stop():
                yield row, proposal or Proposal(masks=iter(()), trace=None, stopped=True)
            return
        answer_all(task.scorer, desk)


def answer_all(scorer: MaskScorer, desk: Desk[Outcome]) -> None:
    """One batch of gradients, then one of masks."""
    rows = desk.gradients_waiting()
    if rows:
        margins, gradients = scorer.margins_and_gradients(
            desk.gradient_masks().view(-1, *scorer.shape), torch.tensor(rows)
        )
        desk.answer_gradients(margins.double().cpu(), gradients.flatten(1))
    desk.answer_masks()
