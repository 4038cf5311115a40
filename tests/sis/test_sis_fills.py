import pytest
import torch
from modicum_sis import BatchedGradient, Classifier, FillUnavailable, ParameterError, Reason, find_subsets
from modicum_sis.images.fills import Donors, Fills, blurred, gather_donors

from tests.sis.sis_models import linear_classifier, ones, random_images

WEIGHTS = torch.zeros(2, 3)


def fills(name, *, seed=0, donors=None, **options):
    options = {"bounds": (0, 2), "mean": (0.5, 1.0, 1.5), "std": 1.0, **options}
    return Fills(name, Classifier(torch.nn.Flatten(), **options), seed=seed, donors=donors)


PLAIN = {
    "mean": ("mean", {}, [0.5, 1.0, 1.5]),
    "a declared mean": ("mean", {"fill_mean": 0.25}, [0.25] * 3),
    "black": ("black", {}, [0.0] * 3),
    "white": ("white", {}, [2.0] * 3),
}


@pytest.mark.parametrize(("name", "options", "values"), PLAIN.values(), ids=PLAIN)
def test_a_plain_fill_has_one_value_per_channel(name, options, values):
    fill = fills(name, **options).of(torch.rand(3, 2, 4), "digest", 0)

    assert torch.equal(fill, torch.tensor(values).view(3, 1, 1).expand(3, 2, 4))


def test_noise_is_uniform_within_the_bounds_and_depends_on_seed_and_digest_alone():
    image = torch.zeros(3, 64, 64)

    noise = fills("noise").of(image, "a", 0)

    assert torch.equal(noise, fills("noise").of(image + 1, "a", 1))
    assert not torch.equal(noise, fills("noise").of(image, "b", 0))
    assert not torch.equal(noise, fills("noise", seed=1).of(image, "a", 0))
    assert (float(noise.min()), float(noise.max())) == pytest.approx((0, 2), abs=0.01)
    assert float(noise.mean()) == pytest.approx(1, abs=0.02)
    assert not torch.equal(noise[0], noise[1])


def test_blur_is_a_gaussian_of_a_sixteenth_of_the_shorter_side():
    image = torch.zeros(1, 65, 64)
    image[0, 32, 32] = 1.0

    smooth = blurred(image)

    sigma = 64 / 16
    assert float(smooth.sum()) == pytest.approx(1, abs=1e-5)
    assert float(smooth[0, 32, 36] / smooth[0, 32, 32]) == pytest.approx(torch.e ** (-0.5 * (4 / sigma) ** 2), rel=1e-4)


@pytest.mark.parametrize("shape", [(3, 1, 1), (1, 2, 9), (3, 16, 16)])
def test_blur_does_not_change_a_plain_image(shape):
    image = torch.full(shape, 0.3)

    assert torch.equal(blurred(image), image)


def donors_of(*classes):
    images = torch.arange(len(classes)).view(-1, 1, 1, 1).expand(-1, 3, 2, 2).float()
    return Donors(images=images, digests=tuple("abcdefgh"[: len(classes)]), classes=classes)


def test_a_donor_is_not_the_image_itself_and_not_of_its_class():
    pool = donors_of(0, 1, 2, 1, 3)

    drawn = {
        float(fills("marginal", seed=seed, donors=pool).of(torch.ones(3, 2, 2) / 2, "c", 1)[0, 0, 0])
        for seed in range(40)
    }

    assert drawn == {0.0, 4.0}


def test_a_donor_is_recognised_as_the_image_itself_by_its_pixels():
    pool = donors_of(0, 2, 3)

    drawn = {
        float(fills("marginal", seed=seed, donors=pool).of(torch.ones(3, 2, 2), "its file's digest", 1)[0, 0, 0])
        for seed in range(40)
    }

    assert drawn == {0.0, 2.0}


def test_fewer_than_two_usable_donors_are_reported():
    with pytest.raises(FillUnavailable, match="1 of 3 are usable"):
        fills("marginal", donors=donors_of(0, 1, 1)).of(torch.ones(3, 2, 2) / 2, "x", 1)


def test_an_unknown_fill_is_refused_with_the_known_names():
    with pytest.raises(ParameterError, match="mean, black, white, noise, blur, marginal"):
        fills("grey")


def test_a_fill_that_is_known_but_not_made_is_not_silently_another_one():
    made = fills("marginal", donors=donors_of(0, 1, 1))
    made.name = "stripes"

    with pytest.raises(AssertionError, match="the fill stripes is known, but is not made here"):
        made.of(torch.ones(3, 2, 2) / 2, "x", 2)


def test_the_pool_is_drawn_by_seed_and_holds_at_most_64():
    classifier = linear_classifier(torch.zeros(8, 8))
    images = random_images(70)[:, :1]

    pools = [gather_donors(classifier, images, seed=seed) for seed in (0, 0, 1)]

    assert len(set(pools[0].digests)) == 64
    assert pools[0].digests == pools[1].digests != pools[2].digests


def test_a_search_under_the_marginal_fill_records_its_donors_and_reports_missing_ones():
    evidence = torch.tensor([[4.0, 4.0], [4.0, -16.0]])
    images = ones(2, 2, 2)
    images[0, 0, 1, 1] = 0
    against = torch.tensor([[[[0.0, 0.0], [0.0, 1.0]]], [[[0.5, 0.0], [0.0, 1.0]]]])
    options = {"threshold": 0.9, "search": BatchedGradient(), "fill": "marginal"}

    found, mistaken = find_subsets(linear_classifier(evidence), images, donors=against, **options)

    assert found.subset.size < 4
    assert found.baseline_confidence < 0.1
    assert len(found.parameters.donor_digests) == 2
    assert mistaken.reason is Reason.FILL_UNAVAILABLE
