"""A search never spends more than it planned, also if memory is too small for its batches."""

import pytest
import torch
from modicum_sis import BackSelect, BatchedGradient, Classifier, MaskOptimization, find_subsets
from modicum_sis.scoring.verification import ATTEMPTS

from tests.sis.sis_models import LinearScores, network_classifier, ones, random_images, two_classes

SEARCHES = {
    "backselect": BackSelect(),
    "backselect by fractions": BackSelect(0.2),
    "batched_gradient": BatchedGradient(),
    "batched_gradient by sevens": BatchedGradient(7),
    "mask_optimization": MaskOptimization(passes=150),
}

# the 8 alone is the smallest subset at 0.9
EVIDENCE = torch.tensor([[0.25, 2.0, 0.25, 0.25], [2.0, 8.0, 0.25, 0.25]])


@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
def test_passes_stay_within_the_plan(search):
    findings = list(find_subsets(network_classifier(), random_images(6), threshold=0.7, search=search))

    planned = search.planned_passes((3, 8, 8))
    spent = [f.passes.equivalents for f in findings if f.eligible and not f.baseline_confident]
    assert spent
    assert max(spent) <= planned
    if isinstance(search, (BackSelect, BatchedGradient)):
        assert set(spent) == {planned - ATTEMPTS + 1}  # one verification was enough


@pytest.mark.long_after(3)
@pytest.mark.parametrize("passes", [10, 11, 12, 13, 25, 60, 149, 400])
def test_a_budget_is_never_exceeded(passes):
    findings = list(
        find_subsets(network_classifier(1), random_images(4), threshold=0.6, search=MaskOptimization(passes))
    )

    assert any(finding.eligible for finding in findings)
    assert max(finding.passes.equivalents for finding in findings) <= passes


def test_the_default_is_1_pixel_per_step_at_32_and_100_at_224():
    search = BatchedGradient(None)

    assert search.planned_passes((3, 32, 32)) == 3 * 1024 + 10
    assert search.planned_passes((3, 224, 224)) == 3 * 502 + 10


def test_a_batch_too_large_for_the_device_is_halved_and_its_passes_are_counted_once():
    class Small(LinearScores):
        def forward(self, images):
            if len(images) > 3:
                raise torch.cuda.OutOfMemoryError
            return super().forward(images)

    small = Classifier(Small(two_classes(EVIDENCE)), (0, 1), 0.0, 1.0)

    findings = list(find_subsets(small, ones(8, 2, 4), threshold=0.9, search=BackSelect(), chunk_size=8))

    assert {finding.subset.size for finding in findings} == {1}
    planned = BackSelect().planned_passes((1, 2, 4))
    assert {finding.passes.forward for finding in findings} == {planned - ATTEMPTS + 1}


def test_batches_are_also_halved_if_a_cpu_is_out_of_memory():
    class Small(LinearScores):
        def forward(self, images):
            if len(images) > 3:
                raise RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory")
            return super().forward(images)

    small = Classifier(Small(two_classes(EVIDENCE)), (0, 1), 0.0, 1.0)

    findings = list(find_subsets(small, ones(2, 2, 4), threshold=0.9, search=BackSelect(), chunk_size=8))

    assert {finding.subset.size for finding in findings} == {1}


def test_eight_masks_that_fail_verification_are_within_the_plan():
    class Fickle(LinearScores):
        """Predicts class 0 only in batches of several images, so no plain pass confirms a mask."""

        def forward(self, images):
            scores = super().forward(images)
            whole = images.flatten(1).sum(dim=1, keepdim=True) >= images[0].numel()
            return scores if len(images) > 1 else torch.where(whole, scores, scores * 0)

    search = BackSelect()
    fickle = Classifier(Fickle(two_classes(torch.full((3, 4), 4.0))), (0, 1), 0.0, 1.0)

    (finding,) = find_subsets(fickle, ones(1, 3, 4), threshold=0.9, search=search)

    assert finding.budget_exhausted
    assert search.planned_passes((1, 3, 4)) - 1 <= finding.passes.equivalents <= search.planned_passes((1, 3, 4))
