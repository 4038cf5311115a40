"""Runs the searches of many images side by side, and scores their requests together in batches.

The search that has been open longest is served first. The masks of a batch exist only while it is scored. The scores of
one request do not depend on the others. The scheduler does not know what the searches do.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic

import torch
from torch import Tensor

from modicum_sis.scoring.mask_scorer import MaskScorer
from modicum_sis.scoring.score_requests import Outcome, Procedure, ScoreRequest, Scores, Stop
from modicum_sis.searches.protocol import AdmittedImage, Proposal, SearchTask


@dataclass(slots=True, eq=False)
class _OpenRequest:
    """A request, and the margins of its masks that were scored so far."""

    request: ScoreRequest
    margins: list[Tensor] = field(default_factory=list)
    scored: int = 0

    @property
    def left(self) -> int:
        return self.request.count - self.scored


class BatchScheduler(Generic[Outcome]):
    """Open searches, one for each row. Each waits for scores."""

    def __init__(self, scorer: MaskScorer) -> None:
        self._scorer = scorer
        self._procedures: dict[int, Procedure[Outcome]] = {}
        self._open: dict[int, _OpenRequest] = {}
        self._ended: list[tuple[int, Outcome]] = []

    def __len__(self) -> int:
        """The number of open searches."""
        return len(self._procedures)

    def open(self, row: int, procedure: Procedure[Outcome]) -> None:
        """Start the search of the image in this row."""
        self._procedures[row] = procedure
        self._advance(row, lambda: next(procedure))

    def ended(self) -> list[tuple[int, Outcome]]:
        """Rows and outcomes of the searches that ended since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def masks_waiting(self) -> int:
        """The number of masks that wait to be scored without gradients."""
        return sum(waiting.left for waiting in self._open.values() if not waiting.request.with_gradients)

    def gradients_waiting(self) -> list[int]:
        """Rows that wait for a gradient, the longest open first."""
        return [row for row in self._procedures if self._open[row].request.with_gradients]

    def gradient_masks(self) -> Tensor:
        """The masks (n, p) of those rows."""
        masks = [self._open[row].request.part(0, 1) for row in self.gradients_waiting()]
        return torch.cat(masks) if masks else torch.ones((0, self._scorer.pixels), dtype=torch.bool)

    def send_gradients(self, margins: Tensor, gradients: Tensor) -> None:
        """Send margins (n,), float64 on the CPU, and gradients (n, p) to those rows."""
        for place, row in enumerate(self.gradients_waiting()):
            part = slice(place, place + 1)
            self._send(row, Scores(margins[part], gradients[part]))

    def score_masks(self) -> None:
        """Score one batch of masks without gradients, and send scores to each request that is then complete."""
        taken = self._take(self._scorer.batch_size)
        if not taken:
            return
        masks = [waiting.request.part(waiting.scored, waiting.scored + count) for _, waiting, count in taken]
        counts = torch.tensor([count for *_, count in taken])
        rows = torch.repeat_interleave(torch.tensor([row for row, *_ in taken]), counts)
        margins = self._scorer.margins(torch.cat(masks).view(-1, *self._scorer.shape), rows).double().cpu()
        for (row, waiting, count), part in zip(taken, torch.split(margins, counts.tolist()), strict=True):
            waiting.margins.append(part)
            waiting.scored += count
            if not waiting.left:
                self._send(row, Scores(torch.cat(waiting.margins)))

    def stop(self) -> Iterator[tuple[int, Outcome | None]]:
        """Stop all searches. Yields each row and the outcome that its search returned, or None."""
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

    def _take(self, room: int) -> list[tuple[int, _OpenRequest, int]]:
        taken = []
        for row in self._procedures:
            waiting = self._open[row]
            if room and not waiting.request.with_gradients:
                count = min(room, waiting.left)
                taken.append((row, waiting, count))
                room -= count
        return taken

    def _send(self, row: int, reply: Scores) -> None:
        self._advance(row, lambda: self._procedures[row].send(reply))

    def _advance(self, row: int, step: Callable[[], ScoreRequest]) -> None:
        try:
            self._open[row] = _OpenRequest(step())
        except StopIteration as end:
            del self._procedures[row]
            self._open.pop(row, None)
            self._ended.append((row, end.value))


def propose_each(
    task: SearchTask, procedure: Callable[[AdmittedImage], Procedure[Proposal]]
) -> Iterator[tuple[int, Proposal]]:
    """Implements `Search.propose` with a procedure for one image. Many images are searched side by side.

    The next image is admitted when the requests of the open searches no longer fill a batch.
    """
    scheduler: BatchScheduler[Proposal] = BatchScheduler(task.scorer)
    while True:
        while scheduler.masks_waiting() + len(scheduler.gradients_waiting()) < task.scorer.batch_size:
            admitted_images = task.admit(1)
            if not admitted_images:
                break
            scheduler.open(admitted_images[0].row, procedure(admitted_images[0]))
        ended = scheduler.ended()
        yield from ended
        if not len(scheduler):
            if not ended:
                return
            continue
        if task.scorer.meter.poll_stop():
            for row, proposal in scheduler.stop():
                yield row, proposal or Proposal(masks=iter(()), trace=None, stopped=True)
            return
        score_batch(task.scorer, scheduler)


def score_batch(scorer: MaskScorer, scheduler: BatchScheduler[Outcome]) -> None:
    """Score one batch of gradients, then one of masks."""
    rows = scheduler.gradients_waiting()
    if rows:
        margins, gradients = scorer.margins_and_gradients(
            scheduler.gradient_masks().view(-1, *scorer.shape), torch.tensor(rows)
        )
        scheduler.send_gradients(margins.double().cpu(), gradients.flatten(1))
    scheduler.score_masks()
