"""A score task: subsets that were given, each scored by one plain pass of a model that a person can check."""

import numpy as np
import pytest
import torch
from modicum.v1 import finding_pb2, search_pb2
from modicum_server.domain.findings import whole_subset
from modicum_server.generated.worker_pb2 import ScoreWork
from modicum_server.model_process.scoring import mask_of
from modicum_sis import Classifier, gather_donors
from modicum_sis.images.fills import Fills
from modicum_sis.scoring.verification import confidence_of
from torch import nn

from tests.model_process.model_process_stage import Corners, Stage, items_of, kinds, png, tiny_input, version_of_program

LIT = np.full((8, 8), 255, dtype=np.uint8)
TOP_LEFT = np.zeros((8, 8), dtype=bool)
TOP_LEFT[:2, :2] = True
BOTTOM_RIGHT = TOP_LEFT[::-1, ::-1]


def subset(mask: np.ndarray) -> finding_pb2.Subset:
    return finding_pb2.Subset(mask=np.packbits(mask).tobytes(), height=8, width=8, size=int(mask.sum()))


def score_work(items, masks, *, targets, places, fill=search_pb2.FILL_BLACK, **fields) -> ScoreWork:
    return ScoreWork(
        canvas=search_pb2.Canvas(channels=1, height=8, width=8),
        fill=fill,
        threshold=0.9,
        items=items,
        subsets=[subset(mask) for mask in masks],
        target_classes=targets,
        subset_items=places,
        seed=5,
        **fields,
    )


def scores(chunks) -> dict:
    return {entry.subset: entry for chunk in chunks for entry in chunk.scores.entries}


def test_each_subset_is_scored_by_the_class_that_was_asked(stage: Stage):
    items = items_of(stage, [png(LIT), png(LIT)])
    masks, targets = [TOP_LEFT, BOTTOM_RIGHT, TOP_LEFT], [0, 0, 1]
    version = version_of_program(stage, Corners())

    chunks = stage.run(version, score_work(items, masks, targets=targets, places=[0, 0, 1]))

    found = scores(chunks)
    # four lit pixels score 8 for their own corner's class, against two zeros
    sure = np.exp(8) / (np.exp(8) + 2)
    assert [found[place].confidence for place in range(3)] == pytest.approx(
        [sure, (1 - sure) / 2, (1 - sure) / 2], rel=1e-4
    )
    assert [found[place].predicted_class for place in range(3)] == [0, 1, 0]
    assert all(entry.reason == finding_pb2.FINDING_REASON_UNSPECIFIED for entry in found.values())
    assert kinds(chunks)[-1] == "finished"
    assert chunks[-1].finished.passes_done == 3
    assert chunks[-1].finished.dtype == ""


def test_an_image_that_cannot_be_read_says_so_and_the_others_are_scored(stage: Stage):
    items = items_of(stage, [b"no picture", png(LIT)])
    work = score_work(items, [TOP_LEFT, TOP_LEFT], targets=[0, 0], places=[0, 1])

    found = scores(stage.run(version_of_program(stage, Corners()), work))

    assert found[0].reason == finding_pb2.FINDING_REASON_IMAGE_UNREADABLE
    assert not found[0].HasField("predicted_class")
    assert found[1].predicted_class == 0


class NanInTheDark(nn.Module):
    """Class 0 by the light; not a number where the bottom right corner is dark."""

    def forward(self, images):
        light = images.sum((1, 2, 3))
        corner = images[:, 0, -1, -1]
        nothing = torch.where(corner > 0, torch.zeros_like(light), torch.full_like(light, float("nan")))
        return torch.stack([light + nothing, torch.zeros_like(light)], dim=1)


def test_a_score_that_is_not_finite_is_none(stage: Stage):
    items = items_of(stage, [png(LIT)])
    work = score_work(items, [TOP_LEFT, BOTTOM_RIGHT], targets=[0, 0], places=[0, 0])
    version = version_of_program(stage, NanInTheDark(), input=tiny_input())

    chunks = stage.run(version, work)

    assert kinds(chunks)[-1] == "finished"
    found = scores(chunks)
    assert found[0].reason == finding_pb2.FINDING_REASON_NOT_FINITE
    assert found[1].predicted_class == 0


@pytest.mark.long_after(2)
@pytest.mark.parametrize("fill", ["mean", "white", "noise", "blur", "marginal"])
def test_the_fill_is_the_scoring_versions_own(stage: Stage, fill):
    # donors that are lit at the bottom right are of class 1, and so of use to a subset of class 0
    pictures = [LIT // 2, *(np.kron(np.array([[0, 0], [0, 1]]), LIT[:4, :4] - 30 * by) for by in range(5))]
    pictures = [picture.astype(np.uint8) for picture in pictures]
    items = items_of(stage, [png(picture) for picture in pictures])
    own = tiny_input()
    own.fill_mean.append(0.75)
    work = score_work(
        items[:1],
        [TOP_LEFT],
        targets=[0],
        places=[0],
        fill=search_pb2.Fill.Value(f"FILL_{fill.upper()}"),
        donors=items[1:],
    )

    found = scores(stage.run(version_of_program(stage, Corners(0.1), input=own), work))

    images = torch.tensor(np.stack(pictures), dtype=torch.float32).unsqueeze(1) / 255
    classifier = Classifier(Corners(0.1), bounds=(0, 1), fill_mean=(0.75,))
    classifier.inspect((1, 8, 8))
    donors = gather_donors(classifier, images[1:], seed=5, digests=[item.image_digest for item in items[1:]])
    painted = Fills(fill, classifier, seed=5, donors=donors).of(images[0], items[0].image_digest, 0)
    expected = classifier.plain_logits(torch.where(torch.tensor(TOP_LEFT), images[0], painted))
    assert found[0].confidence == pytest.approx(confidence_of(expected, 0), rel=1e-6)
    assert found[0].predicted_class == int(expected.argmax())


def test_a_fill_without_donors_is_unavailable(stage: Stage):
    items = items_of(stage, [png(LIT)])
    work = score_work(items, [TOP_LEFT], targets=[0], places=[0], fill=search_pb2.FILL_MARGINAL)

    chunks = stage.run(version_of_program(stage, Corners()), work)

    assert scores(chunks)[0].reason == finding_pb2.FINDING_REASON_FILL_UNAVAILABLE
    assert kinds(chunks)[-1] == "finished"


def test_a_canvas_of_other_channels_is_refused(stage: Stage):
    items = items_of(stage, [png(LIT)])
    work = score_work(items, [TOP_LEFT], targets=[0], places=[0])
    work.canvas.channels = 3

    chunks = stage.run(version_of_program(stage, Corners()), work)

    assert chunks[-1].failure.reason == "CANVAS_UNFIT"


def test_a_cancelled_task_leaves(stage: Stage):
    items = items_of(stage, [png(LIT)])
    (stage.folder / "cancel").touch()

    chunks = stage.run(version_of_program(stage, Corners()), score_work(items, [TOP_LEFT], targets=[0], places=[0]))

    assert chunks[-1].failure.reason == "CANCELLED"


@pytest.mark.long
def test_many_scores_travel_in_chunks_of_their_size(stage: Stage):
    items = items_of(stage, [png(LIT)])
    count = 6000
    work = score_work(items, [TOP_LEFT] * count, targets=[0] * count, places=[0] * count)

    chunks = stage.run(version_of_program(stage, Corners()), work)

    assert sorted(scores(chunks)) == list(range(count))
    assert max(chunk.ByteSize() for chunk in chunks) <= 48 * 1024


@pytest.mark.parametrize(("height", "width"), [(8, 8), (5, 3), (1, 1), (7, 9)])
def test_a_subset_that_keeps_every_pixel_is_one_to_the_model_process(height, width):
    whole = whole_subset(height, width)

    mask = mask_of(finding_pb2.Subset(mask=whole.mask, height=height, width=width, size=whole.size))

    assert whole.size == height * width
    assert bool(mask.all())
    assert len(whole.mask) == len(np.packbits(np.ones((height, width), dtype=bool)))


def test_a_whole_image_is_scored_as_it_is(stage: Stage):
    """Four lit pixels score 8 for the class of their corner, against two zeros."""
    version = version_of_program(stage, Corners())
    (item,) = items_of(stage, [png(LIT * TOP_LEFT)])
    everything = np.ones((8, 8), dtype=bool)

    chunks = stage.run(version, score_work([item], [everything], targets=[1], places=[0], fill=search_pb2.FILL_MEAN))

    (entry,) = scores(chunks).values()
    assert entry.predicted_class == 0
    assert entry.confidence == pytest.approx(1 / (np.exp(8) + 2), rel=1e-3)
