import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from modicum_sis import BackSelect, ParameterError, backselect
from modicum_sis.searches.backselect import greedy_passes, remove_greedily


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


def norm(batch):
    return batch.square().sum(dim=1).sqrt()


def linear(batch):
    return batch @ double(1, 2, 0, 1)


def total(batch):
    return batch.sum(dim=1)


GOLDEN = {
    "norm": (norm, double(0.1, 10, 5), [0, 2, 1], [math.sqrt(125.01), math.sqrt(125), 10, 0], {1: {1}, 10.5: {1, 2}}),
    "norm, nothing suffices": (norm, double(0.1, 10, 5), [0, 2, 1], None, {1000: None}),
    "ties go to the lowest index": (norm, double(10, 10, 10), [0, 1, 2], [300**0.5, 200**0.5, 10, 0], {}),
    "the whole is sufficient at equality": (norm, double(3, 4), [0, 1], [5, 4, 0], {5: {0, 1}, 5.1: None}),
    "linear": (linear, double(5, 1, 6, 3), [2, 1, 3, 0], [10, 10, 8, 5, 0], {5: {0}}),
    "sum": (total, double(0.1, 0.5, 0.8, 0.1), [0, 3, 1, 2], [1.5, 1.4, 1.3, 0.8, 0], {1: {1, 2}}),
}


@pytest.mark.parametrize(("score", "features", "order", "scores", "subsets"), GOLDEN.values(), ids=GOLDEN)
def test_the_golden_values_are_reproduced(score, features, order, scores, subsets):
    trace = backselect(score, features, 0.0)

    assert trace.order.tolist() == order
    if scores is not None:
        torch.testing.assert_close(trace.scores, double(*scores), rtol=1e-12, atol=1e-12)
    for threshold, expected in subsets.items():
        mask = trace.smallest_subset(threshold)
        assert (None if mask is None else set(mask.nonzero().flatten().tolist())) == expected


def test_the_subset_is_empty_if_the_fill_alone_suffices():
    trace = backselect(total, double(1, 2), double(5, 5))

    assert trace.smallest_subset(10).tolist() == [False, False]


def test_masks_have_the_shape_of_the_features():
    trace = backselect(lambda batch: batch.sum(dim=(1, 2)), torch.eye(3, dtype=torch.float64), 0.0)

    assert trace.smallest_subset(3).tolist() == torch.eye(3, dtype=torch.bool).tolist()
    assert trace.scores.tolist() == [3] * 7 + [2, 1, 0]


def test_nan_is_never_chosen_before_a_number():
    def score(batch):
        return torch.where(batch[:, 1] == 0, torch.nan, batch.sum(dim=1))

    assert backselect(score, double(1, 2, 3), 0.0).order.tolist()[:2] == [0, 2]


def test_an_input_without_features_is_refused():
    with pytest.raises(ParameterError, match="at least one feature"):
        backselect(total, torch.zeros(0), 0.0)


@pytest.mark.parametrize("fraction", [None, 0.1, 0.34, 0.9])
@pytest.mark.parametrize("count", [1, 2, 7, 30])
def test_the_passes_are_as_planned_and_no_batch_is_too_large(count, fraction):
    batches = []

    def score(masks):
        batches.append(len(masks))
        return masks.double() @ torch.arange(count).double()

    removal = remove_greedily(score, torch.ones(count, dtype=torch.bool), batch_size=4, fraction=fraction)

    assert sum(batches) == greedy_passes(count, fraction)
    assert max(batches) <= 4
    assert sorted(removal.trace.order.tolist()) == list(range(count))
    assert removal.trace.kept.tolist()[-1] == 0


def test_the_pass_count_at_224_by_224_exceeds_32_bits():
    assert BackSelect().planned_passes((3, 224, 224)) == 50176 * 50177 // 2 + 11


@given(
    values=st.lists(st.integers(-8, 8), min_size=1, max_size=7),
    thresholds=st.tuples(st.integers(-30, 30), st.integers(-30, 30)),
)
def test_a_lower_threshold_never_gives_a_larger_subset(values, thresholds):
    trace = backselect(total, double(*values), 0.0)

    low, high = (trace.smallest_subset(threshold) for threshold in sorted(thresholds))

    assert high is None or (low is not None and int(low.sum()) <= int(high.sum()))


@given(values=st.lists(st.integers(-8, 8), min_size=1, max_size=7), threshold=st.integers(-20, 20))
def test_a_subset_is_sufficient_when_scored_alone(values, threshold):
    features = double(*values)

    mask = backselect(total, features, 0.0).smallest_subset(threshold)

    assert mask is None or float(features[mask].sum()) >= threshold


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 2])
def test_a_fraction_outside_its_range_is_refused(fraction):
    with pytest.raises(ParameterError, match="between 0 and 1"):
        BackSelect(fraction)
