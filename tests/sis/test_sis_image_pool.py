"""Free rows are reused at once and batches stay full, without an effect on findings."""

import modicum_sis
import pytest
import torch
from modicum_sis import (
    BackSelect,
    BatchedGradient,
    ContractBroken,
    MaskOptimization,
    Proposal,
    Reason,
    find_subsets,
)
from modicum_sis.run.image_pool import LOOKAHEAD
from modicum_sis.scoring.score_requests import LeaveOneOut, ScoreMasks
from modicum_sis.searches.batch_scheduler import propose_each

from tests.sis.sis_models import linear_classifier, network_classifier

SIDE = 5
WEIGHTS = torch.randint(-8, 9, (SIDE, SIDE), generator=torch.Generator().manual_seed(3)) / 8
SEARCHES = [BackSelect(), BackSelect(0.3), BatchedGradient(2), BatchedGradient(4), MaskOptimization(90)]


def images_with_many_that_need_no_search(count=24):
    """Every third image has evidence; the others are blank, and one is not finite."""
    images = torch.randint(0, 9, (count, 1, SIDE, SIDE), generator=torch.Generator().manual_seed(7)) / 8
    images[:, 0][:, WEIGHTS < 0] /= 8
    for index in range(count):
        if index % 3:
            images[index] = 0
    images[4, 0, 0, 0] = torch.nan
    return images


def described(finding):
    mask = None if finding.subset is None else finding.subset.mask.tolist()
    trace = None if finding.trace is None else (finding.trace.order.tolist(), finding.trace.confidences.tolist())
    values = (finding.index, finding.confidence, mask, finding.verified_confidence, trace, finding.passes)
    return repr((*values, finding.reason))  # NaN does not equal itself, but its text does


@pytest.mark.parametrize("search", SEARCHES, ids=repr)
@pytest.mark.long
def test_findings_are_equal_bit_by_bit_beside_any_other_images(search):
    images = images_with_many_that_need_no_search()

    runs = [
        list(find_subsets(linear_classifier(WEIGHTS), images, threshold=0.8, search=search, chunk_size=size))
        for size in (1, 2, 3, 7, 64)
    ]

    found = [finding for finding in runs[0] if finding.subset is not None]
    assert len(found) >= 4
    assert len({str(finding.subset.mask) for finding in found}) > 1
    assert [finding.index for finding in runs[0]] == list(range(24))
    for run in runs[1:]:
        assert [described(finding) for finding in run] == [described(finding) for finding in runs[0]]


def test_batches_stay_full_even_if_most_images_need_no_search():
    classifier, images = linear_classifier(WEIGHTS), images_with_many_that_need_no_search(60)

    list(find_subsets(classifier, images, threshold=0.8, search=BatchedGradient(1), chunk_size=5))

    gradients = [calls for calls in classifier._module.calls if calls > 3]  # probes are 3, plain passes 1
    assert sum(calls == 5 for calls in gradients) >= 0.7 * len(gradients)
    assert len(gradients) > SIDE * SIDE


@pytest.mark.long_after(1)
@pytest.mark.parametrize("search", [BackSelect(), MaskOptimization(90)], ids=repr)
def test_requests_of_several_images_share_a_batch_that_is_never_too_large(search):
    classifier, images = linear_classifier(WEIGHTS), images_with_many_that_need_no_search(30)

    findings = list(find_subsets(classifier, images, threshold=0.8, search=search, chunk_size=8))

    batches = [calls for calls in classifier._module.calls if calls > 3]
    assert max(batches) == 8
    assert sum(calls == 8 for calls in batches) >= 0.5 * len(batches)
    assert sum(finding.subset is not None for finding in findings) >= 6


class Slow:
    """A custom search in which the first image takes much longer than the others."""

    def planned_passes(self, canvas):
        return 400

    def propose(self, task):
        rounds = iter([600])

        def procedure(admitted):
            whole = torch.ones(task.scorer.pixels, dtype=torch.bool)
            for _ in range(next(rounds, 1)):
                yield ScoreMasks(whole.unsqueeze(0))
            scores = yield LeaveOneOut(whole, torch.arange(task.scorer.pixels))
            best = whole.clone()
            best[scores.margins.argmax()] = False
            return Proposal(masks=iter([best.view(task.scorer.shape)]), trace=None)

        return propose_each(task, procedure)


@pytest.mark.long
def test_images_run_ahead_only_up_to_a_limit_while_the_first_is_in_work():
    looked_at = []

    class Watched:
        def __len__(self):
            return 100

        def __getitem__(self, index):
            looked_at.append(index)
            return torch.ones(1, SIDE, SIDE)

    findings = find_subsets(linear_classifier(WEIGHTS.abs()), Watched(), threshold=0.8, search=Slow(), chunk_size=2)
    ahead = [max(looked_at) + 1 - finding.index for finding in findings]

    assert len(ahead) == 100
    assert max(ahead) == LOOKAHEAD * 2


def test_a_stopped_run_ends_every_image_that_it_started():
    asked = []

    def should_stop():
        asked.append(True)
        return len(asked) > 40

    images = images_with_many_that_need_no_search(60)
    findings = list(
        find_subsets(
            linear_classifier(WEIGHTS),
            images,
            threshold=0.8,
            search=BatchedGradient(1),
            chunk_size=3,
            should_stop=should_stop,
        )
    )

    assert [finding.index for finding in findings] == list(range(len(findings)))
    assert 3 <= len(findings) < 60
    assert 1 <= sum(finding.reason is Reason.STOPPED for finding in findings) <= 3


def test_eligible_images_are_those_of_plain_passes_for_every_chunk_size():
    images = torch.rand(12, 3, 8, 8, generator=torch.Generator().manual_seed(2))

    eligible = [
        [f.eligible for f in find_subsets(network_classifier(), images, threshold=0.7, search=search, chunk_size=size)]
        for size in (1, 5)
        for search in (BatchedGradient(16), MaskOptimization(40))
    ]

    assert any(eligible[0])
    assert not all(eligible[0])
    assert all(run == eligible[0] for run in eligible)


class Careless(Slow):
    """A custom search that breaks the contract of `Search.propose`."""

    def __init__(self, propose):
        self.propose = propose


def leaves_one_out(task):
    admitted = task.admit(None)
    return ((each.row, Proposal(masks=iter(()), trace=None)) for each in admitted[1:])


def proposes_twice(task):
    for each in task.admit(None) * 2:
        yield each.row, Proposal(masks=iter(()), trace=None)


BREACHES = {
    "lets none in": (lambda task: iter(()), "call task.admit until it gives none"),
    "leaves one out": (leaves_one_out, r"without rows \[0\]"),
    "proposes twice": (proposes_twice, "each row in work once; it yielded 0"),
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("propose", "says"), BREACHES.values(), ids=BREACHES)
def test_a_search_that_breaks_its_contract_is_stopped_with_the_reason(propose, says):
    images = torch.ones(4, 1, SIDE, SIDE)

    with pytest.raises(ContractBroken, match=says):
        list(
            find_subsets(
                linear_classifier(WEIGHTS.abs()), images, threshold=0.8, search=Careless(propose), chunk_size=2
            )
        )


def test_everything_that_a_custom_search_needs_is_public():
    assert modicum_sis.propose_each is propose_each
    assert (modicum_sis.ScoreMasks, modicum_sis.LeaveOneOut) == (ScoreMasks, LeaveOneOut)
    assert {"Scores", "Stop", "Proposal", "AdmittedImage", "SearchTask"} <= set(modicum_sis.__all__)
