"""Search subsets on the items of a task, a few images at a time: decoded, searched, controlled, sent, forgotten."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import modicum_sis.findings as sis
from modicum_sis import Classifier, Donors, find_subsets, measured_chunk_size
from modicum_sis.controls import draw_other_class
from modicum_sis.search import FallsBack

from modicum_server.codec.models import input_value
from modicum_server.codec.searches import canvas_value, control_plan_value, search_value
from modicum_server.domain.findings import Finding, FindingControls, FindingReason
from modicum_server.domain.models import InputSpecification
from modicum_server.domain.searches import Canvas, Control, Fill, Search, TargetRule
from modicum_server.handler.answers import finding_of, unsearched
from modicum_server.handler.controls import Controls, PlannedControl, Searched
from modicum_server.handler.failures import ModelRefused, TaskCancelled, TaskFailure
from modicum_server.handler.images import Decoder, Pictured
from modicum_server.handler.loading import Loaded
from modicum_server.handler.methods import search_method
from modicum_server.handler.slot import Slot
from modicum_server.handler.tallying import Tally
from modicum_server.pictures import MAX_PIXELS
from modicum_server.wire.worker_pb2 import SearchWork

GROUP_CHUNKS = 4
"""Chunks of images that are decoded together."""
LARGEST_MASK_BYTES = 512 * 1024
"""A mask travels in one chunk, which must stay well below the server's largest reply."""


@dataclass(frozen=True, slots=True, eq=False)
class SearchRun:
    """One search task, its canvas checked."""

    work: SearchWork
    search: Search
    classifier: Classifier
    decoder: Decoder
    donors: Donors | None
    tally: Tally
    cancelled: Callable[[], bool]
    chunk_size: int
    gradient_free: bool

    def findings(self) -> Iterator[Finding]:
        """Findings of all items, as soon as they and their controls are done; those that cannot be searched come first.

        Raises:
            TaskCancelled: the cancel mark is there; what was found in the chunk under way is not given out.
        """
        step = self.chunk_size * GROUP_CHUNKS
        for start in range(0, len(self.work.items), step):
            if self.cancelled():
                raise TaskCancelled
            pictured, unpictured = self.decoder.decode(self.work.items[start : start + step])
            for failed in unpictured:
                yield unsearched(failed.item, failed.reason, search_index=self.work.search_index)
            if self.search.fill is Fill.MARGINAL and self.donors is None:
                for one in pictured:
                    yield unsearched(one.item, FindingReason.FILL_UNAVAILABLE, search_index=self.work.search_index)
            elif pictured:
                yield from self._searched(pictured)

    def _searched(self, pictured: Sequence[Pictured]) -> Iterator[Finding]:
        found = map(Searched, pictured, self._find(pictured))
        for chunk in _chunks(found, self.chunk_size):
            self.tally.phase = "controls"
            answers = self._controls().answer(chunk)
            if self.cancelled() or any(one.found.reason is sis.Reason.STOPPED for one in chunk):
                raise TaskCancelled
            for one in chunk:
                controls = answers.get(one.pictured.item.position, FindingControls())
                yield finding_of(one.found, one.pictured.item, search_index=self.work.search_index, controls=controls)
            self.tally.phase = "searching"
        if self.cancelled():  # a run that is stopped between chunks ends early, without a word
            raise TaskCancelled

    def _find(self, pictured: Sequence[Pictured]) -> Iterator[sis.Finding]:
        self.tally.phase = "searching"
        targets = self._targets(pictured) if self.search.target_rule is TargetRule.RANDOM_OTHER else None
        found = find_subsets(
            self.classifier,
            [one.image for one in pictured],
            threshold=self.search.threshold,
            search=search_method(self.search),
            fill=self.search.fill.value,
            seed=self.work.seed,
            targets=targets,
            donors=self.donors,
            digests=[one.item.image_digest for one in pictured],
            should_stop=self.cancelled,
            progress=self.tally.follow(),
            chunk_size=self.chunk_size,
        )
        if targets is None:
            return found
        one_more = sis.Passes(forward=1)  # the pass that told which class is not drawn
        return (replace(finding, passes=finding.passes + one_more) for finding in found)

    def _targets(self, pictured: Sequence[Pictured]) -> list[int]:
        """A random class an image other than the predicted one; of an image without a finite score any class."""
        classes = self.classifier.class_count
        assert classes is not None  # inspected on this canvas
        targets = []
        for one in pictured:
            image = one.image.to(device=self.classifier.device, dtype=self.classifier.dtype)
            predicted = int(self.classifier.plain_logits(image).argmax())
            self.tally.passes_done += 1
            targets.append(draw_other_class(predicted, classes, seed=self.work.seed, digest=one.item.image_digest))
        return targets

    def _controls(self) -> Controls:
        return Controls(
            classifier=self.classifier,
            search=self.search,
            seed=self.work.seed,
            plans=planned_controls(self.work),
            donors=self.donors,
            chunk_size=self.chunk_size,
            tally=self.tally,
            should_stop=self.cancelled,
        )


def prepare_search(work: SearchWork, loaded: Loaded, slot: Slot, tally: Tally) -> SearchRun:
    """Unpack a search task, see that the version takes its canvas, and make the donors.

    Raises:
        TaskFailure: CANVAS_UNFIT, CANVAS_TOO_LARGE, ARTIFACT_MISSING.
        modicum_sis.errors.ModelError: the version cannot be audited on this canvas.
    """
    canvas, search = canvas_value(work.canvas), search_value(work.search)
    _check_canvas(canvas, loaded.input)
    shape = (canvas.channels, canvas.height, canvas.width)
    inspection = loaded.classifier.inspect(shape)
    framing = input_value(work.framing) if work.HasField("framing") else loaded.input
    decoder = Decoder(slot, framing, canvas, work.max_image_pixels or MAX_PIXELS)
    uses_donors = search.fill is Fill.MARGINAL or any(plan.control is Control.FILL for plan in planned_controls(work))
    donors = (
        loaded.donors.gather(loaded.classifier, decoder, work.donors, seed=work.seed, tally=tally)
        if uses_donors
        else None
    )
    return SearchRun(
        work=work,
        search=search,
        classifier=loaded.classifier,
        decoder=decoder,
        donors=donors,
        tally=tally,
        cancelled=slot.cancelled,
        chunk_size=measured_chunk_size(loaded.classifier, shape),
        gradient_free=not inspection.has_gradient and isinstance(search_method(search), FallsBack),
    )


def planned_controls(work: SearchWork) -> tuple[PlannedControl, ...]:
    """Unpack the controls of a task; those that this release does not know are left out."""
    planned = []
    for place, message in enumerate(work.controls):
        plan = control_plan_value(message)
        excluded = work.control_exclusions[place].positions if place < len(work.control_exclusions) else ()
        if plan is not None:
            planned.append(PlannedControl(plan.control, plan.passes, frozenset(excluded)))
    return tuple(planned)


def _check_canvas(canvas: Canvas, specification: InputSpecification) -> None:
    if canvas.channels != specification.channels:
        raise ModelRefused(
            "CANVAS_UNFIT",
            f"Expected a canvas of {specification.channels} channels, as the version's input; got {canvas.channels}.",
        )
    if canvas.pixels > 8 * LARGEST_MASK_BYTES:
        raise TaskFailure(
            "CANVAS_TOO_LARGE",
            f"Expected a canvas of at most {8 * LARGEST_MASK_BYTES:,} pixels; got {canvas.height} x {canvas.width}.",
            model_at_fault=False,
        )


def _chunks(searched: Iterable[Searched], size: int) -> Iterator[list[Searched]]:
    chunk: list[Searched] = []
    for one in searched:
        chunk.append(one)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
