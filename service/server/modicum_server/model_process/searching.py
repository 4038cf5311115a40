"""Searches subsets on the items of a task: one search over all of them, which decodes images when it needs them.

Findings pass through the controls and are sent a chunk at a time, in the order of the items.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import modicum_sis.findings as sis
from modicum_sis import Classifier, Donors, find_subsets, measured_chunk_size
from modicum_sis.controls.class_targeted import draw_other_class
from modicum_sis.searches.protocol import FallsBack

from modicum_server.codec.models import input_value
from modicum_server.codec.searches import canvas_value, control_plan_value, search_value
from modicum_server.domain.controls import CONTROLS, Images, runs_in
from modicum_server.domain.findings import Finding, FindingControls, FindingReason
from modicum_server.domain.models import InputSpecification
from modicum_server.domain.searches import Canvas, Control, Fill, Search, TargetRule
from modicum_server.generated.worker_pb2 import Acceleration, SearchWork
from modicum_server.images.pictures import MAX_PIXELS
from modicum_server.model_process.controls import Controls, PlannedControl, Searched
from modicum_server.model_process.donors import no_donors
from modicum_server.model_process.failure_reasons import ModelRefused, TaskCancelled, TaskFailure, presentable
from modicum_server.model_process.findings import finding_of, unsearched
from modicum_server.model_process.images import Decoder, TaskImages
from modicum_server.model_process.loading import Loaded
from modicum_server.model_process.outside_objects import OutsideObjects
from modicum_server.model_process.pixel_subsets import PixelSubsets
from modicum_server.model_process.progress_counts import ProgressCounts
from modicum_server.model_process.search_objects import search_method
from modicum_server.model_process.slot import Slot
from modicum_server.model_process.temperatures import critical_temperature

KEPT_CHUNKS = 2
"""How many chunks of decoded images stay in memory for the controls."""
LARGEST_MASK_BYTES = 512 * 1024
"""Largest mask, packed. It is sent in one chunk, which must stay well below TorchServe's largest reply."""


@dataclass(frozen=True, slots=True, eq=False)
class SearchRun:
    """One search task with a checked canvas."""

    work: SearchWork
    search: Search
    classifier: Classifier
    decoder: Decoder
    donors: Donors | None
    progress: ProgressCounts
    cancelled: Callable[[], bool]
    chunk_size: int
    gradient_free: bool

    def findings(self) -> Iterator[Finding]:
        """Yield the findings of all items in order, a chunk at a time, when they and their controls are done.

        Raises:
            TaskCancelled: the file `cancel` exists. The findings of the current chunk are lost.
        """
        images = TaskImages(self.decoder, self.work.items, kept=KEPT_CHUNKS * self.chunk_size)
        controls, outside = self._controls(images), self._outside_objects(images)
        descents = self._pixel_subsets(images)
        found = (Searched(self.work.items[one.index], one) for one in self._find(images))
        for chunk in _chunks(found, self.chunk_size):
            self.progress.phase = "controls"
            results = descents.results(chunk, outside.results(chunk, controls.results(chunk)))
            results = self._with_temperatures(images, chunk, results)
            if self.cancelled() or any(one.found.reason is sis.Reason.STOPPED for one in chunk):
                raise TaskCancelled
            for one in chunk:
                yield self._finding(one, images.reason(one.found.index), results.get(one.position, FindingControls()))
            self.progress.phase = "searching"
        if self.cancelled():  # a run that is stopped between chunks ends early without raising
            raise TaskCancelled

    def _with_temperatures(
        self, images: TaskImages, chunk: Sequence[Searched], results: dict[int, FindingControls]
    ) -> dict[int, FindingControls]:
        """Add the critical temperatures of the images where they are wanted; each costs one pass."""
        if not self.work.critical_temperatures:
            return results
        with_temperatures = dict(results)
        for one in chunk:
            if one.found.reason is sis.Reason.NOT_FINITE or images.reason(one.found.index) is not None:
                continue
            image = images[one.found.index].to(device=self.classifier.device, dtype=self.classifier.dtype)
            critical = critical_temperature(self.classifier.plain_logits(image), self.search.threshold)
            self.progress.passes_done += 1
            result = results.get(one.position, FindingControls())
            with_temperatures[one.position] = replace(result, critical_temperature=critical)
        return with_temperatures

    def acceleration(self) -> Acceleration:
        """Return how the passes of the search ran, after its end."""
        canvas = self.decoder.canvas
        used = asdict(self.classifier.acceleration((canvas.channels, canvas.height, canvas.width)))
        return Acceleration(**{**used, "declined": presentable(used["declined"])})

    def _finding(self, one: Searched, without_image: FindingReason | None, controls: FindingControls) -> Finding:
        if without_image is not None:
            return unsearched(one.item, without_image, search_index=self.work.search_index)
        return finding_of(one.found, one.item, search_index=self.work.search_index, controls=controls)

    def _find(self, images: TaskImages) -> Iterator[sis.Finding]:
        self.progress.phase = "searching"
        targets = self._targets(images) if self.search.target_rule is TargetRule.RANDOM_OTHER else None
        found = find_subsets(
            self.classifier,
            images,
            threshold=self.search.threshold,
            search=search_method(self.search),
            fill=self.search.fill.value,
            seed=self.work.seed,
            targets=targets,
            donors=self.donors,
            digests=[item.image_digest for item in self.work.items],
            should_stop=self.cancelled,
            progress=self.progress.follow(),
            chunk_size=self.chunk_size,
        )
        if targets is None:
            return found
        one_more = sis.Passes(forward=1)  # the pass that found the predicted class, which is not drawn
        return (replace(finding, passes=finding.passes + one_more) for finding in found)

    def _targets(self, images: TaskImages) -> list[int]:
        """Return a random class for each image, other than the predicted one. Without finite scores it is any class.

        So every image is decoded twice. That costs little, because with a given target all of them are searched.
        """
        classes = self.classifier.class_count
        assert classes is not None  # inspected on this canvas
        targets = []
        for index, item in enumerate(self.work.items):
            if self.cancelled():
                raise TaskCancelled
            image = images[index].to(device=self.classifier.device, dtype=self.classifier.dtype)
            predicted = 0
            if images.reason(index) is None:
                predicted = int(self.classifier.plain_logits(image).argmax())
                self.progress.passes_done += 1
            targets.append(draw_other_class(predicted, classes, seed=self.work.seed, digest=item.image_digest))
        return targets

    def _controls(self, images: TaskImages) -> Controls:
        return Controls(
            images=images,
            classifier=self.classifier,
            search=self.search,
            seed=self.work.seed,
            plans=[plan for plan in planned_controls(self.work) if CONTROLS[plan.control].images is Images.WITH_SUBSET],
            donors=self.donors,
            chunk_size=self.chunk_size,
            progress=self.progress,
            should_stop=self.cancelled,
        )

    def _outside_objects(self, images: TaskImages) -> OutsideObjects:
        return OutsideObjects(
            decoder=self.decoder,
            images=images,
            classifier=self.classifier,
            threshold=self.search.threshold,
            plan=self._plan_of(Control.SHORTCUT),
            progress=self.progress,
        )

    def _pixel_subsets(self, images: TaskImages) -> PixelSubsets:
        return PixelSubsets(
            images=images,
            classifier=self.classifier,
            fill=self.search.fill,
            seed=self.work.seed,
            plan=self._plan_of(Control.PIXEL_SUBSETS),
            donors=self.donors,
            chunk_size=self.chunk_size,
            progress=self.progress,
            should_stop=self.cancelled,
        )

    def _plan_of(self, control: Control) -> PlannedControl | None:
        """Return the plan of a control of whole images, or None where it does not run."""
        if not runs_in(self.search, control):
            return None
        return next((plan for plan in planned_controls(self.work) if plan.control is control), None)


def prepare_search(work: SearchWork, loaded: Loaded, slot: Slot, progress: ProgressCounts) -> SearchRun:
    """Unpack a search task, check that the version takes its canvas, and make the donors.

    Raises:
        TaskFailure: CANVAS_UNFIT, CANVAS_TOO_LARGE, ARTIFACT_MISSING.
        modicum_sis.errors.ModelError: the version cannot be audited on this canvas.
    """
    canvas, search = canvas_value(work.canvas), search_value(work.search)
    check_canvas(canvas, loaded.input)
    shape = (canvas.channels, canvas.height, canvas.width)
    inspection = loaded.classifier.inspect(shape)
    framing = input_value(work.framing) if work.HasField("framing") else loaded.input
    decoder = Decoder(slot, framing, canvas, work.max_image_pixels or MAX_PIXELS)
    uses_donors = search.fill is Fill.MARGINAL or any(
        CONTROLS[plan.control].uses_donors for plan in planned_controls(work)
    )
    donors = (
        loaded.donors.gather(loaded.classifier, decoder, work.donors, seed=work.seed, progress=progress)
        if uses_donors
        else None
    )
    if donors is None and search.fill is Fill.MARGINAL:
        donors = no_donors(loaded.classifier, canvas)
    return SearchRun(
        work=work,
        search=search,
        classifier=loaded.classifier,
        decoder=decoder,
        donors=donors,
        progress=progress,
        cancelled=slot.cancelled,
        chunk_size=measured_chunk_size(loaded.classifier, shape),
        gradient_free=not inspection.has_gradient and isinstance(search_method(search), FallsBack),
    )


def planned_controls(work: SearchWork) -> tuple[PlannedControl, ...]:
    """Unpack the controls of a task, without those that this release does not know."""
    planned = []
    for place, message in enumerate(work.controls):
        plan = control_plan_value(message)
        excluded = work.control_exclusions[place].positions if place < len(work.control_exclusions) else ()
        if plan is not None:
            planned.append(PlannedControl(plan.control, plan.passes, frozenset(excluded), plan.method))
    return tuple(planned)


def check_canvas(canvas: Canvas, specification: InputSpecification) -> None:
    """Refuse a canvas that a version does not take, or whose masks are too large to send.

    Raises:
        TaskFailure: CANVAS_UNFIT, CANVAS_TOO_LARGE.
    """
    if canvas.channels != specification.channels:
        raise ModelRefused(
            "CANVAS_UNFIT",
            f"expected a canvas of {specification.channels} channels, like the version's input; got {canvas.channels}",
        )
    if canvas.pixels > 8 * LARGEST_MASK_BYTES:
        raise TaskFailure(
            "CANVAS_TOO_LARGE",
            f"expected a canvas of at most {8 * LARGEST_MASK_BYTES:,} pixels; got {canvas.height} x {canvas.width}",
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
