import pytest
import torch
from modicum_sis import (
    BatchedGradient,
    CanvasMismatch,
    Classifier,
    MaskOptimization,
    ParameterError,
    class_targeted,
    dilated,
    find_subsets,
    gather_donors,
    mask_only,
    other_class,
    other_fills,
    random_same_size,
)

from tests.sis.sis_models import linear_classifier, network_classifier, ones, random_images, random_network

EVIDENCE = torch.tensor([[-2.0, -4.0, -2.0], [-2.0, 8.0, 0.5], [0.0, 0.0, 0.25]])


@pytest.fixture
def classifier():
    return linear_classifier(EVIDENCE)


@pytest.fixture
def image():
    image = ones(1, 3, 3)
    image[0, 0, 0] = 0.5
    return image


@pytest.fixture
def findings(classifier, image):
    found = list(find_subsets(classifier, image, threshold=0.9, search=BatchedGradient(), fill="black"))
    assert found[0].subset.mask.nonzero().tolist() == [[1, 1]]
    return found


def test_a_random_other_class_is_never_the_target_and_every_other_is_drawn():
    (finding,) = find_subsets(network_classifier(), random_images(1), threshold=0.3, search=BatchedGradient(16))

    drawn = [other_class(finding, 4, seed=seed) for seed in range(60)]

    assert set(drawn) == set(range(4)) - {finding.target_class}
    assert drawn == [other_class(finding, 4, seed=seed) for seed in range(60)]


def test_the_same_search_runs_for_another_class_of_the_same_images():
    classifier, images, search = network_classifier(), random_images(8), MaskOptimization(passes=90)
    findings = list(find_subsets(classifier, images, threshold=0.6, search=search))
    eligible = [finding for finding in findings if finding.eligible and not finding.baseline_confident]

    others = list(class_targeted(classifier, images, findings, threshold=0.6, search=search))

    assert 0 < len(eligible) < len(images)
    assert [other.index for other in others] == [finding.index for finding in eligible]
    for own, other in zip(eligible, others, strict=True):
        assert other.finding.digest == own.digest
        assert other.finding.index == own.index
        assert other.finding.target_class == other_class(own, 4, seed=0)
        if other.found and own.subset.size:
            assert other.size_ratio == other.finding.subset.size / own.subset.size
    assert any(other.found for other in others)


def test_a_class_without_evidence_is_not_found_and_has_no_ratio():
    classifier, image = linear_classifier(torch.full((2, 2), 4.0)), ones(1, 2, 2)
    findings = list(find_subsets(classifier, image, threshold=0.9, search=BatchedGradient()))

    (other,) = class_targeted(classifier, image, findings, threshold=0.9, search=BatchedGradient())

    assert not other.found
    assert other.size_ratio is None


def test_a_subset_is_scored_again_under_the_other_fills(classifier, image, findings):
    scores = {score.variant: score for score in other_fills(classifier, image, findings)}

    assert set(scores) == {"mean", "white", "noise", "blur"}
    assert scores["mean"].confidence == pytest.approx(findings[0].verified_confidence)
    assert scores["mean"].sufficient
    white = torch.sigmoid(EVIDENCE.sum().double())
    assert scores["white"].confidence == pytest.approx(float(white))
    assert not scores["white"].sufficient


def test_a_fill_without_enough_donors_is_reported(classifier, image, findings):
    donors = torch.cat([image, image])

    (score,) = other_fills(classifier, image, findings, fills=["marginal"], donors=donors)

    assert (score.confidence, score.reason) == (None, "FILL_UNAVAILABLE")


def test_a_gathered_donor_pool_serves_every_call_without_more_passes(image, classifier, findings):
    module, donors = classifier._module, torch.stack([image[0] / 2, image[0] / 4, image[0] * 0, image[0] * 0])
    donors[2:, 0, 0, 0] = 1  # the margin of these is -2: class 1
    names = ["half", "quarter", "first", "second"]
    pool = gather_donors(classifier, donors, digests=names)
    calls = len(module.calls)

    again = [next(other_fills(classifier, image, findings, fills=["marginal"], donors=pool)) for _ in range(3)]

    assert sorted(pool.digests) == sorted(names)
    assert len(module.calls) == calls + 3
    assert again[0] == again[1] == again[2]
    assert again[0].confidence == pytest.approx(float(torch.sigmoid(torch.tensor(8.0 - 2.0).double())))


def test_a_donor_pool_and_its_images_give_the_same_findings():
    classifier, images, donors = network_classifier(), random_images(4), random_images(6, seed=1)
    options = {"threshold": 0.5, "search": BatchedGradient(8), "fill": "marginal", "seed": 3}

    runs = [
        list(find_subsets(classifier, images, donors=given, **options))
        for given in (donors, gather_donors(classifier, donors, seed=3))
    ]

    assert any(finding.subset is not None for finding in runs[0])
    assert len(runs[0][0].parameters.donor_digests) == 6
    for one, other in zip(*runs, strict=True):
        assert (one.parameters, one.confidence, one.passes) == (other.parameters, other.confidence, other.passes)
        assert (one.subset is None) == (other.subset is None)
        assert one.subset is None or torch.equal(one.subset.mask, other.subset.mask)


def test_a_control_gives_the_same_results_in_chunks():
    classifier, images, search = network_classifier(), random_images(8), MaskOptimization(passes=60)
    findings = list(find_subsets(classifier, images, threshold=0.6, search=search))
    options = {"threshold": 0.6, "search": search, "chunk_size": 1}

    whole = list(class_targeted(classifier, images, findings, **options))
    parts = [
        other
        for start in range(0, 8, 3)
        for other in class_targeted(classifier, images, findings[start : start + 3], **options)
    ]

    assert len(whole) > 3
    assert [(o.index, o.finding.target_class, o.size_ratio) for o in parts] == [
        (o.index, o.finding.target_class, o.size_ratio) for o in whole
    ]


def test_a_subset_for_a_given_class_is_controlled_even_if_its_image_is_not_eligible(classifier):
    image = torch.zeros(1, 1, 3, 3)
    image[0, 0, 0, 1], image[0, 0, 1, 1] = 1, 0.625  # margins -4 and 5: together 1, no class reaches 0.9
    (finding,) = find_subsets(classifier, image, threshold=0.9, search=BatchedGradient(), fill="black", targets=[0])

    scores = list(other_fills(classifier, image, [finding]))

    assert not finding.eligible
    assert finding.subset.mask.nonzero().tolist()[-1] == [1, 1]
    assert {score.variant for score in scores} == {"mean", "white", "noise", "blur"}


def test_neighbouring_pixels_can_destroy_a_subset(classifier, image, findings):
    (score,) = dilated(classifier, image, findings)

    assert score.confidence == pytest.approx(float(torch.sigmoid((EVIDENCE * image[0, 0]).sum().double())))


def test_the_bare_shape_is_painted_on_the_mean(classifier, image, findings):
    white, black = mask_only(classifier, image, findings)

    assert (white.variant, black.variant) == ("white_on_mean", "black_on_mean")
    assert white.confidence == pytest.approx(float(torch.sigmoid(torch.tensor(8.0))))
    assert black.confidence == 0.5


def test_equally_many_random_pixels_are_drawn_by_seed(classifier, image, findings):
    scores = [next(random_same_size(classifier, image, findings, seed=seed)) for seed in [*range(30), 0]]

    single = {round(float(torch.sigmoid(value)), 6) for value in (EVIDENCE * image[0, 0]).double().flatten()}
    assert {round(score.confidence, 6) for score in scores} <= single
    assert len({score.confidence for score in scores}) > 3
    assert scores[0] == scores[-1]


def test_findings_without_evidence_are_skipped(classifier):
    findings = list(find_subsets(classifier, ones(1, 3, 3) * 0, threshold=0.9, search=BatchedGradient()))

    assert not list(other_fills(classifier, ones(1, 3, 3), findings))
    assert not list(class_targeted(classifier, ones(1, 3, 3), findings, threshold=0.9, search=BatchedGradient()))


@pytest.mark.long
def test_mask_optimization_finds_another_class_among_small_masks():
    classifier = Classifier(random_network(seed=0), bounds=(0, 1), mean=0.5)
    images = torch.rand(12, 1, 24, 24, generator=torch.Generator().manual_seed(9))
    search = MaskOptimization(passes=120)
    findings = list(find_subsets(classifier, images, threshold=0.9, search=search))

    others = list(class_targeted(classifier, images, findings, threshold=0.9, search=search))

    assert len(others) >= 8
    assert sum(other.found for other in others) >= 0.9 * len(others)


CONTROLS = {
    "class_targeted": lambda *given: class_targeted(*given, threshold=0.6, search=MaskOptimization(40)),
    "other_fills": other_fills,
    "dilated": dilated,
    "mask_only": mask_only,
    "random_same_size": random_same_size,
}
each_control = pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS)


def network_findings(images, **options):
    found = list(find_subsets(network_classifier(), images, threshold=0.6, search=MaskOptimization(40), **options))
    assert any(finding.subset is not None and not finding.baseline_confident for finding in found)
    return found


@pytest.mark.long_after(2)
@each_control
def test_images_that_are_not_those_of_the_findings_are_refused(control):
    images = random_images(8)
    findings = network_findings(images)

    with pytest.raises(ParameterError, match=r"but its finding has .* in the same order"):
        list(control(network_classifier(), images.flip(0), findings))


@each_control
def test_fewer_images_than_the_findings_refer_to_are_refused(control):
    findings = network_findings(random_images(8))[-4:]
    assert any(finding.subset is not None and not finding.baseline_confident for finding in findings)

    with pytest.raises(ParameterError, match="got only 4 images"):
        list(control(network_classifier(), random_images(4), findings))


@pytest.mark.long_after(2)
@each_control
def test_images_of_another_shape_than_the_subsets_are_refused(control):
    findings = network_findings(random_images(8), digests=[f"image {index}" for index in range(8)])

    with pytest.raises(CanvasMismatch, match=r"shape \(8, 8\); got \(3, 6, 6\)"):
        list(control(network_classifier(), random_images(8, side=6), findings))


@pytest.mark.long_after(2)
@each_control
def test_images_named_by_the_caller_are_not_compared_by_value(control):
    images = random_images(8)
    findings = network_findings(images, digests=[f"image {index}" for index in range(8)])

    assert list(control(network_classifier(), images, findings))
