"""Searches by forward passes alone, for models without a useful gradient."""

import pytest
import torch
from modicum_sis import (
    BatchedGradient,
    Classifier,
    GradientFree,
    GradientMissing,
    MaskOptimization,
    ParameterError,
    Reason,
    find_subsets,
    load_findings,
    save_findings,
)

from tests.sis.sis_models import LinearScores, network_classifier, ones, random_images, rescored, two_classes

BUDGETS = (10, 50, 150, 600)


class Steps(LinearScores):
    """A step function of each pixel. It has no gradient anywhere."""

    def forward(self, images):
        return super().forward((images > 0.5).float())


def stepped(evidence):
    """A classifier whose margin for class 0 is the sum of `evidence` over the kept pixels of ones."""
    return Classifier(Steps(two_classes(evidence)), (0, 1), 0.0, 1.0)


def two_hot(height=8, width=8):
    """Evidence of 2 at two pixels, -1/16 at another, 0 elsewhere: a margin of 2.2 needs both."""
    evidence = torch.zeros(height, width)
    evidence[2, 3] = evidence[5, 6] = 2
    evidence[0, 0] = -1 / 16
    return evidence


def found(classifier, images, **options):
    return list(find_subsets(classifier, images, threshold=options.pop("threshold", 0.9), **options))


@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 13), (8, 40), (33, 21)])
def test_mask_optimization_finds_the_one_smallest_subset_of_a_step_function(height, width):
    (finding,) = found(stepped(two_hot(height, width)), ones(1, height, width), search=MaskOptimization(passes=600))

    assert finding.subset.mask.nonzero().tolist() == [[2, 3], [5, 6]]
    assert finding.passes.backward == 0


def test_a_search_without_a_gradient_is_recorded_beside_the_requested_search():
    search = MaskOptimization(passes=50)

    (without,) = found(stepped(two_hot()), ones(1, 8, 8), search=search)
    (with_gradient,) = found(Classifier(LinearScores(two_classes(two_hot()))), ones(1, 8, 8), search=search)

    assert (without.parameters.search, without.parameters.gradient_free) == (search, True)
    assert not with_gradient.parameters.gradient_free
    assert with_gradient.passes.backward > 0


@pytest.mark.long_after(1)
@pytest.mark.parametrize("passes", BUDGETS)
def test_no_image_costs_more_forward_passes_than_its_budget(passes):
    classifier, images = network_classifier(2), random_images(12, side=16, seed=5)

    findings = found(classifier, images, threshold=0.6, search=GradientFree(passes=passes))

    assert any(finding.eligible for finding in findings)
    assert all(finding.passes.equivalents <= passes for finding in findings)
    assert not any(finding.passes.backward for finding in findings)


@pytest.mark.long_after(1)
@pytest.mark.parametrize("passes", BUDGETS)
def test_every_subset_is_sufficient_when_scored_again(passes):
    classifier, images = network_classifier(2), random_images(12, side=16, seed=5)

    findings = found(classifier, images, threshold=0.6, search=GradientFree(passes=passes))

    eligible = [finding for finding in findings if finding.eligible]
    for finding in eligible:
        assert rescored(classifier, images, finding, classifier.fill_mean) >= 0.6
    assert any(0 < finding.subset.fraction < 1 for finding in eligible)


@pytest.mark.long
def test_more_passes_find_smaller_subsets():
    classifier, images = network_classifier(2), random_images(12, side=16, seed=5)

    sizes = [
        sum(one.subset.size for one in found(classifier, images, threshold=0.6, search=GradientFree(n)) if one.eligible)
        for n in BUDGETS
    ]

    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < sizes[0] / 4


@pytest.mark.parametrize("chunk_size", [1, 2, 3, 7])
@pytest.mark.long
def test_a_finding_without_gradients_does_not_depend_on_other_images(chunk_size):
    evidence = torch.randint(-4, 9, (8, 8), generator=torch.Generator().manual_seed(3)) / 4
    classifier, images = stepped(evidence), (torch.rand(7, 1, 8, 8, generator=torch.Generator().manual_seed(1)) > 0.2)
    options = {"search": MaskOptimization(passes=150), "seed": 4}

    together = found(classifier, images.float(), chunk_size=chunk_size, **options)
    alone = [found(classifier, image.unsqueeze(0).float(), **options)[0] for image in images]

    assert all(one.subset is not None for one in alone)
    for one, other in zip(together, alone, strict=True):
        assert torch.equal(one.subset.mask, other.subset.mask)
        assert one.passes == other.passes


@pytest.mark.long
def test_the_seed_decides_which_pixels_are_tried():
    classifier, images = network_classifier(2), random_images(12, side=16, seed=5)

    masks = [
        [
            one.subset.mask
            for one in found(classifier, images, threshold=0.6, search=GradientFree(50), seed=seed)
            if one.eligible
        ]
        for seed in (0, 0, 1)
    ]

    assert all(map(torch.equal, masks[0], masks[1]))
    assert not all(map(torch.equal, masks[0], masks[2]))


def test_another_class_is_found_among_the_pixels_that_support_it():
    evidence = torch.full((8, 8), 0.25)
    evidence[3:5, 1:7] = -1.0

    (finding,) = found(stepped(evidence), ones(1, 8, 8), targets=[1], search=MaskOptimization(passes=150))

    assert finding.predicted_class == 0
    assert finding.subset.size == 3
    assert bool(finding.subset.mask[3:5, 1:7].sum() == 3)


def test_another_class_that_no_pixel_supports_is_not_found():
    (finding,) = found(stepped(two_hot().abs()), ones(1, 8, 8), targets=[1], search=MaskOptimization(passes=150))

    assert finding.subset is None
    assert finding.reason is Reason.NOT_FOUND
    assert finding.passes.equivalents <= 150


def test_an_image_that_needs_every_pixel_keeps_them_all():
    evidence = torch.full((8, 8), 141 / 4096)

    (finding,) = found(stepped(evidence), ones(1, 8, 8), search=MaskOptimization(passes=150))

    assert finding.subset.fraction == 1
    assert finding.budget_exhausted


def test_a_stopped_search_ends_with_the_best_so_far():
    asked = iter([False] * 40 + [True] * 1000)

    (finding,) = found(
        stepped(two_hot()),
        ones(1, 8, 8),
        search=MaskOptimization(passes=600),
        should_stop=lambda: next(asked),
    )

    assert finding.reason is Reason.STOPPED
    assert 2 <= finding.subset.size < 64
    assert finding.passes.equivalents < 600


def test_a_run_resumed_with_more_passes_continues_from_its_subsets(tmp_path):
    classifier, images = stepped(two_hot(16, 16)), ones(1, 16, 16)
    (first,) = found(classifier, images, search=MaskOptimization(passes=24))
    save_findings(tmp_path / "findings.npz", [first])

    (second,) = found(
        classifier, images, search=MaskOptimization(passes=40), resume=load_findings(tmp_path / "findings.npz")
    )

    assert second.parameters.gradient_free
    assert second.subset.size < first.subset.size  # 16 passes from the whole image reach less than the first result
    assert first.passes.equivalents < second.passes.equivalents <= 40


def test_the_papers_search_refuses_a_model_without_a_gradient_and_names_another_search():
    with pytest.raises(GradientMissing, match="MaskOptimization"):
        found(stepped(two_hot()), ones(1, 8, 8), search=BatchedGradient())


def test_a_budget_too_small_for_a_search_is_refused():
    with pytest.raises(ParameterError, match="at least 5; got 4"):
        GradientFree(passes=4)


class Certain(torch.nn.Module):
    """Probabilities of 0 and 1: class 0 while two pixels are lit, class 1 otherwise."""

    def forward(self, images):
        lit = (images[:, 0, 2, 3] > 0.5) & (images[:, 0, 5, 6] > 0.5)
        return torch.stack([lit, ~lit], dim=1).float()


def test_probabilities_of_exactly_0_and_1_have_infinite_margins_and_are_searched():
    (finding,) = found(Classifier(Certain(), output="probabilities"), ones(1, 16, 16), search=GradientFree(passes=600))

    assert finding.subset.mask.nonzero().tolist() == [[2, 3], [5, 6]]
