"""The searches compared with plain, slow implementations of their definitions, on float64 functions."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from modicum_sis import BackSelect, BatchedGradient, Classifier, Reason, backselect, find_subsets

from tests.sis.sis_models import FunctionScores

THRESHOLD = 0.5  # a margin of 0; functions are shifted so that their bare fill has the margin -1

shapes = st.one_of(
    st.tuples(st.integers(1, 10)),
    st.tuples(st.integers(1, 4), st.integers(1, 3)),
    st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 2)),
)
canvases = st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 4))
fractions = st.sampled_from([None, 0.1, 0.34, 0.9])
kinds = st.sampled_from(["linear", "quadratic", "tanh network", "linear with ties", "quadratic with ties"])
seeds = st.integers(0, 2**32)


def drawn(source, shape, *, ties):
    """Normal numbers, which never tie, or whole numbers, whose sums are exact and often tie."""
    if ties:
        return torch.randint(-2, 3, shape, generator=source).double()
    return torch.randn(shape, generator=source, dtype=torch.float64)


def function_of(kind, seed, shape):
    """(function, features, fill) of one kind: (B, *shape) -> (B,), `shape` and a number."""
    source, ties, count = torch.Generator().manual_seed(seed), kind.endswith("ties"), math.prod(shape)
    features, fill = drawn(source, shape, ties=ties), float(drawn(source, (), ties=ties))
    weights, pairs = drawn(source, (count,), ties=ties), drawn(source, (count, count), ties=ties)

    def function(batch):
        flat = batch.flatten(1)
        if kind == "tanh network":
            return torch.tanh(flat @ pairs) @ weights
        linear = (flat * weights).sum(dim=1)
        if kind.startswith("linear"):
            return linear
        return linear + (flat[:, :, None] * flat[:, None, :] * pairs).sum(dim=(1, 2))

    return function, features, fill


def shifted(function, image, fill):
    bare = float(function(torch.full_like(image, fill)[None])[0])
    return lambda batch: function(batch) - bare - 1


def backselect_by_definition(score, features, fill, *, fraction=None, axes=None):
    """(order, scores, kept): try every removal in a separate pass, and make the best one."""
    mask = torch.ones(features.shape[-axes:] if axes else features.shape, dtype=torch.bool)

    def scored(kept):
        return float(score(torch.where(kept, features, fill)[None])[0])

    order, scores, kept = [], [scored(mask)], [mask.numel()]
    while mask.any():
        losses = []
        for index in mask.flatten().nonzero().flatten().tolist():
            candidate = mask.clone()
            candidate.view(-1)[index] = False
            losses.append((-scored(candidate), index))
        count = 1 if fraction is None else max(1, math.ceil(fraction * len(losses)))
        leaving = [index for _, index in sorted(losses)[:count]]
        mask.view(-1)[leaving] = False
        order, scores, kept = order + leaving, [*scores, scored(mask)], [*kept, int(mask.sum())]
    return order, scores, kept


def batched_gradient_by_definition(score, image, fill, per_step):
    """(order, scores, kept): take the gradient of the score at the mask, and remove the pixels with the lowest."""
    mask = torch.ones(image.shape[-2:], dtype=torch.float64)
    order, scores, kept = [], [], [mask.numel()]
    while mask.any():
        real = mask.clone().requires_grad_()
        value = score((real * image + (1 - real) * fill)[None])[0]
        (slope,) = torch.autograd.grad(value, real)
        slopes = [(float(slope.flatten()[index]), index) for index in mask.flatten().nonzero().flatten().tolist()]
        leaving = [index for _, index in sorted(slopes)[:per_step]]
        mask.view(-1)[leaving] = 0
        order, scores, kept = order + leaving, [*scores, float(value.detach())], [*kept, int(mask.sum())]
    return order, [*scores, float(score(torch.full_like(image, fill)[None])[0])], kept


def smallest_suffix(order, scores, kept):
    """The pixels of the shortest sufficient suffix, scanned from the smallest; None if there is none."""
    for score, size in sorted(zip(scores, kept, strict=True), key=lambda entry: entry[1]):
        if score >= 0:
            return set(order[len(order) - size :])
    return None


def search_images(function, image, fill, search, **options):
    classifier = Classifier(FunctionScores(function), bounds=(-9, 9), fill_mean=fill)
    (finding,) = find_subsets(classifier, image[None], threshold=THRESHOLD, search=search, targets=[0], **options)
    return finding


def assert_agrees(finding, order, scores, kept):
    assert finding.trace.order.tolist() == order
    assert finding.trace.kept.tolist() == kept
    expected = torch.sigmoid(torch.tensor(scores, dtype=torch.float64))
    torch.testing.assert_close(finding.trace.confidences, expected, rtol=1e-9, atol=1e-12)
    pixels = smallest_suffix(order, scores, kept)
    if pixels is None:
        assert (finding.subset, finding.reason) == (None, Reason.NOT_FOUND)
    else:
        assert set(finding.subset.mask.flatten().nonzero().flatten().tolist()) == pixels


@given(kind=kinds, seed=seeds, shape=shapes)
def test_backselect_follows_its_definition_on_one_two_and_three_axes(kind, seed, shape):
    function, features, fill = function_of(kind, seed, shape)

    trace = backselect(function, features, fill)

    order, scores, kept = backselect_by_definition(function, features, fill)
    assert trace.order.tolist() == order
    assert trace.kept.tolist() == kept
    torch.testing.assert_close(trace.scores, torch.tensor(scores, dtype=torch.float64), rtol=1e-9, atol=1e-9)


@given(kind=kinds, seed=seeds, canvas=canvases, fraction=fractions, chunk_size=st.sampled_from([1, 2, 7]))
def test_back_select_follows_its_definition_for_every_chunk_size(kind, seed, canvas, fraction, chunk_size):
    function, image, fill = function_of(kind, seed, canvas)
    score = shifted(function, image, fill)

    finding = search_images(score, image, fill, BackSelect(fraction), chunk_size=chunk_size)

    assert_agrees(finding, *backselect_by_definition(score, image, fill, fraction=fraction, axes=2))


@given(kind=kinds, seed=seeds, canvas=canvases, per_step=st.sampled_from([1, 2, 3, 5, 40]))
def test_batched_gradient_follows_its_definition_and_its_last_step_may_be_shorter(kind, seed, canvas, per_step):
    function, image, fill = function_of(kind, seed, canvas)
    score = shifted(lambda batch: function(batch) + batch.flatten(1)[:, 0] / 4, image, fill)

    finding = search_images(score, image, fill, BatchedGradient(per_step))

    order, scores, kept = batched_gradient_by_definition(score, image, fill, per_step)
    assert len(scores) == math.ceil(image[0].numel() / per_step) + 1
    assert_agrees(finding, order, scores, kept)
    assert finding.passes.backward == len(scores) - 1


@pytest.mark.parametrize("search", [BackSelect(), BatchedGradient(1), BatchedGradient(4)], ids=str)
def test_tied_pixels_are_removed_in_row_major_order(search):
    def total(batch):
        return batch.flatten(1).sum(dim=1) - 4

    finding = search_images(total, torch.ones(2, 3, 3, dtype=torch.float64), 0.0, search)

    assert finding.trace.order.tolist() == list(range(9))
    assert finding.subset.size == (5 if search == BatchedGradient(4) else 2)
