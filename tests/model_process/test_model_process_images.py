"""Images of a task are decoded when their turn comes, and one search has them all."""

import io

import numpy as np
import pytest
import torch
from modicum.v1 import finding_pb2, model_pb2, search_pb2
from modicum_server.codec.models import input_value
from modicum_server.domain.findings import FindingReason
from modicum_server.domain.searches import Canvas
from modicum_server.model_process import searching
from modicum_server.model_process.images import Decoder, TaskImages
from modicum_server.model_process.slot import Slot
from modicum_sis import find_subsets
from PIL import Image
from torch import nn

from tests.model_process.model_process_stage import (
    Corners,
    findings,
    items_of,
    search_work,
    tiny_input,
    version_of_program,
)

CHUNK = 4
NO_PICTURE = b"no picture"


def lit(left: int, right: int = 0) -> bytes:
    """Rows of light from the top left, and from the bottom right."""
    array = np.zeros((8, 8), dtype=np.uint8)
    array[:left, :4] = 255
    array[8 - right :, 4:] = 255
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


MIXED = [NO_PICTURE, lit(1), lit(0), lit(4), NO_PICTURE, lit(0, 3), lit(2), lit(0), lit(3, 2), lit(0, 4), NO_PICTURE]


class Notes:
    """What a task did: its calls of `find_subsets`, and the items that it decoded, by position."""

    def __init__(self, monkeypatch) -> None:
        self.calls, self.decoded = 0, []
        decode = Decoder.decode

        def noted_search(*arguments, **options):
            self.calls += 1
            return find_subsets(*arguments, **options)

        def noted_decode(decoder, item):
            self.decoded.append(item.position)
            return decode(decoder, item)

        monkeypatch.setattr(searching, "find_subsets", noted_search)
        monkeypatch.setattr(Decoder, "decode", noted_decode)
        monkeypatch.setattr(searching, "measured_chunk_size", lambda *_: CHUNK)


@pytest.fixture
def notes(monkeypatch) -> Notes:
    return Notes(monkeypatch)


def work_of(stage, pictures=MIXED, *controls):
    plans = [search_pb2.ControlPlan(control=control) for control in controls]
    work = search_work(items_of(stage, list(pictures)), controls=plans)
    work.search.fraction = 0.9  # quick, for sizes do not matter here
    return work


def test_one_search_serves_a_task_of_many_chunks_and_decodes_each_image_once(stage, notes):
    chunks = stage.run(version_of_program(stage, Corners()), work_of(stage))

    assert notes.calls == 1
    assert sorted(notes.decoded) == list(range(len(MIXED)))
    assert sorted(findings(chunks)) == list(range(len(MIXED)))


@pytest.mark.parametrize("target_rule", [search_pb2.TARGET_RULE_PREDICTED, search_pb2.TARGET_RULE_RANDOM_OTHER])
@pytest.mark.long
def test_findings_are_those_of_each_image_alone(stage, notes, target_rule):
    version = version_of_program(stage, Corners())
    work = work_of(stage, MIXED, search_pb2.CONTROL_CLASS_TARGETED, search_pb2.CONTROL_FILL)
    work.search.target_rule = target_rule

    together = findings(stage.run(version, work))

    for item in [work.items[at] for at in (0, 3, 7, 8)]:
        del work.items[:]
        work.items.append(item)
        assert findings(stage.run(version, work)) == {item.position: together[item.position]}
    unreadable = [at for at, f in together.items() if f.reason == finding_pb2.FINDING_REASON_IMAGE_UNREADABLE]
    assert unreadable == [0, 4, 10]
    assert not any(together[at].HasField("passes") and together[at].passes.forward for at in unreadable)


def test_findings_come_in_the_order_of_the_items(stage, notes):
    chunks = stage.run(version_of_program(stage, Corners()), work_of(stage))

    positions = [entry.position for chunk in chunks for entry in chunk.findings.entries]
    assert positions == sorted(positions)


def test_passes_of_the_task_are_those_of_its_findings(stage, notes):
    chunks = stage.run(version_of_program(stage, Corners()), work_of(stage))

    assert chunks[-1].finished.passes_done == sum(f.passes.forward for f in findings(chunks).values())


def test_images_are_decoded_as_the_search_gets_to_them(stage, notes, monkeypatch):
    ahead = []
    finding_of = searching.finding_of

    def noted(*arguments, **options):
        ahead.append(len(notes.decoded))
        return finding_of(*arguments, **options)

    monkeypatch.setattr(searching, "finding_of", noted)

    stage.run(version_of_program(stage, Corners()), work_of(stage, [lit(4)] * 20))

    assert ahead[0] <= 3 * CHUNK
    assert len(notes.decoded) == 20


def test_a_task_without_a_single_image_has_a_finding_for_each_item(stage, notes):
    chunks = stage.run(version_of_program(stage, Corners()), work_of(stage, [NO_PICTURE] * 5))

    assert {f.reason for f in findings(chunks).values()} == {finding_pb2.FINDING_REASON_IMAGE_UNREADABLE}
    assert chunks[-1].finished.passes_done == 0


class NeverNan(nn.Module):
    """Corners, but a module that no image of NaN may reach."""

    def __init__(self):
        super().__init__()
        self.corners = Corners()

    def forward(self, images):
        if bool(torch.isnan(images).any()):
            raise ValueError("NaN")
        return self.corners(images)


def test_an_item_without_an_image_never_meets_the_model(stage, monkeypatch):
    monkeypatch.setattr("modicum_server.model_process.loading._module_of_program", lambda *_: NeverNan())
    digest = stage.put(b"program")
    version = model_pb2.ModelVersion(name="v", exported=model_pb2.Executable(digest=digest), input=tiny_input())

    chunks = stage.run(version, work_of(stage))

    assert chunks[-1].WhichOneof("body") == "finished"
    assert len(findings(chunks)) == len(MIXED)


def images_of(stage, pictures, *, kept):
    decoder = Decoder(Slot(stage.folder), input_value(tiny_input()), Canvas(1, 8, 8))
    return TaskImages(decoder, items_of(stage, pictures), kept=kept)


def test_no_more_images_stay_in_memory_than_asked_for(stage):
    images = images_of(stage, [lit(row % 5) for row in range(9)], kept=3)

    sums = [int(images[at].sum()) for at in range(len(images))]

    assert sums == [4 * (row % 5) for row in range(9)]
    assert list(images._kept) == [6, 7, 8]


def test_an_image_that_was_let_go_is_decoded_again(stage, notes):
    images = images_of(stage, [lit(1), lit(2), lit(3)], kept=2)
    first = images[0].clone()
    for at in (1, 2):
        assert int(images[at].sum()) == 4 * (at + 1)

    assert torch.equal(images[0], first)
    assert torch.equal(images[0], first)
    assert notes.decoded == [0, 1, 2, 0]


def test_what_cannot_be_decoded_is_an_image_of_nan_and_tried_once(stage, notes):
    images = images_of(stage, [NO_PICTURE, lit(1)], kept=1)

    assert images[0].shape == images[1].shape == images[0].shape == (1, 8, 8)

    assert bool(images[0].isnan().all())
    assert (images.reason(0), images.reason(1)) == (FindingReason.IMAGE_UNREADABLE, None)
    assert notes.decoded == [0, 1]
