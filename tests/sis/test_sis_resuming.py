"""A stopped run resumes: nothing complete is repeated, no subset gets larger, and the budget holds."""

import math
from dataclasses import dataclass

import pytest
import torch
from modicum_sis import (
    BackSelect,
    BatchedGradient,
    Classifier,
    Limit,
    MaskOptimization,
    ParameterError,
    Proposal,
    Reason,
    find_subsets,
)
from modicum_sis.scoring.score_requests import ScoreMasks
from modicum_sis.searches.batch_scheduler import propose_each

from tests.sis.sis_models import (
    TinyNetwork,
    linear_classifier,
    network_classifier,
    ones,
    random_images,
    rescored,
)
from tests.tiers import long

EVIDENCE = torch.tensor([[0.25, 2.0, 0.25, 0.25], [2.0, 8.0, 0.25, 0.25]])
SEARCHES = {
    "backselect by fractions": BackSelect(0.2),
    "batched_gradient": BatchedGradient(2),
    "mask_optimization": MaskOptimization(passes=200),
}
each_search = pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)


def find(classifier, images, search, **options):
    return list(find_subsets(classifier, images, **{"threshold": 0.6, "search": search, "chunk_size": 3, **options}))


def size(finding):
    return finding.subset.size if finding.subset is not None else math.inf


@pytest.mark.long_after(1)
@each_search
@pytest.mark.parametrize("share", [0.3, *map(long, (0.05, 0.6, 0.9))])
def test_a_killed_and_resumed_run_ends_verified_and_never_larger(search, share):
    classifier, images = network_classifier(), random_images(8)
    passes = sum(finding.passes.equivalents for finding in find(classifier, images, search))
    killed = find(classifier, images, search, should_stop=Limit(passes=int(share * passes)))

    resumed = find(classifier, images, search, resume=killed)

    assert any(finding.reason is Reason.STOPPED for finding in killed)
    assert [finding.index for finding in resumed] == list(range(8))
    assert not any(finding.reason is Reason.STOPPED for finding in resumed)
    for finding in resumed:
        if finding.subset is not None:
            confidence = rescored(classifier, images, finding, fill=0.5)
            assert confidence >= 0.6
            assert finding.verified_confidence == pytest.approx(confidence)
    for before, after in zip(killed, resumed, strict=False):
        assert size(after) <= size(before)
        assert after.passes.equivalents >= before.passes.equivalents


@pytest.mark.long_after(1)
@pytest.mark.parametrize("passes", [30, 200, *map(long, (420, 700))])
def test_the_budget_holds_over_both_runs(passes):
    classifier, images, search = network_classifier(), random_images(8), MaskOptimization(200)

    killed = find(classifier, images, search, should_stop=Limit(passes=passes))
    resumed = find(classifier, images, search, resume=killed)

    assert max(finding.passes.equivalents for finding in resumed) <= 200


def test_complete_findings_are_returned_without_a_pass_at_any_position():
    classifier, images, search = linear_classifier(EVIDENCE), torch.rand(5, 1, 2, 4), MaskOptimization(60)
    before = find(classifier, images, search)
    classifier._module.calls.clear()
    told = []

    after = find(classifier, images.flip(0), search, resume=before, progress=told.append)

    assert [finding.index for finding in after] == list(range(5))
    for one, other in zip(after, before[::-1], strict=True):
        assert (one.digest, one.subset, one.passes, one.trace) == (
            other.digest,
            other.subset,
            other.passes,
            other.trace,
        )
    assert sum(classifier._module.calls) == 1  # the probe image
    assert told[-1].passes_done == told[-1].passes_planned == 0


def test_more_passes_continue_from_the_earlier_subset():
    classifier, images = network_classifier(2), random_images(16, seed=5)
    few = find(classifier, images, MaskOptimization(30), threshold=0.8)

    more = find(classifier, images, MaskOptimization(400), threshold=0.8, resume=few)

    assert all(size(after) <= size(before) for before, after in zip(few, more, strict=True))
    assert sum(map(size, filter(searched, more))) < sum(map(size, filter(searched, few)))
    assert max(finding.passes.equivalents for finding in more) <= 400
    assert {finding.parameters.search for finding in more if searched(finding)} == {MaskOptimization(400)}


def searched(finding):
    return finding.eligible and not finding.baseline_confident


def test_images_without_an_earlier_finding_are_searched_as_usual():
    classifier, images, search = network_classifier(), random_images(8), BatchedGradient(4)
    whole = find(classifier, images, search)

    resumed = find(classifier, images, search, resume=whole[:3])

    for one, other in zip(resumed, whole, strict=True):
        assert (one.digest, size(one), one.passes) == (other.digest, size(other), other.passes)


UNFIT = {
    "threshold": ({"threshold": 0.7}, "threshold 0.6"),
    "fill": ({"fill": "black"}, "fill 'mean'"),
    "seed": ({"seed": 1}, "seed 0"),
    "fewer passes": ({"search": MaskOptimization(50)}, "more passes"),
    "another search": ({"search": BatchedGradient()}, "more passes"),
}


@pytest.mark.parametrize(("options", "says"), UNFIT.values(), ids=UNFIT)
def test_findings_made_under_other_conditions_are_refused_before_any_search(options, says):
    classifier, images = network_classifier(), random_images(2)
    before = find(classifier, images, MaskOptimization(60))

    with pytest.raises(ParameterError, match=says):
        find_subsets(
            classifier, images, **{"threshold": 0.6, "search": MaskOptimization(60), "resume": before, **options}
        )


def test_findings_of_another_classifier_are_refused():
    images, search = random_images(2), MaskOptimization(60)
    before = find(network_classifier(0), images, search)

    with pytest.raises(ParameterError, match="scores a probe image differently"):
        find(network_classifier(1), images, search, resume=before)


def test_findings_for_another_class_are_refused():
    classifier, images, search = linear_classifier(EVIDENCE), ones(1, 2, 4), BatchedGradient()
    before = find(classifier, images, search)

    with pytest.raises(ParameterError, match="Give the targets of the earlier run"):
        find(classifier, images, search, targets=[1], resume=before)


def test_a_limit_in_seconds_uses_the_given_clock():
    now = [100.0]
    limit = Limit(seconds=5, clock=lambda: now[0])

    answers = []
    for seconds in (0.0, 4.9, 0.1, 9.0):
        now[0] += seconds
        answers.append(limit())

    assert answers == [False, False, True, True]


def test_a_limit_in_passes_counts_all_runs_that_share_it_and_still_reports_progress():
    classifier, images, told = network_classifier(), random_images(6), []
    limit = Limit(passes=500)

    runs = [find(classifier, images, BatchedGradient(), should_stop=limit, progress=told.append) for _ in range(2)]

    batch_and_verification = 3 * 3 + 3 * 8
    assert len(told) > 30
    assert sum(finding.passes.equivalents for run in runs for finding in run) <= 500 + batch_and_verification
    assert any(finding.reason is Reason.STOPPED for finding in runs[0])
    assert runs[1] == []


@pytest.mark.parametrize("options", [{}, {"seconds": 0}, {"passes": -1}, {"seconds": 1, "passes": 0}])
def test_an_invalid_limit_is_refused(options):
    with pytest.raises(ParameterError, match="positive seconds or passes"):
        Limit(**options)


def test_a_search_stopped_before_its_first_sufficient_mask_starts_again():
    classifier = linear_classifier(torch.full((6, 6), 0.125))  # 0.9 needs 18 pixels, so the first masks fail
    search = MaskOptimization(80)
    killed = find(classifier, ones(1, 6, 6), search, threshold=0.9, should_stop=Limit(passes=6))

    (resumed,) = find(classifier, ones(1, 6, 6), search, threshold=0.9, resume=killed)
    (whole,) = find(classifier, ones(1, 6, 6), search, threshold=0.9)

    assert killed[0].budget_exhausted
    assert size(resumed) < 36
    assert size(resumed) <= size(whole) + 2


@dataclass(frozen=True)
class Worse:
    """Proposes the decisive pixel, and with more passes two other pixels with it."""

    passes: int

    def planned_passes(self, canvas):
        return self.passes

    def propose(self, task):
        def procedure(admitted):
            mask = torch.zeros(task.scorer.pixels, dtype=torch.bool)
            mask[[5] if self.passes == 10 else [4, 5, 6]] = True
            yield ScoreMasks(mask.unsqueeze(0))
            return Proposal(masks=iter([mask.view(task.scorer.shape)]), trace=None)

        return propose_each(task, procedure)


def test_a_larger_subset_does_not_replace_the_earlier_one():
    classifier, images = linear_classifier(EVIDENCE), ones(1, 2, 4)
    before = find(classifier, images, Worse(10), threshold=0.9)

    (after,) = find(classifier, images, Worse(20), threshold=0.9, resume=before)

    assert size(find(classifier, images, Worse(20), threshold=0.9)[0]) == 3
    assert size(after) == size(before[0]) == 1
    assert after.reason is None
    assert after.parameters.search == Worse(20)


def test_a_run_can_be_resumed_with_or_without_acceleration():
    images, search = random_images(3), MaskOptimization(passes=60)
    before = find(network_classifier(), images, search)
    plain = Classifier(TinyNetwork(), (0, 1), 0.5, 0.25, accelerate=False)

    after = find(plain, images, search, resume=before)

    assert {finding.parameters.acceleration.folded for finding in before} == {1}
    assert plain.acceleration((3, 8, 8)).folded == 0
    assert [finding.passes for finding in after] == [finding.passes for finding in before]


@pytest.mark.parametrize("named_before", [True, False])
def test_a_run_with_digests_does_not_resume_one_without(named_before):
    classifier, images, search = network_classifier(), random_images(2), MaskOptimization(40)
    names = {"digests": ["a", "b"]}
    before = find(classifier, images, search, **(names if named_before else {}))

    with pytest.raises(
        ParameterError, match="had digests; this run has none" if named_before else "had no digests; this run has some"
    ):
        find_subsets(
            classifier,
            images,
            threshold=0.6,
            search=search,
            resume=before,
            **({} if named_before else names),
        )
