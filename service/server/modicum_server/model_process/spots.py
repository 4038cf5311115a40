"""The spot test of a version on the items of a task. The library chooses and tests; here are its inputs and results."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from modicum.v1.finding_pb2 import Subset
from modicum_sis import Classifier
from modicum_sis.spots.outcomes import Outcomes
from modicum_sis.spots.places import Place
from modicum_sis.spots.retests import spot_retests
from modicum_sis.spots.trials import SpotRow as TestedRow
from modicum_sis.spots.trials import SpotTrial, spot_tests
from torch import Tensor

from modicum_server.codec.models import input_value
from modicum_server.codec.records import message_of, record_of
from modicum_server.codec.searches import canvas_value
from modicum_server.domain import spots
from modicum_server.generated.worker_pb2 import SpotRow, SpotWork
from modicum_server.images.pictures import MAX_PIXELS
from modicum_server.model_process.chosen_spots import tested_row_of
from modicum_server.model_process.failure_reasons import TaskCancelled
from modicum_server.model_process.findings import subset_of
from modicum_server.model_process.images import Decoder, TaskImages
from modicum_server.model_process.loading import Loaded
from modicum_server.model_process.objects import ObjectMasks
from modicum_server.model_process.progress_counts import ProgressCounts
from modicum_server.model_process.scoring import mask_of
from modicum_server.model_process.searching import check_canvas
from modicum_server.model_process.slot import Slot


class SubsetMasks(Mapping[int, Tensor]):
    """The masks of subsets by item, each unpacked when it is looked up: packed, they take an eighth of the memory."""

    def __init__(self, subsets: Mapping[int, Subset]) -> None:
        self._subsets = subsets

    def __getitem__(self, item: int) -> Tensor:
        return mask_of(self._subsets[item])

    def __iter__(self) -> Iterator[int]:
        return iter(self._subsets)

    def __len__(self) -> int:
        return len(self._subsets)


@dataclass(frozen=True, slots=True, eq=False)
class SpotRun:
    """One spot task with a checked canvas."""

    work: SpotWork
    classifier: Classifier
    images: TaskImages
    decoder: Decoder
    progress: ProgressCounts
    cancelled: Callable[[], bool]

    def rows(self) -> Iterator[SpotRow]:
        """Yield one message for each row of the task.

        Raises:
            TaskCancelled: the file `cancel` exists.
        """
        self.progress.phase = "spots"
        for row in self._retested() if self.work.chosen else self._tested():
            yield message_of(self._row(row), SpotRow)
        if self.cancelled():
            raise TaskCancelled

    def _tested(self) -> Iterator[TestedRow]:
        return spot_tests(
            self.classifier,
            self.images,
            list(self.work.predicted),
            SubsetMasks(dict(zip(self.work.subset_items, self.work.subsets, strict=True))),
            seed=self.work.seed,
            digests=[item.image_digest for item in self.work.items],
            objects=ObjectMasks(self.decoder, self.work.items),
            rows=[spots.class_of_row(number) for number in self.work.rows],
            should_stop=self.cancelled,
            passed=self._count,
        )

    def _retested(self) -> Iterator[TestedRow]:
        indices = {item.position: index for index, item in enumerate(self.work.items)}
        return spot_retests(
            self.classifier,
            self.images,
            [tested_row_of(record_of(row, spots.SpotRow), indices) for row in self.work.chosen],
            list(self.work.predicted),
            digests=[item.image_digest for item in self.work.items],
            objects=ObjectMasks(self.decoder, self.work.items),
            should_stop=self.cancelled,
            passed=self._count,
        )

    def _count(self, passes: int) -> None:
        self.progress.passes_done += passes

    def _row(self, row: TestedRow) -> spots.SpotRow:
        return spots.SpotRow(row.target_class, row.sources, tuple(self._trial(one) for one in row.trials), row.passes)

    def _trial(self, trial: SpotTrial) -> spots.SpotTrial:
        return spots.SpotTrial(
            half=trial.half,
            place=place_of(trial.place),
            windows=tuple(
                spots.SpotWindow(self._position(index), top, left) for index, (top, left) in trial.windows.items()
            ),
            pasted=self._outcomes(trial.pasted),
            covered=self._outcomes(trial.covered),
            outside=trial.outside,
            regions=tuple(
                spots.SpotRegion(self._position(source), self._position(other), subset_of(region))
                for (source, other), region in trial.regions.items()
            ),
            on_objects=spots.SpotObjects(
                tuple(map(self._position, trial.on_objects)), tuple(trial.on_objects.values())
            ),
        )

    def _outcomes(self, outcomes: Outcomes) -> spots.SpotOutcomes:
        return spots.SpotOutcomes(
            sources=tuple(map(self._position, outcomes.sources)),
            others=tuple(map(self._position, outcomes.others)),
            here=outcomes.here,
            elsewhere=outcomes.elsewhere,
            tops=outcomes.tops,
            lefts=outcomes.lefts,
            left_out=outcomes.left_out,
        )

    def _position(self, index: int) -> int:
        return self.work.items[index].position


def place_of(place: Place) -> spots.SpotPlace:
    """Return the library's place as the domain's."""
    kind = spots.SpotKind[place.kind.name]
    return spots.SpotPlace(kind, place.height, place.width, place.top, place.left, place.pixels)


def prepare_spots(work: SpotWork, loaded: Loaded, slot: Slot, progress: ProgressCounts) -> SpotRun:
    """Unpack a spot task and check that the version takes its canvas.

    Raises:
        TaskFailure: CANVAS_UNFIT, CANVAS_TOO_LARGE, ARTIFACT_MISSING.
        modicum_sis.errors.ModelError: the version cannot be audited on this canvas.
    """
    canvas = canvas_value(work.canvas)
    check_canvas(canvas, loaded.input)
    loaded.classifier.inspect((canvas.channels, canvas.height, canvas.width))
    framing = input_value(work.framing) if work.HasField("framing") else loaded.input
    decoder = Decoder(slot, framing, canvas, work.max_image_pixels or MAX_PIXELS)
    images = TaskImages(decoder, work.items, kept=1)
    return SpotRun(work, loaded.classifier, images, decoder, progress, slot.cancelled)
