import pytest
import torch
from modicum_sis import BatchedGradient, Classifier, MaskOptimization, find_subsets
from torch import nn

from tests.sis.sis_models import TinyNetwork, linear_classifier, ones, random_images, rescored

CANVAS = (3, 8, 8)


def accelerated(module=None, **options):
    return Classifier(TinyNetwork() if module is None else module, (0, 1), 0.5, 0.25, **options)


def folded_part(classifier):
    fast, _ = classifier._choose(CANVAS)
    return next(part for part in fast.modules() if isinstance(part, nn.Conv2d))


def test_a_search_runs_on_folded_norms_and_records_that():
    classifier, images = accelerated(), random_images(4)

    record = classifier.acceleration(CANVAS)

    assert (record.folded, record.dtype, record.declined) == (1, "float32", "")
    assert 0 <= record.difference < 1e-4
    torch.testing.assert_close(classifier.search_logits(images), classifier.logits(images), rtol=1e-4, atol=1e-5)


def test_gradients_of_the_image_agree_with_the_modules_own():
    classifier = accelerated()
    gradients = []
    for score in (classifier.logits, classifier.search_logits):
        images = random_images(4).requires_grad_()
        gradients.append(torch.autograd.grad(score(images)[:, 0].sum(), images)[0])

    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-5)


def test_plain_passes_never_run_on_the_fast_copy():
    classifier, image = accelerated(), random_images(1)[0]
    own = classifier.plain_logits(image)
    classifier.acceleration(CANVAS)
    folded_part(classifier).bias.data += 100  # break the fast copy

    assert torch.equal(classifier.plain_logits(image), own)
    assert not torch.allclose(classifier.search_logits(image.unsqueeze(0))[0], own)


def test_a_search_on_a_wrong_fast_copy_reports_only_verified_subsets():
    classifier, images = accelerated(), random_images(6)
    classifier.acceleration(CANVAS)
    folded_part(classifier).weight.data *= -1

    findings = list(find_subsets(classifier, images, threshold=0.6, search=BatchedGradient(4)))

    for finding in findings:
        if finding.subset is not None and not finding.baseline_confident:
            confidence = rescored(classifier, images, finding, classifier.fill_mean)
            assert confidence >= 0.6
            assert confidence == pytest.approx(finding.verified_confidence)
    assert any(finding.subset is not None for finding in findings)


def test_acceleration_can_be_switched_off():
    classifier, images = accelerated(accelerate=False), random_images(4)

    assert classifier.acceleration(CANVAS).folded == 0
    assert torch.equal(classifier.search_logits(images), classifier.logits(images))


def test_subsets_are_as_small_with_acceleration_as_without():
    images, sizes = random_images(8), []
    for classifier in (accelerated(), accelerated(accelerate=False)):
        found = find_subsets(classifier, images, threshold=0.6, search=MaskOptimization(passes=60))
        sizes.append(sum(finding.subset.size for finding in found if finding.subset))

    assert sizes[0] == pytest.approx(sizes[1], rel=0.2)


@pytest.mark.parametrize("search", [BatchedGradient(1), MaskOptimization(passes=60)], ids=["gradient", "mask"])
def test_arithmetic_models_are_bit_equal_with_and_without_acceleration(search):
    evidence = torch.tensor([[4.0, 1.0, 0.5, 0.25], [2.0, -1.0, 0.125, 8.0]])
    findings = [
        list(find_subsets(linear_classifier(evidence, **options), ones(3, 2, 4), threshold=0.9, search=search))
        for options in ({}, {"accelerate": False})
    ]

    assert all(len(found) == 3 for found in findings)
    for one, other in zip(*findings, strict=True):
        assert torch.equal(one.subset.mask, other.subset.mask)
        assert one.verified_confidence == other.verified_confidence


def test_double_precision_modules_are_never_accelerated():
    classifier = accelerated(TinyNetwork().double())
    images = random_images(2).double()

    record = classifier.acceleration(CANVAS)

    assert (record.folded, record.dtype) == (0, "float64")
    assert torch.equal(classifier.search_logits(images), classifier.logits(images))


def test_a_module_that_cannot_be_traced_runs_unchanged_and_the_record_says_why():
    class Branching(TinyNetwork):
        def forward(self, images):
            return super().forward(images if images.sum() > 0 else -images)

    classifier, images = accelerated(Branching()), random_images(3)

    record = classifier.acceleration(CANVAS)

    assert record.folded == 0
    assert "batch norms cannot be folded" in record.declined
    assert torch.equal(classifier.search_logits(images), classifier.logits(images))


def test_a_fast_copy_whose_scores_differ_is_not_used(monkeypatch):
    def fold_wrongly(module):
        wrong = TinyNetwork(seed=1).eval().requires_grad_(False)
        return wrong, 1

    monkeypatch.setattr("modicum_sis.acceleration.fast_path.fold_norms", fold_wrongly)
    classifier, images = accelerated(), random_images(3)

    record = classifier.acceleration(CANVAS)

    assert record.folded == 0
    assert "differ by" in record.declined
    assert torch.equal(classifier.search_logits(images), classifier.logits(images))


def test_a_fast_copy_that_fails_later_is_replaced_by_the_module(monkeypatch):
    class Fragile(TinyNetwork):
        def forward(self, images):
            if len(images) > 3:
                raise ValueError("a batch of another size")
            return super().forward(images)

    monkeypatch.setattr(
        "modicum_sis.acceleration.fast_path.fold_norms", lambda _: (Fragile().eval().requires_grad_(False), 1)
    )
    classifier, images = accelerated(), random_images(5)
    assert classifier.acceleration(CANVAS).folded == 1

    assert torch.equal(classifier.search_logits(images), classifier.logits(images))
    assert "a batch of another size" in classifier.acceleration(CANVAS).declined
    assert classifier.acceleration(CANVAS).folded == 0


def test_a_change_of_the_weights_makes_a_new_fast_copy():
    module = TinyNetwork()
    classifier, images = accelerated(module), random_images(3)
    before = classifier.search_logits(images)
    module.load_state_dict(TinyNetwork(seed=1).state_dict())

    classifier.prepare()

    assert not torch.allclose(classifier.search_logits(images), before)
    torch.testing.assert_close(classifier.search_logits(images), classifier.logits(images), rtol=1e-4, atol=1e-5)
