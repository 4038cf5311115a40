"""The pixel-subsets control in the real model process: whom it asks, and that what comes back is the library's."""

import numpy as np
import pytest
import torch
from modicum.v1 import finding_pb2, search_pb2
from modicum_server.codec.findings import finding_value
from modicum_server.domain.searches import SearchMethod
from modicum_server.generated.worker_pb2 import Positions
from modicum_sis import BatchedGradient, Classifier, MaskOptimization, pixel_subsets

from tests.model_process.model_process_stage import Corners, findings, items_of, png, search_work, version_of_program

SIDE = 8
KEPT = 4  # 5% of 64 pixels, rounded up
CONFIDENT, FAINT = 255, 1


def shades(light: int) -> np.ndarray:
    """The upper half dark but for its left, each of whose pixels has its own light of at most this."""
    array = np.zeros((SIDE, SIDE), dtype=np.uint8)
    array[:4, :4] = np.linspace(light // 2, light, 16).reshape(4, 4)
    return array


UNSET, OPTIMISED = search_pb2.SEARCH_METHOD_UNSPECIFIED, search_pb2.SEARCH_METHOD_MASK_OPTIMIZATION


def task(stage, *, passes=0, method=UNSET, pictures=None, **fields):
    items = items_of(stage, pictures or [png(shades(CONFIDENT)), png(shades(FAINT))])
    plan = search_pb2.ControlPlan(control=search_pb2.CONTROL_PIXEL_SUBSETS, passes=passes, method=method)
    return search_work(items, controls=[plan], **fields)


def expected(work, search):
    images = torch.stack([torch.from_numpy(shades(light)) for light in (CONFIDENT, FAINT)]).unsqueeze(1) / 255
    digests = [item.image_digest for item in work.items]
    return list(pixel_subsets(Classifier(Corners()), images, search=search, fill="black", seed=1, digests=digests))


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("method", "passes", "search"),
    [
        pytest.param(UNSET, 0, BatchedGradient(1), id="a task of 0.1.0"),
        pytest.param(UNSET, 16, BatchedGradient(64), id="one step"),
        pytest.param(UNSET, 13 + 3 * 10, BatchedGradient(7), id="ten steps of at most seven"),
        pytest.param(OPTIMISED, 50, MaskOptimization(50), id="optimised"),
        pytest.param(OPTIMISED, 0, MaskOptimization(300), id="optimised, without a budget"),
    ],
)
def test_the_control_says_what_the_library_says_within_its_budget(stage, method, passes, search):
    work = task(stage, method=method, passes=passes)

    found = findings(stage.run(version_of_program(stage, Corners()), work))

    answers = [finding_value(found[at], at).controls.pixel_subset for at in range(2)]
    for said, own in zip(answers, expected(work, search), strict=True):
        kept = np.unpackbits(np.frombuffer(said.subset.mask, np.uint8)).reshape(SIDE, SIDE).astype(bool)
        assert np.array_equal(kept, own.mask.numpy())
        assert (said.subset.size, said.trace.kept) == (
            KEPT,
            () if own.trace is None else tuple(own.trace.kept.tolist()),
        )
        assert said.method == (SearchMethod.MASK_OPTIMIZATION if method else None)
        assert (said.predicted_class, said.random_predicted_class) == (own.predicted_class, own.random_predicted_class)
        assert said.confidence == pytest.approx(own.confidence, rel=1e-5)
        assert said.random_confidence == pytest.approx(own.random_confidence, rel=1e-5)
        assert said.passes.equivalents == own.passes.equivalents
        assert not passes or said.passes.equivalents <= passes


def test_an_image_that_is_not_eligible_is_descended_too_and_one_that_cannot_be_read_is_not(stage):
    pictures = [png(shades(FAINT)), b"no picture"]

    faint, unreadable = findings(
        stage.run(version_of_program(stage, Corners()), task(stage, pictures=pictures))
    ).values()

    assert faint.reason == finding_pb2.FINDING_REASON_NOT_ELIGIBLE
    assert faint.controls.pixel_subset.subset.size == KEPT
    assert not unreadable.controls.HasField("pixel_subset")


def test_its_passes_are_counted_as_they_are_spent(stage):
    chunks = stage.run(version_of_program(stage, Corners()), task(stage))

    found = [finding_value(message, at) for at, message in findings(chunks).items()]
    assert chunks[-1].finished.passes_done == sum(
        one.passes.equivalents + one.controls.passes.equivalents for one in found
    )


def test_the_control_keeps_to_its_positions(stage):
    work = task(stage, control_exclusions=[Positions(positions=[0])])

    found = findings(stage.run(version_of_program(stage, Corners()), work))

    assert [found[at].controls.HasField("pixel_subset") for at in range(2)] == [False, True]


def test_a_search_for_a_random_other_class_carries_no_such_control(stage):
    work = task(stage)
    work.search.target_rule = search_pb2.TARGET_RULE_RANDOM_OTHER

    found = findings(stage.run(version_of_program(stage, Corners()), work))

    assert not any(one.controls.HasField("pixel_subset") for one in found.values())


@pytest.mark.long
def test_it_stands_beside_the_other_controls(stage):
    work = task(stage)
    work.controls.append(search_pb2.ControlPlan(control=search_pb2.CONTROL_RANDOM))

    found = findings(stage.run(version_of_program(stage, Corners()), work))

    assert [one.variant for one in found[0].controls.variants] == ["random"]
    assert found[0].controls.HasField("pixel_subset")


def test_a_version_without_a_gradient_is_refused_as_its_search_would_be(stage):
    class Steps(Corners):
        def forward(self, images):
            return super().forward((images * 255).round().detach() / 255)

    chunks = stage.run(version_of_program(stage, Steps()), task(stage))

    assert chunks[-1].failure.reason == "GRADIENT_MISSING"
