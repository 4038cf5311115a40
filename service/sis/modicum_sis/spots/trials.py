"""The spot test: chooses places on one half of the images and tests them on the other, then swaps the halves.

See docs/method.md, "The spot test". A place is tested in two ways. *Pasted*: it is copied into images of other classes;
how many become the class? *Covered*: it is filled with what stands there in an image of another class; how many no
longer keep the class? Each is compared, in pairs, with the same done elsewhere: at a random place of the same size, or
for a ring on an inner band of about its area. A pattern is compared with itself, filled otherwise (`comparison`).
Nothing is judged here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from modicum_sis.errors import ParameterError
from modicum_sis.images.source import Images, ImageSource
from modicum_sis.model.classifier import Classifier
from modicum_sis.numerics.seeding import generator
from modicum_sis.spots.choice import MOST_OWN_SOURCES, choose_fixed, choose_own, own_place
from modicum_sis.spots.comparison import drawn_attempts
from modicum_sis.spots.copying import COVER, PASTE, Intervention
from modicum_sis.spots.evidence import EvidenceMaps
from modicum_sis.spots.interventions import Composite, Interventions, Stopped
from modicum_sis.spots.outcomes import Outcomes, outcomes_of
from modicum_sis.spots.outside import dividing, images_with_objects, overlap
from modicum_sis.spots.places import Place, PlaceKind
from modicum_sis.spots.sources import HALVES, Pair, SplitImages, split_images

MOST_PASTED = 400
"""Most pairs of a half into which a place is pasted."""
COVERINGS = 4
"""How many images cover the place of each source."""
MOST_COVERED = 400
"""Most pairs of a half in which a place is covered."""
SHOWN = 3
"""Pairs of a half whose copied pixels are kept, so that they can be shown."""


@dataclass(frozen=True, slots=True)
class SpotTrial:
    """One place, chosen on one half of the images and tested on the other.

    Attributes:
        target_class: the class; None where every image argues for its own.
        half: the half that it was tested on, 0 or 1.
        place: the place.
        windows: for an own place, the top and left of each source's window, by its index.
        pasted: the outcomes of copying it.
        covered: the outcomes of covering it; of a pattern, in the sources alone whose class another one has.
        outside: whether only pixels outside the objects of both images were copied and covered.
        on_objects: by index of a source with objects, the `overlap` of the place and its objects.
        regions: outside the objects, by source and other, the pixels (H, W) that were copied, of a few pairs in which
            the class followed the copy alone, each of another source.
    """

    target_class: int | None
    half: int
    place: Place
    windows: Mapping[int, tuple[int, int]]
    pasted: Outcomes
    covered: Outcomes
    outside: bool
    on_objects: Mapping[int, float]
    regions: Mapping[tuple[int, int], Tensor]


@dataclass(frozen=True, slots=True)
class SpotRow:
    """What was tested of one class.

    Attributes:
        target_class: the class; None for the row in which every image argues for its own.
        sources: how many images are predicted as the class, or have a prediction.
        trials: the places that were tested, at most one at a fixed position and one own window for each half, and as
            many outside the objects.
        passes: forward passes that the row took; the scan of an image counts in the row of its class.
    """

    target_class: int | None
    sources: int
    trials: tuple[SpotTrial, ...]
    passes: int


def spot_tests(
    classifier: Classifier,
    images: Images,
    predicted: Sequence[int | None],
    masks: Mapping[int, Tensor],
    *,
    seed: int = 0,
    digests: Sequence[str] | None = None,
    objects: Mapping[int, Tensor] | None = None,
    rows: Sequence[int | None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    passed: Callable[[int], object] | None = None,
    chunk_size: int | None = None,
) -> Iterator[SpotRow]:
    """Test which small places decide, one row for each class with enough images, and one for all images together.

    Args:
        classifier: the classifier.
        images: as in `find_subsets`.
        predicted: the class that the classifier predicts on each image; None leaves the image out.
        masks: by the index of an image, the mask (H, W) of a subset that argues for its predicted class. Images
            without one can still be copied from at fixed places. Masks are looked up when they are needed.
        seed: of the halves, the pairs and the places of comparison.
        digests: a name for each image, as given to `find_subsets`. Default: SHA-256 of its values; images with NaN are
            then left out.
        objects: by index of an image, where its objects are (H, W). Images whose objects cover a part of the canvas are
            tested once more among themselves, with places of which only what lies outside the objects is moved.
        rows: the classes to test; None in it stands for all images together. Default: the classes
            with enough images, rising, and then None.
        should_stop: asked before every pass; ends the run after the last whole row.
        passed: called with the number of forward passes after each batch.
        chunk_size: images of a pass. Default: as in `find_subsets`.

    Raises:
        ParameterError: as many predictions as images are needed; or a mask or objects belong to no image.
        ImageError, ModelError: as `find_subsets`.
    """
    source = ImageSource(classifier, images, digests)
    objects = dividing(objects or {})
    _check(len(source), predicted, [*masks, *objects])
    names = digests
    if names is None:
        predicted, names = _named(source, predicted)
    split = split_images(predicted, masks, names, seed)
    interventions = Interventions(classifier, source, should_stop=should_stop, passed=passed, chunk_size=chunk_size)
    classifier.prepare()
    classes = split.classes()
    runs = [_Run(EvidenceMaps(interventions, split, frozenset(classes)), objects)]
    if objects:
        restricted = interventions.outside(objects), images_with_objects(split, objects)
        runs.append(_Run(EvidenceMaps(*restricted, frozenset(classes)), objects, outside=True))
    try:
        for target_class in [*classes, None] if rows is None else rows:
            yield _row(runs, target_class)
    except Stopped:
        return


def _check(count: int, predicted: Sequence[int | None], indices: Iterable[int]) -> None:
    if len(predicted) != count:
        raise ParameterError(f"expected {count} predictions, one for each image; got {len(predicted)}")
    if beyond := sorted(index for index in indices if not 0 <= index < count):
        raise ParameterError(f"expected masks and objects of images 0 to {count - 1}; got one of image {beyond[0]}")


def _named(source: ImageSource, predicted: Sequence[int | None]) -> tuple[list[int | None], list[str]]:
    """The predictions without those of images with NaN, and the digest of every image."""
    loaded = (source.load(index) for index in range(len(source)))
    found = [(bool(image.isnan().any()), digest) for image, digest in loaded]
    kept = [None if broken else one for one, (broken, _) in zip(predicted, found, strict=True)]
    return kept, [digest for _, digest in found]


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """The test of all images, or, `outside`, of what lies outside the objects of those that have some."""

    maps: EvidenceMaps
    objects: Mapping[int, Tensor]
    outside: bool = False

    def trials(self, target_class: int | None) -> list[SpotTrial]:
        """The places of a row, tested."""
        interventions, images = self.maps.interventions, self.maps.images
        trials = [
            self._trial(target_class, tested, place)
            for tested in HALVES
            for place in (
                choose_fixed(interventions, images, target_class, 1 - tested),
                choose_own(self.maps, target_class, 1 - tested),
            )
            if place is not None
        ]
        return [trial for trial in trials if trial.pasted.sources]

    def _trial(self, target_class: int | None, half: int, place: Place) -> SpotTrial:
        interventions, images = self.maps.interventions, self.maps.images
        own = place.kind is PlaceKind.OWN
        sources = images.of_class(target_class, half)[: MOST_OWN_SOURCES if own else None]
        places = {index: own_place(place, self.maps.of(index, half)) if own else place for index in sources}
        purpose = f"{target_class} {place.kind}"
        pasted = images.pairs(sources, half, f"pasted {purpose}", most=MOST_PASTED)
        covered = images.donors(sources, half, f"covered {purpose}", each=COVERINGS)[:MOST_COVERED]
        outcomes = _outcomes(interventions, images, places, pasted, PASTE)
        return SpotTrial(
            target_class=target_class,
            half=half,
            place=place,
            windows={index: (one.top, one.left) for index, one in places.items()} if own else {},
            pasted=outcomes,
            covered=_outcomes(interventions, images, places, covered, COVER),
            outside=self.outside,
            on_objects=self._on_objects(places),
            regions=self._regions(places, outcomes) if self.outside else {},
        )

    def _regions(self, places: Mapping[int, Place], outcomes: Outcomes) -> dict[tuple[int, int], Tensor]:
        interventions = self.maps.interventions
        canvas = interventions.canvas[1:]
        shown: dict[int, int] = {}
        for source, other, here, elsewhere in zip(
            outcomes.sources, outcomes.others, outcomes.here, outcomes.elsewhere, strict=True
        ):
            if here and not elsewhere and len(shown) < SHOWN:
                shown.setdefault(source, other)
        composites = [Composite(source, other, places[source].region(canvas)) for source, other in shown.items()]
        return {(one.inside, one.outside): interventions.moved(one) for one in composites}

    def _on_objects(self, places: Mapping[int, Place]) -> dict[int, float]:
        canvas = self.maps.interventions.canvas[1:]
        return {
            index: overlap(self.objects[index], place.region(canvas))
            for index, place in places.items()
            if index in self.objects
        }


def _row(runs: Sequence[_Run], target_class: int | None) -> SpotRow:
    before = sum(_passes(run.maps) for run in runs)
    trials = [trial for run in runs for trial in run.trials(target_class)]
    made = sum(_passes(run.maps) for run in runs) - before
    return SpotRow(
        target_class,
        runs[0].maps.images.count(target_class),
        tuple(trials),
        made + sum(run.maps.passes_in(target_class) for run in runs),
    )


def _passes(maps: EvidenceMaps) -> int:
    """Forward passes so far, without those of scans."""
    return maps.interventions.passes - maps.passes


def _outcomes(
    interventions: Interventions,
    images: SplitImages,
    places: Mapping[int, Place],
    pairs: Sequence[Pair],
    intervention: Intervention,
) -> Outcomes:
    drawn = generator(images.seed, "", f"spot comparison {intervention.name}")
    placed = [(pair, places[pair.source]) for pair in pairs]
    attempts = drawn_attempts(interventions, intervention, placed, images.predicted, drawn)
    left_out = len(pairs) - len(attempts)
    return outcomes_of(interventions, intervention, attempts, images.predicted, left_out=left_out)
