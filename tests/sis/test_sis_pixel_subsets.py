"""The pixel-subsets control: which pixels remain, what they are compared with, and which images are left out."""

import pytest
import torch
from modicum_sis import ParameterError, pixel_subsets, planned_pixel_subset_passes

from tests.sis.sis_models import linear_classifier, network_classifier, ones, random_images

EVIDENCE = torch.arange(40.0).view(5, 8) / 64


def test_the_pixels_with_the_most_evidence_are_removed_last():
    (found,) = pixel_subsets(linear_classifier(EVIDENCE), ones(1, 5, 8), fill="black", pixels_per_step=3)

    assert found.mask.flatten().nonzero().flatten().tolist() == [38, 39]  # two of forty
    assert found.target_class == found.predicted_class == 0
    assert found.confidence == pytest.approx(torch.sigmoid(EVIDENCE.flatten()[-2:].sum()).item())


def test_the_curve_goes_from_the_whole_image_to_the_bare_fill():
    (found,) = pixel_subsets(linear_classifier(EVIDENCE), ones(1, 5, 8), fill="black", pixels_per_step=3)

    assert found.trace.kept.tolist() == [*range(40, 0, -3), 0]
    assert found.trace.confidences[0] == pytest.approx(torch.sigmoid(EVIDENCE.sum()).item())
    assert found.trace.confidences[-1] == pytest.approx(0.5)


def test_random_pixels_are_equally_many_and_the_same_in_every_run():
    classifier, images = network_classifier(), random_images(6)

    together = list(pixel_subsets(classifier, images, kept_share=0.2, pixels_per_step=8))
    alone = [
        one for image in images for one in pixel_subsets(classifier, image[None], kept_share=0.2, pixels_per_step=8)
    ]

    assert [int(found.mask.sum()) for found in together] == [13] * 6
    assert [found.random_confidence for found in together] == [found.random_confidence for found in alone]
    assert len({found.random_confidence for found in together}) == 6


def test_images_below_any_threshold_are_descended_too():
    images = ones(3, 5, 8) * torch.tensor([0.0, 0.01, 1.0]).view(3, 1, 1, 1)

    found = list(pixel_subsets(linear_classifier(EVIDENCE), images, fill="white", pixels_per_step=5))

    assert [one.index for one in found] == [0, 1, 2]


def test_images_with_nan_scores_are_left_out():
    classifier, images = linear_classifier(EVIDENCE), ones(3, 5, 8)
    images[1, 0, 0, 0] = float("nan")

    found = list(pixel_subsets(classifier, images, pixels_per_step=5))

    assert [one.index for one in found] == [0, 2]


def test_a_descent_that_was_stopped_is_left_out():
    asked = iter([False] * 3 + [True] * 99)

    found = pixel_subsets(
        linear_classifier(EVIDENCE), ones(2, 5, 8), pixels_per_step=1, should_stop=lambda: next(asked)
    )

    assert list(found) == []


@pytest.mark.parametrize("kept_share", [0, 1, -0.1, float("nan")])
def test_an_invalid_share_is_refused(kept_share):
    with pytest.raises(ParameterError, match="kept_share"):
        list(pixel_subsets(linear_classifier(EVIDENCE), ones(1, 5, 8), kept_share=kept_share))


def test_passes_are_within_the_plan():
    for found in pixel_subsets(network_classifier(), random_images(3), pixels_per_step=4):
        assert found.passes.equivalents <= planned_pixel_subset_passes((3, 8, 8), 4)
