import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from modicum_sis import (
    BackSelect,
    BatchedGradient,
    CanvasMismatch,
    FillUnavailable,
    MaskOptimization,
    OutOfBounds,
    ParameterError,
    Reason,
    Subset,
    find_subsets,
    log_odds,
)

from tests.sis.sis_models import linear_classifier, network_classifier, ones, random_images, rescored

SEARCHES = {
    "backselect": BackSelect(),
    "backselect by fractions": BackSelect(0.2),
    "batched_gradient": BatchedGradient(),
    "mask_optimization": MaskOptimization(passes=150),
}
each_search = pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
BY_SEVENS = {"batched_gradient by sevens": BatchedGradient(7)}
each_search_and_by_sevens = pytest.mark.parametrize(
    "search", [*SEARCHES.values(), *BY_SEVENS.values()], ids=[*SEARCHES, *BY_SEVENS]
)

# one pixel of 8, two of 2, five of 0.25: 0.9 needs log-odds 2.2, so the 8 alone is the smallest subset
EVIDENCE = torch.tensor([[0.25, 2.0, 0.25, 0.25], [2.0, 8.0, 0.25, 0.25]])


def search_one(classifier, image, search, **options):
    (finding,) = find_subsets(classifier, image, **{"threshold": 0.9, "search": search, **options})
    return finding


@each_search
def test_the_one_decisive_pixel_is_found(search):
    finding = search_one(linear_classifier(EVIDENCE), ones(1, 2, 4), search)

    assert finding.eligible
    assert (finding.predicted_class, finding.target_class, finding.reason) == (0, 0, None)
    assert finding.subset.mask.tolist() == [[False] * 4, [False, True, False, False]]
    assert (finding.subset.size, finding.subset.fraction) == (1, 1 / 8)
    assert finding.verified_confidence == pytest.approx(1 / (1 + math.exp(-8)))
    assert finding.confidence == pytest.approx(1 / (1 + math.exp(-13.25)))


@each_search
def test_a_threshold_that_is_reached_exactly_counts_as_reached(search):
    evidence = torch.tensor([[1.0, 2.0, 4.0]])

    finding = search_one(linear_classifier(evidence), ones(1, 1, 3), search, threshold=1 / (1 + math.exp(-4)))

    assert finding.subset.mask.tolist() == [[False, False, True]]


@each_search
def test_one_pixel_is_enough_if_the_softmax_is_one(search):
    evidence = torch.tensor([[64.0, 32.0, 128.0, 256.0]])

    finding = search_one(linear_classifier(evidence), ones(1, 1, 4), search, threshold=0.999)

    assert finding.confidence == pytest.approx(1.0, abs=1e-12)
    assert finding.subset.size == 1


@pytest.mark.parametrize("search", [BackSelect(), BatchedGradient()], ids=["backselect", "batched_gradient"])
def test_the_weakest_evidence_is_removed_first_even_if_every_confidence_is_one(search):
    finding = search_one(linear_classifier(torch.tensor([[64.0, 32.0, 128.0, 256.0]])), ones(1, 1, 4), search)

    assert finding.trace.order.tolist() == [1, 0, 2, 3]


@each_search
def test_an_image_below_the_threshold_is_counted_and_not_searched(search):
    finding = search_one(linear_classifier(EVIDENCE / 16), ones(1, 2, 4), search)

    assert not finding.eligible
    assert finding.reason is Reason.NOT_ELIGIBLE
    assert finding.subset is None
    assert finding.verified_confidence is None
    assert finding.passes.equivalents == 1


@each_search
def test_a_confident_bare_fill_gives_the_empty_mask(search):
    finding = search_one(linear_classifier(EVIDENCE), ones(1, 2, 4), search, fill="white")

    assert finding.baseline_confident
    assert finding.subset.mask.shape == (2, 4)
    assert finding.subset.size == 0
    assert finding.verified_confidence >= 0.9
    assert finding.passes.equivalents == 2


@each_search
def test_an_image_that_needs_all_its_pixels_keeps_them(search):
    need = log_odds(0.9) / 4 + 0.01

    finding = search_one(linear_classifier(torch.full((2, 2), need)), ones(1, 2, 2), search)

    assert finding.budget_exhausted
    assert finding.subset.fraction == 1.0
    assert finding.verified_confidence == pytest.approx(finding.confidence)
    assert finding.reason is None


@each_search
def test_another_class_is_found_even_if_the_whole_image_argues_against_it(search):
    evidence = torch.tensor([[16.0, 8.0, -4.0], [8.0, 1.0, 1.0]])

    finding = search_one(linear_classifier(evidence), ones(1, 2, 3), search, targets=[1])

    assert (finding.predicted_class, finding.target_class, finding.eligible) == (0, 1, True)
    assert finding.confidence < 0.1
    assert finding.subset.mask.tolist() == [[False, False, True], [False] * 3]


@each_search
def test_a_class_that_no_pixel_supports_is_censored(search):
    finding = search_one(linear_classifier(EVIDENCE), ones(1, 2, 4), search, targets=[1])

    assert finding.subset is None
    assert finding.reason is Reason.NOT_FOUND
    assert not finding.budget_exhausted


@each_search_and_by_sevens
def test_every_subset_of_a_network_is_sufficient_when_scored_alone(search):
    classifier, images = network_classifier(), random_images(6)

    findings = list(find_subsets(classifier, images, threshold=0.7, search=search))

    assert sum(finding.eligible for finding in findings) >= 3
    assert [finding.index for finding in findings] == list(range(6))
    for finding in findings:
        if finding.subset is not None:
            assert rescored(classifier, images, finding, fill=0.5) == pytest.approx(finding.verified_confidence)
            assert finding.verified_confidence >= 0.7


@pytest.mark.long_after(1)
@each_search_and_by_sevens
def test_findings_are_equal_bit_by_bit_for_every_chunk_size(search):
    weights = torch.randint(-8, 9, (4, 4), generator=torch.Generator().manual_seed(3)) / 4
    images = torch.randint(0, 5, (7, 1, 4, 4), generator=torch.Generator().manual_seed(4)) / 4

    runs = [
        list(find_subsets(linear_classifier(weights), images, threshold=0.8, search=search, chunk_size=size))
        for size in (1, 2, 7, 64)
    ]

    assert any(finding.subset is not None for finding in runs[0])
    for run in runs[1:]:
        assert [described(finding) for finding in run] == [described(finding) for finding in runs[0]]


def described(finding):
    mask = None if finding.subset is None else finding.subset.mask.tolist()
    trace = None if finding.trace is None else (finding.trace.order.tolist(), finding.trace.confidences.tolist())
    return finding.digest, finding.confidence, mask, finding.verified_confidence, trace, finding.passes, finding.reason


@given(order=st.permutations(range(4)), search=st.sampled_from(list(SEARCHES.values())[2:]))
def test_a_finding_does_not_depend_on_other_images(order, search):
    weights = torch.tensor([[1.0, -0.5, 2.0], [0.25, 4.0, -1.0]])
    images = torch.randint(0, 5, (4, 1, 2, 3), generator=torch.Generator().manual_seed(9)) / 4
    options = {"threshold": 0.8, "search": search, "fill": "noise"}

    straight = list(find_subsets(linear_classifier(weights), images, **options))
    shuffled = list(find_subsets(linear_classifier(weights), images[list(order)], **options))

    for place, index in enumerate(order):
        assert described(shuffled[place]) == described(straight[index])


@given(thresholds=st.tuples(st.floats(0.5, 0.99), st.floats(0.5, 0.99)))
def test_a_lower_threshold_never_gives_a_larger_subset_of_one_trace(thresholds):
    finding = search_one(linear_classifier(EVIDENCE / 2), ones(1, 2, 4), BatchedGradient(), threshold=0.9)

    low, high = (finding.trace.smallest_subset(threshold) for threshold in sorted(thresholds))

    assert int(low.sum()) <= int(high.sum())


def test_a_trace_starts_with_the_whole_image_and_ends_with_the_bare_fill():
    for search in (BackSelect(), BatchedGradient(3)):
        finding = search_one(linear_classifier(EVIDENCE), ones(1, 2, 4), search)

        assert finding.trace.confidences[0] == pytest.approx(finding.confidence)
        assert finding.trace.confidences[-1] == pytest.approx(finding.baseline_confidence) == 0.5
        assert len(finding.trace.confidences) == len(finding.trace.kept)
        assert sorted(finding.trace.order.tolist()) == list(range(8))


@pytest.mark.long
def test_mask_optimization_comes_within_a_tenth_of_backselect_at_a_third_of_its_passes():
    classifier, images = network_classifier(2), random_images(16, seed=5)

    sizes = {
        name: [f.subset.size for f in find_subsets(classifier, images, threshold=0.8, search=search) if f.eligible]
        for name, search in {"exact": BackSelect(), "ours": MaskOptimization(passes=600)}.items()
    }

    assert len(sizes["ours"]) >= 4
    assert sum(sizes["ours"]) <= 1.1 * sum(sizes["exact"])


@pytest.mark.long
def test_mask_optimization_beats_the_batched_gradient_at_equal_passes():
    classifier, images = network_classifier(2), random_images(16, seed=5)
    gradient = BatchedGradient()
    passes = gradient.planned_passes((3, 8, 8))

    sizes = [
        sum(f.subset.size for f in find_subsets(classifier, images, threshold=0.8, search=search) if f.eligible)
        for search in (MaskOptimization(passes), gradient)
    ]

    assert 0 < sizes[0] < sizes[1]


def test_images_are_loaded_on_demand():
    loaded = []

    class Lazy:
        def __len__(self):
            return 6

        def __getitem__(self, index):
            loaded.append(index)
            return ones(1, 2, 4)[0]

    findings = find_subsets(linear_classifier(EVIDENCE), Lazy(), threshold=0.9, search=BatchedGradient(), chunk_size=2)
    next(findings)

    assert set(loaded) == {0, 1}
    assert len(list(findings)) == 5


@each_search
def test_a_stop_ends_images_in_work_with_their_verified_subset(search):
    asked = []

    def should_stop():
        asked.append(True)
        return len(asked) > 4

    findings = list(
        find_subsets(
            network_classifier(), random_images(6), threshold=0.6, search=search, chunk_size=3, should_stop=should_stop
        )
    )

    searched = [f for f in findings if f.eligible and not f.baseline_confident]
    assert len(findings) < 6
    assert searched
    for finding in searched:
        assert finding.reason is Reason.STOPPED
        assert finding.subset is None or finding.verified_confidence >= 0.6


def test_progress_is_reported_at_every_step_and_ends_at_its_plan():
    told = []

    findings = list(
        find_subsets(
            network_classifier(), random_images(5), threshold=0.6, search=BatchedGradient(4), progress=told.append
        )
    )

    assert len(told) > 16
    assert [p.passes_done for p in told] == sorted(p.passes_done for p in told)
    last = told[-1]
    assert (last.images_done, last.images_total) == (5, 5)
    assert last.passes_done == last.passes_planned == sum(f.passes.equivalents for f in findings)
    fractions = [f.subset.fraction for f in findings if f.subset is not None]
    assert last.mean_fraction == pytest.approx(sum(fractions) / len(fractions))


def test_an_image_that_is_not_finite_gives_a_finding_with_a_reason():
    images = ones(3, 2, 4)
    images[1, 0, 0, 0] = torch.nan

    findings = list(find_subsets(linear_classifier(EVIDENCE), images, threshold=0.9, search=BatchedGradient()))

    assert [finding.reason for finding in findings] == [None, Reason.NOT_FINITE, None]
    assert findings[1].passes.equivalents == 0  # modules need not handle NaN


REFUSED = {
    "no threshold": ({"threshold": 1.0}, ParameterError, "strictly between"),
    "a target too many": ({"targets": [0, 0]}, ParameterError, "one for each image"),
    "a target beyond the classes": ({"targets": [2]}, ParameterError, "between 0 and 1"),
    "no chunk": ({"chunk_size": 0}, ParameterError, "chunk_size"),
    "an unknown fill": ({"fill": "grey"}, ParameterError, "mean, black"),
    "no donors": ({"fill": "marginal"}, FillUnavailable, "donors="),
    "one donor": ({"fill": "marginal", "donors": ones(1, 2, 4)}, FillUnavailable, "at least 2"),
    "no digest": ({"digests": []}, ParameterError, "one for each image"),
}


@pytest.mark.parametrize(("options", "error", "says"), REFUSED.values(), ids=REFUSED)
def test_arguments_that_do_not_fit_are_refused_before_any_search(options, error, says):
    with pytest.raises(error, match=says):
        find_subsets(
            linear_classifier(EVIDENCE), ones(1, 2, 4), **{"threshold": 0.9, "search": BatchedGradient(), **options}
        )


def test_images_outside_the_bounds_or_of_another_shape_are_refused():
    classifier, search = linear_classifier(EVIDENCE), BatchedGradient()

    with pytest.raises(OutOfBounds, match="range from 255 to 255"):
        list(find_subsets(classifier, ones(1, 2, 4) * 255, threshold=0.9, search=search))
    with pytest.raises(CanvasMismatch, match="image 1"):
        list(find_subsets(classifier, [ones(1, 2, 4)[0], ones(1, 4, 2)[0]], threshold=0.9, search=search))
    with pytest.raises(CanvasMismatch, match="int64"):
        list(find_subsets(classifier, ones(1, 2, 4).long(), threshold=0.9, search=search))


def test_the_parameters_of_a_finding_are_recorded():
    search = MaskOptimization(passes=60)

    recorded = search_one(linear_classifier(EVIDENCE), ones(1, 2, 4), search, seed=7, fill="blur").parameters

    assert (recorded.search, recorded.threshold, recorded.fill, recorded.seed) == (search, 0.9, "blur", 7)
    assert (recorded.dtype, recorded.device, recorded.output_kind) == ("float32", "cpu", "logits")


def test_global_random_state_is_not_changed():
    classifier = network_classifier()
    before = torch.get_rng_state()

    list(find_subsets(classifier, random_images(2), threshold=0.6, search=MaskOptimization(60), fill="noise"))

    assert torch.equal(torch.get_rng_state(), before)


def test_a_subset_shows_its_size():
    subset = Subset(torch.eye(4, dtype=torch.bool))

    assert subset.fraction == 0.25
    assert repr(subset) == "Subset(4 of 16 pixels)"
