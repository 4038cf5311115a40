"""CUDA graphs. On a CPU the same code runs the passes themselves instead of a replay."""

import pytest
import torch
from modicum_sis import Classifier, MaskOptimization, Speedups, find_subsets
from modicum_sis.acceleration.graphs import Graphed
from modicum_sis.acceleration.padding import padded, padded_count
from torch import nn

from tests.sis.sis_models import TinyNetwork, random_images

CANVAS = (3, 8, 8)


def network():
    return TinyNetwork().eval().requires_grad_(False)


def gradient_of(module, images):
    images = images.clone().requires_grad_()
    scores = module(images)
    return scores.detach(), torch.autograd.grad(scores.square().sum(), images)[0]


@pytest.mark.parametrize("count", [1, 2, 5, 8, 13])
def test_scores_and_gradients_are_the_modules_own_for_every_batch_size(count):
    module, images = network(), random_images(count)
    graphed = Graphed(module)

    for batch in (images, images.flip(0)):  # the second is a replay
        torch.testing.assert_close(graphed(batch), module(batch), rtol=1e-5, atol=1e-6)
        for mine, own in zip(gradient_of(graphed, batch), gradient_of(module, batch), strict=True):
            torch.testing.assert_close(mine, own, rtol=1e-4, atol=1e-6)


def test_returned_scores_are_not_overwritten_by_the_next_pass():
    graphed, images = Graphed(network()), random_images(4)
    scores, gradient = gradient_of(graphed, images)
    before = scores.clone(), gradient.clone()
    alone = graphed(images)

    gradient_of(graphed, random_images(4, seed=1))
    again = graphed(random_images(4, seed=1))

    assert torch.equal(scores, before[0])
    assert torch.equal(gradient, before[1])
    assert not torch.equal(alone, again)
    assert torch.equal(alone, graphed(images))


def test_a_shorter_batch_does_not_depend_on_the_longer_one_before():
    images = random_images(3)
    fresh, used = Graphed(network()), Graphed(network())
    used(random_images(4, seed=1))
    gradient_of(used, random_images(4, seed=1))

    assert padded_count(3) != padded_count(4)
    shorter = random_images(7), random_images(8, seed=1)
    used(shorter[1])
    gradient_of(used, shorter[1])
    for batch in (images, shorter[0]):
        assert torch.equal(used(batch), fresh(batch))
        for mine, own in zip(gradient_of(used, batch), gradient_of(fresh, batch), strict=True):
            assert torch.equal(mine, own)


def test_one_recording_serves_several_batch_sizes():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.module, self.sizes = network(), []

        def forward(self, images):
            self.sizes.append(len(images))
            return self.module(images)

    module = Counting()
    graphed = Graphed(module)

    for count in (5, 6, 5):
        graphed(random_images(count))

    assert set(module.sizes) == {6}
    assert len(graphed._recordings) == 1


def test_a_gradient_of_an_overwritten_pass_is_refused():
    graphed, images = Graphed(network()), random_images(2).requires_grad_()
    first = graphed(images)
    graphed(random_images(2, seed=1).requires_grad_())

    with pytest.raises(RuntimeError, match="a later pass has overwritten"):
        torch.autograd.grad(first.sum(), images)


def test_a_search_on_recorded_passes_finds_equally_small_subsets_and_records_that():
    sizes = []
    for speedups in (Speedups(graphs=True), True):
        classifier = Classifier(TinyNetwork(), (0, 1), 0.5, 0.25, accelerate=speedups)
        found = list(find_subsets(classifier, random_images(8), threshold=0.6, search=MaskOptimization(passes=60)))
        assert all(each.parameters.acceleration.graphs is (speedups is not True) for each in found)
        sizes.append(sum(finding.subset.size for finding in found if finding.subset))

    assert sizes[0] == pytest.approx(sizes[1], rel=0.2)


def test_passes_that_cannot_be_recorded_are_declined_with_the_reason(monkeypatch):
    def refuse(self, run):
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr("modicum_sis.acceleration.graphs._Recording._record", refuse)
    classifier, images = Classifier(TinyNetwork(), (0, 1), accelerate=Speedups(graphs=True)), random_images(3)

    record = classifier.acceleration(CANVAS)

    assert (record.folded, record.graphs) == (1, False)
    assert "graphs: the fast copy failed" in record.declined
    assert "not permitted when stream is capturing" in record.declined
    torch.testing.assert_close(classifier.search_logits(images), classifier.logits(images), rtol=1e-4, atol=1e-5)


def test_batches_are_padded_to_few_sizes_and_at_most_a_third_is_padding():
    counts = [padded_count(count) for count in range(1, 1025)]

    assert counts[:13] == [1, 2, 3, 4, 6, 6, 8, 8, 12, 12, 12, 12, 16]
    assert all(count <= size <= 1.5 * count for count, size in enumerate(counts, start=1))
    assert len(set(counts)) == 20


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["first", "last"])
def test_padding_keeps_the_images_and_their_memory_format(layout):
    images = random_images(3).contiguous(memory_format=layout)

    batch = padded(images, 4)

    assert torch.equal(batch[:3], images)
    assert not batch[3].any()
    assert batch.is_contiguous(memory_format=layout)
