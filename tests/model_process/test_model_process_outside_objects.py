"""The shortcut control's passes, and where subsets lie among the objects, on a model that a person can check."""

import io
import json

import numpy as np
import pytest
import torch
from modicum.v1 import finding_pb2, model_pb2, search_pb2
from modicum_server.generated.worker_pb2 import Positions
from PIL import Image
from torch import nn

from tests.model_process.model_process_stage import VERSION, findings, items_of, program_of, search_work, tiny_input

SIDE = 28
SHORTCUT = [search_pb2.ControlPlan(control=search_pb2.CONTROL_SHORTCUT)]


class CornerAgainstCentre(nn.Module):
    """Class 0 by the light in the top left 2x2 corner, class 1 by that in the middle 4x4."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, images):
        corner = images[..., :2, :2].sum((1, 2, 3))
        centre = images[..., 12:16, 12:16].sum((1, 2, 3))
        return torch.stack([5 * corner, centre], dim=1) * self.gain


def png(*, corner: int, centre: int) -> bytes:
    values = np.zeros((SIDE, SIDE), dtype=np.uint8)
    values[:2, :2] = corner
    values[12:16, 12:16] = centre
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    return file.getvalue()


BOTH = png(corner=255, centre=255)


@pytest.fixture
def audited(stage):
    """Runs a search over items on the model above; findings by position."""
    digest = stage.put(program_of(CornerAgainstCentre(), shape=(1, SIDE, SIDE)))
    version = model_pb2.ModelVersion(
        name=VERSION, digest=digest, input=tiny_input(size=SIDE), exported=model_pb2.Executable(digest=digest)
    )

    def run(items, *, plans=SHORTCUT, **fields):
        work = search_work(items, controls=plans, **fields)
        work.canvas.height = work.canvas.width = SIDE
        return findings(stage.run(version, work))

    return run


def labelled(stage, pictures, label: int = 0):
    items = items_of(stage, pictures)
    for item in items:
        item.label = label
    return items


def test_without_its_ring_the_image_is_predicted_by_what_is_left(stage, audited):
    (found,) = audited(labelled(stage, [BOTH])).values()

    assert found.predicted_class == 0
    scored, compared = found.controls.variants
    assert (scored.variant, scored.predicted_class) == ("ring_filled", 1)
    assert (compared.variant, compared.predicted_class) == ("band_filled", 0)
    assert scored.confidence == pytest.approx(1 / (1 + np.exp(16)), rel=1e-4)  # of class 0, that the search argues for
    assert not scored.sufficient


def test_an_image_that_is_not_eligible_is_asked_too(stage, audited):
    (faint,) = audited(labelled(stage, [png(corner=2, centre=1)])).values()

    assert faint.reason == finding_pb2.FINDING_REASON_NOT_ELIGIBLE
    assert [one.variant for one in faint.controls.variants] == ["ring_filled", "band_filled"]


def test_images_without_a_label_or_excluded_are_not_asked(stage, audited):
    items = labelled(stage, [BOTH, BOTH, b"no picture"])
    items[0].ClearField("label")

    found = audited(items, control_exclusions=[Positions(positions=[1])])

    assert [len(one.controls.variants) for one in found.values()] == [0, 0, 0]


def test_the_band_around_the_middle_is_filled_in_the_comparison(stage, audited):
    (found,) = audited(labelled(stage, [png(corner=0, centre=255)], label=1)).values()

    assert found.predicted_class == 1
    ring, band = found.controls.variants
    assert ring.confidence == pytest.approx(1 / (1 + np.exp(-16)), rel=1e-4)  # the middle is left
    assert band.confidence == pytest.approx(0.5)  # the middle is in the band of a small canvas


def test_without_the_control_no_pass_is_spent(stage, audited):
    asked, silent = audited(labelled(stage, [BOTH])), audited(labelled(stage, [BOTH]), plans=[])

    assert len(asked[0].controls.variants) == 2
    assert not silent[0].controls.variants


def with_boxes(stage, *boxes, label: int = 0):
    items = labelled(stage, [BOTH], label)
    items[0].boxes_digest = stage.put(json.dumps(boxes).encode())
    return items


def test_with_boxes_all_outside_them_is_filled(stage, audited):
    (found,) = audited(with_boxes(stage, [12, 12, 16, 16])).values()

    scored, compared = found.controls.variants
    assert (scored.variant, scored.predicted_class) == ("outside_filled", 1)
    assert (compared.variant, compared.predicted_class) == ("objects_filled", 0)
    assert found.controls.objects.area == pytest.approx(16 / SIDE**2)
    assert found.controls.objects.share == 0.0


def test_a_box_around_what_decides_holds_the_subset(stage, audited):
    (found,) = audited(with_boxes(stage, [0, 0, 4, 4]), plans=[]).values()

    assert found.controls.objects.share == 1.0
    assert not found.controls.variants


@pytest.mark.long
def test_a_mask_picture_says_the_same_as_its_box(stage, audited):
    values = np.zeros((SIDE, SIDE), dtype=np.uint8)
    values[12:16, 12:16] = 1
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    items = labelled(stage, [BOTH])
    items[0].mask_digest = stage.put(file.getvalue())

    by_mask, by_boxes = audited(items)[0], audited(with_boxes(stage, [12, 12, 16, 16]))[0]

    assert by_mask.controls == by_boxes.controls


@pytest.mark.long
def test_objects_that_cover_the_canvas_leave_nothing_to_fill(stage, audited):
    (found,) = audited(with_boxes(stage, [0, 0, SIDE, SIDE])).values()

    assert found.controls.objects.area == 1.0
    assert not found.controls.variants
