"""The pixel-subsets control: which pixels remain, what they are compared with, and which images are left out."""

import pytest
import torch
from modicum_sis import (
    BackSelect,
    BatchedGradient,
    Classifier,
    GradientMissing,
    MaskOptimization,
    ParameterError,
    pixel_subsets,
    planned_pixel_subset_passes,
)

from tests.sis.sis_models import linear_classifier, network_classifier, ones, random_images

EVIDENCE = torch.arange(40.0).view(5, 8) / 64


def test_the_pixels_with_the_most_evidence_are_removed_last():
    (found,) = pixel_subsets(linear_classifier(EVIDENCE), ones(1, 5, 8), fill="black", search=BatchedGradient(3))

    assert found.mask.flatten().nonzero().flatten().tolist() == [38, 39]  # two of forty
    assert found.target_class == found.predicted_class == 0
    assert found.confidence == pytest.approx(torch.sigmoid(EVIDENCE.flatten()[-2:].sum()).item())


def test_the_curve_goes_from_the_whole_image_to_the_bare_fill():
    (found,) = pixel_subsets(linear_classifier(EVIDENCE), ones(1, 5, 8), fill="black", search=BatchedGradient(3))

    assert found.trace.kept.tolist() == [*range(40, 0, -3), 0]
    assert found.trace.confidences[0] == pytest.approx(torch.sigmoid(EVIDENCE.sum()).item())
    assert found.trace.confidences[-1] == pytest.approx(0.5)


def test_random_pixels_are_equally_many_and_the_same_in_every_run():
    classifier, images = network_classifier(), random_images(6)

    together = list(pixel_subsets(classifier, images, kept_share=0.2, search=BatchedGradient(8)))
    alone = [
        one
        for image in images
        for one in pixel_subsets(classifier, image[None], kept_share=0.2, search=BatchedGradient(8))
    ]

    assert [int(found.mask.sum()) for found in together] == [13] * 6
    assert [found.random_confidence for found in together] == [found.random_confidence for found in alone]
    assert len({found.random_confidence for found in together}) == 6


def test_images_below_any_threshold_are_descended_too():
    images = ones(3, 5, 8) * torch.tensor([0.0, 0.01, 1.0]).view(3, 1, 1, 1)

    found = list(pixel_subsets(linear_classifier(EVIDENCE), images, fill="white", search=BatchedGradient(5)))

    assert [one.index for one in found] == [0, 1, 2]


def test_images_with_nan_scores_are_left_out():
    classifier, images = linear_classifier(EVIDENCE), ones(3, 5, 8)
    images[1, 0, 0, 0] = float("nan")

    found = list(pixel_subsets(classifier, images, search=BatchedGradient(5)))

    assert [one.index for one in found] == [0, 2]


@pytest.mark.parametrize("search", [BatchedGradient(1), MaskOptimization(60)], ids=["descent", "optimiser"])
def test_a_search_that_was_stopped_is_left_out(search):
    asked = iter([False] * 3 + [True] * 99)

    found = pixel_subsets(linear_classifier(EVIDENCE), ones(2, 5, 8), search=search, should_stop=lambda: next(asked))

    assert list(found) == []


@pytest.mark.parametrize("kept_share", [0, 1, -0.1, float("nan")])
def test_an_invalid_share_is_refused(kept_share):
    with pytest.raises(ParameterError, match="kept_share"):
        list(pixel_subsets(linear_classifier(EVIDENCE), ones(1, 5, 8), kept_share=kept_share))


def test_passes_are_within_the_plan():
    for search in (MaskOptimization(50), BatchedGradient(4)):
        for found in pixel_subsets(network_classifier(), random_images(3), search=search):
            assert found.passes.equivalents <= planned_pixel_subset_passes((3, 8, 8), search)


def test_the_optimiser_finds_the_pixels_with_the_most_evidence_and_has_no_curve():
    (found,) = pixel_subsets(linear_classifier(EVIDENCE), ones(1, 5, 8), fill="black", search=MaskOptimization(20))

    assert found.mask.flatten().nonzero().flatten().tolist() == [38, 39]
    assert found.confidence == pytest.approx(torch.sigmoid(EVIDENCE.flatten()[-2:].sum()).item())
    assert found.trace is None


@pytest.mark.long
def test_the_optimiser_of_300_passes_is_the_default_and_argues_better_than_a_descent():
    classifier, images = network_classifier(), random_images(6)

    by_default, descents, named = (
        list(pixel_subsets(classifier, images, **search))
        for search in ({}, {"search": BatchedGradient(1)}, {"search": MaskOptimization(300)})
    )

    assert [torch.equal(one.mask, other.mask) for one, other in zip(by_default, named, strict=True)] == [True] * 6
    assert sum(one.confidence for one in by_default) > sum(one.confidence for one in descents)
    assert {one.passes.equivalents for one in by_default} == {299}  # 98 gradients and 5 single passes


def test_what_the_optimiser_finds_does_not_depend_on_the_images_beside():
    classifier, images = network_classifier(), random_images(4)

    together = list(pixel_subsets(classifier, images, kept_share=0.2, search=MaskOptimization(60)))
    alone = [
        one
        for image in images
        for one in pixel_subsets(classifier, image[None], kept_share=0.2, search=MaskOptimization(60))
    ]

    assert [int(one.mask.sum()) for one in together] == [13] * 4
    assert [one.confidence for one in together] == pytest.approx([one.confidence for one in alone], rel=1e-5)


@pytest.mark.parametrize(
    ("search", "message"),
    [
        pytest.param(MaskOptimization(10), "expected 11 or more for pixel subsets; got 10", id="too few passes"),
        pytest.param(BackSelect(), "expected MaskOptimization or BatchedGradient; got BackSelect", id="another search"),
    ],
)
def test_a_search_that_cannot_choose_a_number_of_pixels_is_refused(search, message):
    with pytest.raises(ParameterError, match=message):
        list(pixel_subsets(linear_classifier(EVIDENCE), ones(1, 5, 8), search=search))


def test_a_model_without_a_gradient_is_refused():
    class Constant(torch.nn.Module):
        def forward(self, images):
            return torch.zeros(len(images), 2)

    with pytest.raises(GradientMissing, match="pixel_subsets needs gradients"):
        list(pixel_subsets(Classifier(Constant()), ones(1, 5, 8)))


def test_no_images_have_no_results():
    assert list(pixel_subsets(linear_classifier(EVIDENCE), ones(0, 5, 8))) == []
