"""`find_subsets`: searches images and yields verified findings. Memory is bounded: only a chunk of images is in work.

Searches and fills are not known by name here. Every number in a finding comes from a plain pass over one image alone,
so a finding does not depend on the other images.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch

from modicum_sis.errors import GradientMissing
from modicum_sis.findings import Finding, Parameters
from modicum_sis.images.fills import Donors, Fills, ready_donors
from modicum_sis.images.source import Images, ImageSource
from modicum_sis.limit import Limit
from modicum_sis.model.chunk_size import default_chunk_size
from modicum_sis.model.classifier import Canvas, Classifier, Inspection
from modicum_sis.numerics.margins import log_odds
from modicum_sis.progress import Meter, Progress
from modicum_sis.run.arguments import check_classes, check_digests, check_functions, check_kinds, whole_targets
from modicum_sis.run.finding_builder import FindingBuilder
from modicum_sis.run.image_pool import ImagePool
from modicum_sis.run.preparation import ImagePreparer
from modicum_sis.run.resume import PreviousFindings, probe_scores
from modicum_sis.scoring.mask_scorer import MaskScorer
from modicum_sis.searches.protocol import FallsBack, Search
from modicum_sis.validation import share, whole_number
from modicum_sis.version import __version__


def find_subsets(
    classifier: Classifier,
    images: Images,
    *,
    threshold: float,
    search: Search,
    fill: str = "mean",
    seed: int = 0,
    targets: Sequence[int] | None = None,
    donors: Images | Donors | None = None,
    digests: Sequence[str] | None = None,
    should_stop: Callable[[], bool] | None = None,
    progress: Callable[[Progress], None] | None = None,
    chunk_size: int | None = None,
    resume: Iterable[Finding] = (),
) -> Iterator[Finding]:
    """Search every image for a small sufficient subset. Findings come in the order of the images.

    Args:
        classifier: the classifier to search.
        images: a float tensor (N, C, H, W) within the classifier's bounds, or a sequence that loads (C, H, W) lazily.
            Arrays (N, H, W, C) or (N, C, H, W) and lists of PIL images are converted: bytes are scaled to the bounds.
        threshold: the confidence that suffices (>=), strictly between 0 and 1.
        search: the search and its budget.
        fill: what stands where the mask is False; one of `modicum_sis.FILLS`.
        seed: with an image's digest, the source of its random numbers.
        targets: the class to argue for, one for each image. The image then need not be eligible. Default: the predicted
            classes.
        donors: for the marginal fill: other images, of which at most 64 are drawn, or a pool from `gather_donors`.
        digests: a name for each image, from which its random numbers are drawn. Default: SHA-256 of its values.
        should_stop: called at every step: a `Limit` or any function. After True, images in work end with their best
            subset.
        progress: called at every step.
        chunk_size: the number of images in work together, and of masked images in one pass. Default: by canvas and
            device.
        resume: findings of an earlier run of the same search, with the same or fewer passes. Images are recognised by
            their digests. Complete findings cost no pass; the others continue, and never end with a larger subset.

    Raises:
        ParameterError: an argument is invalid, or the findings to resume do not fit.
        ImageError: an image has another shape, or values outside the bounds.
        FillUnavailable: the marginal fill has fewer than two donors.
        ModelError: the module failed its inspection. GradientMissing: the search needs a gradient.
    """
    check_kinds(classifier, images, search)
    check_digests(digests)
    check_functions(should_stop=should_stop, progress=progress)
    threshold, seed = share("threshold", threshold), whole_number("seed", seed)
    classes = whole_targets(targets, len(images))
    if chunk_size is not None:
        chunk_size = whole_number("chunk_size", chunk_size, least=1, otherwise=", or None")
    if not len(images):
        return iter(())
    source = ImageSource(classifier, images, digests)
    inspection = classifier.inspect(source.canvas())
    check_classes(classes, inspection.class_count)
    runner = _runner(search, inspection)
    pool = _donor_pool(classifier, donors, fill=fill, seed=seed)
    parameters = _parameters(
        classifier,
        source.canvas(),
        search=search,
        gradient_free=runner is not search,
        threshold=threshold,
        fill=fill,
        seed=seed,
        donors=pool,
        chunk_size=chunk_size,
        digests_given=digests is not None,
    )
    fills = Fills(fill, classifier, seed=seed, donors=pool)
    preparer = ImagePreparer(classifier, source, fills, threshold, classes, PreviousFindings(resume, parameters))
    planned = runner.planned_passes(source.canvas())
    meter = _meter(len(images), planned, should_stop, progress)
    scorer = _scorer(classifier, source, parameters, meter)
    builder = FindingBuilder(classifier, parameters, meter)
    return ImagePool(preparer, scorer, builder, runner, planned=planned).findings(len(images))


def _runner(search: Search, inspection: Inspection) -> Search:
    """The search itself, or the one that replaces it on a module without a gradient."""
    if inspection.has_gradient or not getattr(search, "needs_gradient", False):
        return search
    if not isinstance(search, FallsBack):
        raise GradientMissing(
            f"{type(search).__name__} needs gradients; this module has none, or they are zero. "
            "Search with MaskOptimization, which works without gradients too"
        )
    return search.without_gradient()


def _donor_pool(classifier: Classifier, donors: Images | Donors | None, *, fill: str, seed: int) -> Donors | None:
    if donors is None or fill != "marginal":
        return None
    return ready_donors(classifier, donors, seed=seed)


def _meter(
    count: int, planned: int, should_stop: Callable[[], bool] | None, progress: Callable[[Progress], None] | None
) -> Meter:
    return Meter(
        images_total=count,
        passes_planned=count * planned,
        progress=should_stop.following(progress) if isinstance(should_stop, Limit) else progress,
        should_stop=should_stop,
    )


def _scorer(classifier: Classifier, source: ImageSource, parameters: Parameters, meter: Meter) -> MaskScorer:
    safe_aim = parameters.acceleration.safe_aim
    return MaskScorer(
        classifier,
        source.canvas(),
        rows=min(parameters.chunk_size, len(source)),
        batch_size=parameters.chunk_size,
        meter=meter,
        safe_margin=log_odds(parameters.threshold) + safe_aim if safe_aim else None,
    )


def _parameters(
    classifier: Classifier,
    canvas: Canvas,
    *,
    search: Search,
    gradient_free: bool,
    threshold: float,
    fill: str,
    seed: int,
    donors: Donors | None,
    chunk_size: int | None,
    digests_given: bool,
) -> Parameters:
    return Parameters(
        search=search,
        gradient_free=gradient_free,
        threshold=threshold,
        fill=fill,
        seed=seed,
        donor_digests=donors.digests if donors is not None else (),
        chunk_size=chunk_size or default_chunk_size(canvas, classifier.device),
        dtype=str(classifier.dtype).removeprefix("torch."),
        device=str(classifier.device),
        output_kind=str(classifier.output_kind),
        torch_version=str(torch.__version__),
        library_version=__version__,
        probe_scores=probe_scores(classifier, canvas),
        acceleration=classifier.acceleration(canvas),
        input=classifier.input,
        digests_given=digests_given,
    )
