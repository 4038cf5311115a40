"""Tests the places of one classifier on another, with the same pairs of images, so that both compare in pairs.

Nothing is chosen: places, windows, pairs and places of comparison are those of the rows that are given. A class is
followed where the second classifier sees the class that the first one predicted on the source.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from modicum_sis.errors import ParameterError
from modicum_sis.images.source import Images, ImageSource
from modicum_sis.model.classifier import Classifier
from modicum_sis.spots.comparison import given_attempts
from modicum_sis.spots.copying import COVER, PASTE, Intervention
from modicum_sis.spots.interventions import Interventions, Stopped
from modicum_sis.spots.outcomes import Outcomes, outcomes_of
from modicum_sis.spots.places import Place
from modicum_sis.spots.sources import Pair
from modicum_sis.spots.trials import SpotRow, SpotTrial


def spot_retests(
    classifier: Classifier,
    images: Images,
    rows: Iterable[SpotRow],
    predicted: Sequence[int | None],
    *,
    digests: Sequence[str] | None = None,
    objects: Mapping[int, Tensor] | None = None,
    should_stop: Callable[[], bool] | None = None,
    passed: Callable[[int], object] | None = None,
    chunk_size: int | None = None,
) -> Iterator[SpotRow]:
    """Test the places of other rows on this classifier, one row for each; only outcomes and passes differ.

    Args:
        classifier: the classifier to test.
        images: those of the rows, in the same order, on the same canvas.
        rows: of `spot_tests` with another classifier of the same classes.
        predicted: what that classifier predicts on each image, as given to `spot_tests`.
        digests: as given to `spot_tests`.
        objects: as given to `spot_tests`; needed for places outside the objects.
        should_stop: asked before every pass; ends the run after the last whole row.
        passed: called with the number of forward passes after each batch.
        chunk_size: images of a pass. Default: as in `find_subsets`.

    Raises:
        ParameterError: as many predictions as images are needed, and objects for places outside them.
        ImageError, ModelError: as `find_subsets`.
    """
    source = ImageSource(classifier, images, digests)
    if len(predicted) != len(source):
        raise ParameterError(f"expected {len(source)} predictions, one for each image; got {len(predicted)}")
    interventions = Interventions(classifier, source, should_stop=should_stop, passed=passed, chunk_size=chunk_size)
    classifier.prepare()
    retest = _Retest(interventions, None if objects is None else interventions.outside(objects), predicted)
    try:
        for row in rows:
            yield retest.row(row)
    except Stopped:
        return


@dataclass(frozen=True, slots=True, eq=False)
class _Retest:
    """What rows are tested with; `outside` moves no pixel on an object."""

    whole: Interventions
    outside: Interventions | None
    predicted: Sequence[int | None]

    def row(self, row: SpotRow) -> SpotRow:
        """The row with this classifier's outcomes."""
        before = self._passes()
        trials = tuple(self._trial(trial) for trial in row.trials)
        return replace(row, trials=trials, passes=self._passes() - before)

    def _trial(self, trial: SpotTrial) -> SpotTrial:
        interventions = self.outside if trial.outside else self.whole
        if interventions is None:
            raise ParameterError("`objects` is required, because a row tests places outside them")
        pasted, covered = (
            self._outcomes(interventions, trial, outcomes, intervention)
            for outcomes, intervention in ((trial.pasted, PASTE), (trial.covered, COVER))
        )
        return replace(trial, pasted=pasted, covered=covered, regions={})

    def _outcomes(
        self, interventions: Interventions, trial: SpotTrial, given: Outcomes, intervention: Intervention
    ) -> Outcomes:
        pairs = [Pair(source, other) for source, other in zip(given.sources, given.others, strict=True)]
        placed = [(pair, _place_of(trial, pair.source)) for pair in pairs]
        corners = zip(given.tops, given.lefts, strict=True)
        attempts = given_attempts(interventions, intervention, placed, self.predicted, corners)
        left_out = given.left_out + len(pairs) - len(attempts)
        return outcomes_of(interventions, intervention, attempts, self.predicted, left_out=left_out)

    def _passes(self) -> int:
        return self.whole.passes + (0 if self.outside is None else self.outside.passes)


def _place_of(trial: SpotTrial, source: int) -> Place:
    """The place in one source: an own window has one position for each."""
    return trial.place.at(*trial.windows[source]) if trial.windows else trial.place
