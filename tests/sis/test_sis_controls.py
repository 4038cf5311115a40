import pytest
import torch
from modicum_sis import (
    BatchedGradient,
    Classifier,
    MaskOptimization,
    class_targeted,
    dilated,
    find_subsets,
    mask_only,
    other_class,
    other_fills,
    random_same_size,
)
from sis_models import linear_classifier, network_classifier, ones, random_images, random_network

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


def test_the_same_search_argues_for_another_class_of_the_same_images():
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


def test_a_fill_without_enough_donors_is_said(classifier, image, findings):
    donors = torch.cat([image, image])

    (score,) = other_fills(classifier, image, findings, fills=["marginal"], donors=donors)

    assert (score.confidence, score.reason) == (None, "FILL_UNAVAILABLE")


def test_neighbouring_pixels_can_destroy_a_subset(classifier, image, findings):
    (score,) = dilated(classifier, image, findings)

    assert score.confidence == pytest.approx(float(torch.sigmoid((EVIDENCE * image[0, 0]).sum().double())))


def test_the_bare_shape_is_painted_on_the_mean(classifier, image, findings):
    white, black = mask_only(classifier, image, findings)

    assert (white.variant, black.variant) == ("white_on_mean", "black_on_mean")
    assert white.confidence == pytest.approx(float(torch.sigmoid(torch.tensor(8.0))))
    assert black.confidence == 0.5


def test_random_pixels_of_the_same_number_are_drawn_by_seed(classifier, image, findings):
    scores = [next(random_same_size(classifier, image, findings, seed=seed)) for seed in [*range(30), 0]]

    single = {round(float(torch.sigmoid(value)), 6) for value in (EVIDENCE * image[0, 0]).double().flatten()}
    assert {round(score.confidence, 6) for score in scores} <= single
    assert len({score.confidence for score in scores}) > 3
    assert scores[0] == scores[-1]


def test_findings_without_evidence_are_passed_over(classifier):
    findings = list(find_subsets(classifier, ones(1, 3, 3) * 0, threshold=0.9, search=BatchedGradient()))

    assert not list(other_fills(classifier, ones(1, 3, 3), findings))
    assert not list(class_targeted(classifier, ones(1, 3, 3), findings, threshold=0.9, search=BatchedGradient()))


def test_mask_optimization_finds_another_class_among_small_masks_where_large_ones_bring_the_predicted_back():
    classifier = Classifier(random_network(seed=0), bounds=(0, 1), mean=0.5)
    images = torch.rand(12, 1, 24, 24, generator=torch.Generator().manual_seed(9))
    search = MaskOptimization(passes=120)
    findings = list(find_subsets(classifier, images, threshold=0.9, search=search))

    others = list(class_targeted(classifier, images, findings, threshold=0.9, search=search))

    assert len(others) >= 8
    assert sum(other.found for other in others) >= 0.9 * len(others)
