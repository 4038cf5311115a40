"""The fill_robust control: forced pixels, independent verification, few donors, budgets, determinism."""

from importlib import import_module

import pytest
import torch
from modicum_sis import (
    Classifier,
    GradientMissing,
    Limit,
    MaskOptimization,
    ParameterError,
    fill_robust,
    find_subsets,
    gather_donors,
)
from modicum_sis.controls.donor_split import DonorSplit, ImageDonors

from tests.sis.sis_models import (
    FunctionScores,
    LinearScores,
    PairedScores,
    linear_classifier,
    ones,
    random_images,
    two_classes,
)

SIDE = 6
FORCED = ((0, 0), (2, 3), (5, 5))


def forced_evidence():
    """Three pixels carry the class; all others argue weakly against it, at any value."""
    evidence = torch.full((SIDE, SIDE), -1 / 64)
    for row, column in FORCED:
        evidence[row, column] = 2.0
    return evidence


def dark_donors(count, seed=0):
    """Noise donors that are black at the forced pixels, and therefore of class 1."""
    donors = random_images(count, side=SIDE, seed=seed)[:, :1].round(decimals=1)
    for row, column in FORCED:
        donors[:, :, row, column] = 0
    return donors


def findings_of(classifier, images, threshold=0.99):
    return list(find_subsets(classifier, images, threshold=threshold, search=MaskOptimization(60)))


def kept(result):
    return [tuple(pixel) for pixel in result.subset.mask.nonzero().tolist()]


def test_exactly_the_pixels_that_every_donor_requires_are_found():
    classifier, image = linear_classifier(forced_evidence()), ones(1, SIDE, SIDE)

    (result,) = fill_robust(classifier, image, findings_of(classifier, image), donors=dark_donors(40), passes=300)

    assert kept(result) == sorted(FORCED)
    assert (result.verifying_donors, result.sufficient_donors) == (20, 20)
    assert not result.budget_exhausted
    assert result.reason is None


def test_a_pixel_that_the_mean_fill_reveals_is_needed_if_donors_lack_it():
    evidence = torch.zeros(SIDE, SIDE)
    evidence[1, 1], evidence[4, 4], evidence[2, 2] = 4.0, 2.0, -0.5
    module, image = LinearScores(two_classes(evidence)), ones(1, SIDE, SIDE)
    classifier = Classifier(module, bounds=(0, 1), mean=0.0, std=1.0, fill_mean=0.5)  # shows half of each pixel
    donors = torch.zeros(40, 1, SIDE, SIDE)
    donors[:, 0, 2, 2] = 1 - torch.arange(40) / 64
    own = findings_of(classifier, image)

    (result,) = fill_robust(classifier, image, own, donors=donors, passes=300)

    assert own[0].subset.size == 1
    assert kept(result) == [(1, 1), (4, 4)]
    assert result.size_ratio == 2


def test_a_mask_that_suffices_only_with_the_searching_donors_is_not_returned(monkeypatch):
    evidence, image = forced_evidence(), ones(1, SIDE, SIDE)
    evidence[3, 1] = 20.0  # a donor that shows this pixel makes every mask sufficient
    classifier = linear_classifier(evidence)
    image[0, 0, 3, 1] = 0
    findings, donors = findings_of(classifier, image), dark_donors(40)
    donors[:, :, 3, 1] = 0
    split = DonorSplit(gather_donors(classifier, donors), seed=0)
    donors = split.for_image(image[0], findings[0].digest, 0)
    split.donors.images[list(donors.searching), 0, 3, 1] = 1
    monkeypatch.setattr(import_module("modicum_sis.controls.fill_robust"), "_split", lambda *_, **__: split)

    (result,) = fill_robust(classifier, image, findings, donors=split.donors, passes=300)

    assert set(FORCED) <= set(kept(result))
    for place in donors.verifying:
        painted = torch.where(result.subset.mask, image[0], split.donors.images[place])
        assert float(torch.sigmoid((painted[0] * evidence).sum())) >= 0.99


def test_an_ascent_reaches_at_most_three_quarters_of_the_pixels():
    module = KeptPixels(two_classes(torch.full((SIDE, SIDE), 1 / 4)))  # at 0.99 nearly all are needed
    classifier, image = Classifier(module, bounds=(0, 1), mean=0.0, std=1.0), ones(1, SIDE, SIDE)
    findings = findings_of(classifier, image)
    donors = torch.arange(40).view(40, 1, 1, 1).expand(40, 1, SIDE, SIDE) / 1024
    followed = classifier._module.followed
    followed.clear()

    list(fill_robust(classifier, image, findings, donors=donors, passes=300))

    first, *sizes = followed
    assert first == SIDE**2
    assert max(sizes) == SIDE**2 * 3 // 4
    assert sizes[0] == SIDE**2 // 2


@pytest.mark.long_after(2)
@pytest.mark.parametrize(("pool", "verifying"), [(15, 7), (16, 8), (17, 8), (63, 31), (64, 32)])
def test_half_of_the_pool_verifies_and_fewer_than_eight_make_the_control_unavailable(pool, verifying):
    classifier, image = linear_classifier(forced_evidence()), ones(1, SIDE, SIDE)

    (result,) = fill_robust(classifier, image, findings_of(classifier, image), donors=dark_donors(pool), passes=300)

    assert result.verifying_donors == verifying
    assert (result.subset is None) == (verifying < 8)
    assert result.reason == ("FILL_UNAVAILABLE" if verifying < 8 else None)
    assert (result.passes.equivalents == 0) == (verifying < 8)


@pytest.mark.parametrize("donors", [None, torch.zeros(1, 1, SIDE, SIDE)], ids=["no pool", "one image"])
def test_without_a_pool_the_control_is_unavailable_and_costs_nothing(donors):
    classifier, image = linear_classifier(forced_evidence()), ones(1, SIDE, SIDE)

    (result,) = fill_robust(classifier, image, findings_of(classifier, image), donors=donors)

    assert (result.reason, result.verifying_donors, result.passes.equivalents) == ("FILL_UNAVAILABLE", 0, 0)


def test_the_image_itself_and_donors_of_the_target_class_are_left_out_of_both_parts():
    classifier, image = linear_classifier(forced_evidence()), ones(1, SIDE, SIDE)
    donors = dark_donors(40)
    donors[:8, 0, 0, 0] = 1  # the model gives these the target class
    donors[8] = image[0]
    pool = gather_donors(classifier, donors, seed=3)

    donors = DonorSplit(pool, seed=3).for_image(image[0], "an image", 0)

    used = donors.searching + donors.verifying
    assert len(set(used)) == len(used) == 31
    assert all(pool.classes[place] == 1 and not torch.equal(pool.images[place], image[0]) for place in used)


def test_a_duplicate_in_the_pool_is_in_one_part_only():
    classifier, twice = linear_classifier(forced_evidence()), dark_donors(20).repeat(2, 1, 1, 1)

    donors = DonorSplit(gather_donors(classifier, twice), seed=0).for_image(ones(1, SIDE, SIDE)[0], "an image", 0)

    assert (len(donors.searching), len(donors.verifying)) == (10, 10)


def test_the_split_does_not_depend_on_the_order_of_the_pool_or_on_the_image():
    classifier, donors = linear_classifier(forced_evidence()), dark_donors(30)

    def verifying(order, name):
        pool = gather_donors(classifier, donors[order], seed=1)
        image_donors = DonorSplit(pool, seed=7).for_image(ones(1, SIDE, SIDE)[0], name, 0)
        return {pool.digests[place] for place in image_donors.verifying}

    backwards = list(reversed(range(30)))
    assert verifying(list(range(30)), "one") == verifying(backwards, "another")


@pytest.mark.parametrize(("count", "needed"), [(8, 8), (9, 9), (10, 9), (20, 18), (29, 27), (32, 29)])
def test_nine_in_ten_verifying_donors_are_needed_rounded_up(count, needed):
    assert ImageDonors((), tuple(range(count))).needed == needed


@pytest.mark.long_after(3)
@pytest.mark.parametrize("passes", [1, 20, 41, 60, 90, 150, 400])
def test_no_image_costs_more_than_its_budget_verification_included(passes):
    classifier, images = paired_classifier(), paired_images(6)
    findings = findings_of(classifier, images, threshold=0.6)
    calls = classifier._module.count
    before = calls.passes

    results = list(fill_robust(classifier, images, findings, donors=paired_images(40, seed=5), passes=passes))

    assert results
    assert all(result.passes.equivalents <= passes for result in results)
    gathering, forward = 40, sum(result.passes.forward for result in results)
    assert calls.passes - before == gathering + forward  # exactly the passes that were made are counted


class KeptPixels(LinearScores):
    """Records the number of ones in each image with a gradient. Dark images are of class 1."""

    def __init__(self, weights):
        super().__init__(weights)
        self.followed = []

    def forward(self, images):
        if images.requires_grad:
            self.followed.extend((images[:, 0] == 1).sum(dim=(1, 2)).tolist())
        return super().forward(images) + torch.tensor([0.0, 3.0])


class Counted(PairedScores):
    """Counts the images in its passes."""

    def __init__(self, *given):
        super().__init__(*given)
        self.count = type("Count", (), {"passes": 0})()

    def forward(self, images):
        self.count.passes += len(images)
        return super().forward(images)


def paired_classifier():
    return Classifier(Counted(3, (3, SIDE, SIDE), 4), bounds=(0, 1), mean=0.0, std=1.0)


def paired_images(count, seed=0):
    return (random_images(count, side=SIDE, seed=seed) * 4).round() / 4


@pytest.mark.parametrize("chunk_size", [1, 2, 3, 7])
@pytest.mark.long
def test_an_arithmetic_model_gives_the_same_results_for_every_chunk_size(chunk_size):
    classifier, images, donors = paired_classifier(), paired_images(7), paired_images(40, seed=5)
    findings = findings_of(classifier, images, threshold=0.6)

    whole, parts = (
        [described(result) for result in fill_robust(classifier, images, findings, donors=donors, chunk_size=size)]
        for size in (64, chunk_size)
    )

    assert len(whole) > 3
    assert parts == whole


def described(result):
    mask = None if result.subset is None else result.subset.mask.tolist()
    return result.index, mask, result.sufficient_donors, result.confidence, result.passes, result.reason


@pytest.mark.long
def test_the_seed_alone_decides_the_split_and_order_of_donors():
    classifier, images, donors = paired_classifier(), paired_images(7), paired_images(40, seed=5)
    findings = findings_of(classifier, images, threshold=0.6)
    pool = gather_donors(classifier, donors)

    runs = [
        [described(one) for one in fill_robust(classifier, images, findings, donors=pool, seed=s)] for s in (1, 1, 2)
    ]

    assert runs[0] == runs[1] != runs[2]


def test_results_hold_with_nine_in_ten_verifying_donors_by_an_independent_softmax():
    classifier, images = paired_classifier(), paired_images(7)
    findings = findings_of(classifier, images, threshold=0.6)
    pool = gather_donors(classifier, paired_images(40, seed=5), seed=0)

    results = list(fill_robust(classifier, images, findings, donors=pool))

    assert any(not result.budget_exhausted for result in results)
    for result in results:
        finding = next(one for one in findings if one.index == result.index)
        donors = DonorSplit(pool, seed=0).for_image(images[result.index], finding.digest, finding.target_class)
        holding = sum(
            float(
                torch.softmax(
                    classifier.plain_logits(torch.where(result.subset.mask, images[result.index], pool.images[place])),
                    dim=0,
                )[finding.target_class]
            )
            >= 0.6
            for place in donors.verifying
        )
        assert holding == result.sufficient_donors >= donors.needed


@pytest.mark.parametrize("passes", [30, 41, 100])
def test_a_budget_at_which_nothing_can_be_found_is_not_spent(passes):
    classifier, image = linear_classifier(forced_evidence()), ones(1, SIDE, SIDE)

    (result,) = fill_robust(classifier, image, findings_of(classifier, image), donors=dark_donors(40), passes=passes)

    assert (result.reason.name, result.subset, result.verifying_donors) == ("FILL_UNAVAILABLE", None, 20)
    assert result.passes.equivalents == 0


def test_findings_without_evidence_are_skipped():
    classifier, images = linear_classifier(forced_evidence()), torch.cat([ones(1, SIDE, SIDE), ones(1, SIDE, SIDE) * 0])

    results = list(fill_robust(classifier, images, findings_of(classifier, images), donors=dark_donors(40), passes=300))

    assert [result.index for result in results] == [0]


def test_a_stopped_run_returns_no_results_of_images_in_work():
    classifier, image = linear_classifier(forced_evidence()), ones(1, SIDE, SIDE)
    findings = findings_of(classifier, image)

    assert not list(fill_robust(classifier, image, findings, donors=dark_donors(40), should_stop=Limit(passes=30)))


def test_progress_counts_every_pass_and_ends_at_the_plan():
    classifier, images, told = paired_classifier(), paired_images(4), []
    findings = findings_of(classifier, images, threshold=0.6)
    pool = gather_donors(classifier, paired_images(40, seed=5))

    results = list(fill_robust(classifier, images, findings, donors=pool, progress=told.append))

    assert told[-1].passes_done == told[-1].passes_planned == sum(one.passes.equivalents for one in results)
    assert told[-1].images_done == told[-1].images_total == len(results)


def test_a_module_without_a_gradient_is_refused():
    module = FunctionScores(lambda images: images.detach().round().sum(dim=(1, 2, 3)) - 2)
    classifier, image = Classifier(module, bounds=(0, 1)), ones(1, SIDE, SIDE).double()
    findings = findings_of(classifier, image)

    with pytest.raises(GradientMissing, match="fill_robust needs gradients"):
        list(fill_robust(classifier, image, findings, donors=torch.zeros(20, 1, SIDE, SIDE).double()))


def test_a_budget_that_is_not_a_number_is_refused():
    classifier, image = linear_classifier(forced_evidence()), ones(1, SIDE, SIDE)

    with pytest.raises(ParameterError, match="passes must be"):
        list(fill_robust(classifier, image, findings_of(classifier, image), donors=None, passes=0))
