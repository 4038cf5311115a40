"""`fill_robust` in a real model process: donors travel with the task, and what comes back is the library's."""

import numpy as np
import pytest
import torch
from modicum.v1 import finding_pb2, search_pb2
from modicum_server.codec.findings import finding_value
from modicum_server.generated.worker_pb2 import Positions
from modicum_sis import BackSelect, Classifier, fill_robust, find_subsets, gather_donors
from modicum_sis.controls.donor_split import DonorSplit
from torch import nn

from tests.model_process.model_process_stage import (
    Corners,
    canvases,
    findings,
    items_of,
    mask_of,
    png,
    search_work,
    version_of_program,
)

SIDE = 8


def lit(corner: int, value: int = 255) -> np.ndarray:
    """A picture whose top left (0) or bottom right (1) quarter is lit."""
    array = np.zeros((SIDE, SIDE), dtype=np.uint8)
    array[:4, :4] = value
    return array if corner == 0 else array[::-1, ::-1].copy()


def dim(place: int) -> np.ndarray:
    """A donor of class 2 where it is dark; a few grey pixels in no quarter tell one from another."""
    array = np.zeros((SIDE, SIDE), dtype=np.uint8)
    array[0, 4:] = [place, place + 1, place + 2, place + 3]
    return array


class Quarters(nn.Module):
    """As `Corners`, but a dark image is of class 2."""

    def __init__(self) -> None:
        super().__init__()
        self.corners = Corners()

    def forward(self, images):
        return self.corners(images) + torch.tensor([0.0, 0.0, 0.25])


def task(stage, *, donors, passes=300, control=search_pb2.CONTROL_FILL_ROBUST, **fields):
    items = items_of(stage, [png(lit(0)), png(lit(1))])
    plan = search_pb2.ControlPlan(control=control, passes=passes)
    given = items_of(stage, [png(dim(place)) for place in range(donors)])
    return search_work(items, donors=given, controls=[plan], **fields)


@pytest.mark.long
def test_the_mask_that_comes_back_suffices_with_the_donors_that_verified_it(stage):
    work = task(stage, donors=24)

    found = findings(stage.run(version_of_program(stage, Quarters()), work))

    classifier, pictures = Classifier(Quarters()), canvases([dim(place) for place in range(24)])
    digests = [item.image_digest for item in work.donors]
    split = DonorSplit(gather_donors(classifier, pictures, seed=1, digests=digests), seed=1)
    for at, image in enumerate(canvases([lit(0), lit(1)])):
        robust = found[at].controls.fill_robust
        mask = torch.from_numpy(mask_of(robust))
        verifying = split.for_image(image, work.items[at].image_digest, at).verifying
        alone = torch.where(mask, image, split.donors.images[list(verifying)])
        confidences = Quarters()(alone).detach().softmax(1)[:, at]
        assert int(mask.sum()) == robust.size
        assert len(confidences) == robust.verifying_donors
        assert int((confidences >= 0.9).sum()) == robust.sufficient_donors


def test_the_control_says_what_the_library_says_and_its_passes_are_counted(stage):
    work = task(stage, donors=24)

    chunks = stage.run(version_of_program(stage, Quarters()), work)

    found, classifier = findings(chunks), Classifier(Quarters())
    images = canvases([lit(0), lit(1)])
    own = list(
        find_subsets(
            classifier,
            images,
            threshold=0.9,
            search=BackSelect(fraction=0.25),
            fill="black",
            seed=1,
            digests=[item.image_digest for item in work.items],
        )
    )
    pool = gather_donors(
        classifier,
        canvases([dim(place) for place in range(24)]),
        seed=1,
        digests=[item.image_digest for item in work.donors],
    )
    expected = list(fill_robust(classifier, images, own, donors=pool, passes=300, seed=1))
    for at, answer in enumerate(expected):
        said = found[at].controls.fill_robust
        assert (said.size, said.verifying_donors, said.sufficient_donors) == (answer.subset.size, 12, 12)
        assert said.confidence == pytest.approx(answer.confidence, rel=1e-5)
        assert said.size_ratio == pytest.approx(answer.size_ratio)
        assert (said.passes.forward, said.passes.backward) == (answer.passes.forward, answer.passes.backward)
        assert 0 < finding_value(found[at], at).controls.fill_robust.passes.equivalents <= 300
    spent = sum(finding_value(found[at], at).controls.passes.equivalents for at in range(2))
    searched = sum(finding_value(found[at], at).passes.equivalents for at in range(2))
    assert chunks[-1].finished.passes_done == searched + spent + len(work.donors)


@pytest.mark.long
def test_too_few_donors_are_said_with_their_number(stage):
    found = findings(stage.run(version_of_program(stage, Quarters()), task(stage, donors=14)))

    answer = found[0].controls.fill_robust
    assert (answer.reason, answer.verifying_donors) == (finding_pb2.FINDING_REASON_FILL_UNAVAILABLE, 7)
    assert (answer.size, answer.passes.forward) == (0, 0)


def test_a_pool_of_one_donor_is_said_too(stage):
    found = findings(stage.run(version_of_program(stage, Quarters()), task(stage, donors=1)))

    assert found[0].controls.fill_robust.reason == finding_pb2.FINDING_REASON_FILL_UNAVAILABLE
    assert found[0].subset.size == 2


@pytest.mark.long
def test_the_control_keeps_to_its_positions(stage):
    excluded = [Positions(positions=[0])]

    found = findings(
        stage.run(version_of_program(stage, Quarters()), task(stage, donors=24, control_exclusions=excluded))
    )

    assert not found[0].controls.HasField("fill_robust")
    assert found[1].controls.HasField("fill_robust")


def test_a_search_for_a_random_other_class_has_no_such_control(stage):
    work = task(stage, donors=24)
    work.search.target_rule = search_pb2.TARGET_RULE_RANDOM_OTHER

    found = findings(stage.run(version_of_program(stage, Quarters()), work))

    assert not any(finding.controls.HasField("fill_robust") for finding in found.values())


@pytest.mark.long
def test_a_version_without_a_gradient_has_no_answer_and_the_rest_of_its_findings(stage):
    class Steps(Quarters):
        def forward(self, images):
            return super().forward((images * 255).round().detach() / 255)

    found = findings(stage.run(version_of_program(stage, Steps()), task(stage, donors=24)))

    assert found[0].subset.size == 2
    assert not found[0].controls.HasField("fill_robust")


@pytest.mark.long_after(1)
@pytest.mark.parametrize("own", [0, 40])
def test_without_a_budget_of_its_own_the_control_has_the_searchs_or_600_passes(stage, own):
    work = task(stage, donors=24, passes=0)
    if own:
        work.search.method, work.search.fraction = search_pb2.SEARCH_METHOD_MASK_OPTIMIZATION, 0
        work.search.passes = own

    found = findings(stage.run(version_of_program(stage, Quarters()), work))

    spent = finding_value(found[0], 0).controls.fill_robust.passes.equivalents
    assert 300 < spent <= 600 if not own else spent <= own
