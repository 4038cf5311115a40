"""Mistakes of earlier programs that the library must not repeat; docs/method.md, "The searches".

Training mode and gradients of weights are tested in `test_sis_classifier`.
"""

import random

import numpy as np
import pytest
import torch
from modicum_sis import (
    FILLS,
    BackSelect,
    BatchedGradient,
    Classifier,
    MaskOptimization,
    Reason,
    backselect,
    find_subsets,
)
from torch import nn

from tests.sis.sis_models import LinearScores, ones, random_images, smooth_network, two_classes
from tests.tiers import long

CANDIDATE_BYTES = 64 << 20
"""The limit for the candidates of one call. Those of a whole step at 224x224 would take 30 GB."""
SEARCHES = [BackSelect(), BackSelect(0.3), BatchedGradient(1), BatchedGradient(5), MaskOptimization(80)]
each_search = pytest.mark.parametrize("search", SEARCHES, ids=str)


@each_search
def test_high_logits_of_an_unsure_model_do_not_make_an_image_eligible(search):
    unsure = Classifier(LinearScores(two_classes(torch.full((2, 2), 0.25), offset=64.0)), (0, 1), 0.0, 1.0)

    (finding,) = find_subsets(unsure, ones(1, 2, 2), threshold=0.9, search=search)

    assert float(unsure.plain_logits(ones(1, 2, 2)[0]).max()) > 200
    assert finding.reason is Reason.NOT_ELIGIBLE
    assert finding.confidence == pytest.approx(1 / (1 + np.exp(-1.0)))


@each_search
def test_negative_logits_of_a_sure_model_do_not_make_an_image_ineligible(search):
    sure = Classifier(LinearScores(two_classes(torch.tensor([[8.0] + [0.25] * 5]), offset=-64.0)), (0, 1), 0.0, 1.0)

    (finding,) = find_subsets(sure, ones(1, 1, 6), threshold=0.9, search=search)

    assert float(sure.plain_logits(ones(1, 1, 6)[0]).max()) < -300
    assert finding.subset.mask.tolist() == [[True] + [False] * 5]


def random_states():
    return torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state(legacy=False))  # noqa: NPY002


@pytest.mark.long_after(3)
@pytest.mark.parametrize("fill", FILLS)
@each_search
def test_global_random_state_is_neither_read_nor_changed_even_if_every_pixel_ties(search, fill):
    tied = Classifier(LinearScores(two_classes(torch.full((3, 4), 2.0))), (0, 1), 0.5, 1.0)
    images, other_class = torch.full((2, 1, 3, 4), 0.75), torch.arange(6.0).view(6, 1, 1, 1).expand(6, 1, 3, 4) / 16
    options = {"threshold": 0.9, "search": search, "fill": fill, "donors": other_class}
    outcomes = []

    for seed in (1, 2):
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        before = random_states()
        findings = list(find_subsets(tied, images, **options))
        outcomes.append([(f.subset and f.subset.mask.tolist(), f.passes, f.baseline_confidence) for f in findings])
        assert random_states() == before

    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0] == outcomes[0][1]
    assert outcomes[0][0][0] is not None


class Watched(nn.Module):
    """Keeps every batch that it receives. It has no batch norm, so no fast copy replaces it in a search."""

    def __init__(self):
        super().__init__()
        self.network = smooth_network(5, 3, 4)
        self.batches = []

    def forward(self, images):
        self.batches.append(images.detach().clone())
        return self.network(images)


@pytest.mark.long_after(2)
@pytest.mark.parametrize("chunk_size", [5, *map(long, (1, 2))])
@each_search
def test_no_batch_has_more_masked_images_than_the_chunk_size(search, chunk_size):
    watched = Watched()
    classifier = Classifier(watched, (0, 1), 0.5, 0.25)
    options = {"threshold": 0.45, "search": search, "chunk_size": chunk_size}
    list(
        find_subsets(classifier, random_images(1, side=4), **options)
    )  # inspects the module with the library's own images
    watched.batches.clear()

    list(find_subsets(classifier, random_images(5, side=4), **options))

    assert len(watched.batches) > 10
    assert max(len(batch) for batch in watched.batches) <= chunk_size


def test_candidates_of_a_function_are_made_in_bounded_parts():
    features, largest = torch.rand(3, 100, 300), 0

    class Enough(Exception):
        """The first part of the first step's candidates was seen."""

    def score(batch):
        nonlocal largest
        largest = max(largest, batch.nbytes)
        if largest > features.nbytes:
            raise Enough
        return batch.flatten(1).sum(dim=1)

    with pytest.raises(Enough):
        backselect(score, features, 0.0)

    assert features.nbytes < largest <= CANDIDATE_BYTES


@pytest.mark.long_after(1)
@each_search
def test_a_model_only_ever_sees_the_image_where_the_mask_is_true_and_the_fill_elsewhere(search):
    watched, images = Watched(), random_images(1)
    classifier = Classifier(watched, (0, 1), 0.5, 0.25)
    options = {"threshold": 0.45, "search": search, "chunk_size": 4}
    list(find_subsets(classifier, images, **options))  # inspects the module with the library's own images
    watched.batches.clear()

    (finding,) = find_subsets(classifier, images, **options)

    seen = torch.cat(watched.batches)
    kept = (seen == (images - 0.5) / 0.25).all(dim=1)
    filled = (seen == 0).all(dim=1)
    assert 0 < finding.subset.size < 64
    strange = ~(kept | filled).all(dim=2).all(dim=1)
    assert int(strange.sum()) <= 1  # the library's own probe image
    assert (kept == finding.subset.mask).all(dim=2).all(dim=1).any()
