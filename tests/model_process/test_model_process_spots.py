"""A spot task: the library's test on the items of the task, in the words of the worker's protocol."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from modicum.v1 import finding_pb2, model_pb2, search_pb2
from modicum_server.codec.models import version_value
from modicum_server.generated.worker_pb2 import SPOT_KIND_OWN, Chunk, Item, SpotRow, SpotWork
from modicum_server.model_process.failure_reasons import TaskCancelled
from modicum_server.model_process.loading import ModelCache
from modicum_server.model_process.progress_counts import ProgressCounts
from modicum_server.model_process.slot import Slot
from modicum_server.model_process.spots import prepare_spots
from modicum_sis import Classifier
from modicum_sis.spots.trials import spot_tests
from torch import Tensor, nn

from tests.model_process.model_process_stage import VERSION, Stage, items_of, png, program_of, tiny_input

IMAGES, FIRST_POSITION = 32, 100
ALL, DARK, BRIGHT = 0, 1, 2
"""Numbers of rows: all classes together, class 0, class 1."""
CORNER = np.zeros((8, 8), dtype=bool)
CORNER[0, 0] = True


class BrightCorner(nn.Module):
    """Class 1 where the pixel at the upper left is bright, else class 0."""

    def forward(self, images: Tensor) -> Tensor:
        bright = images[:, 0, 0, 0] - 0.75
        return torch.stack([-bright, bright], dim=1)


@lru_cache(maxsize=1)  # an export takes longer than a task
def program() -> bytes:
    return program_of(BrightCorner())


def version(stage: Stage) -> model_pb2.ModelVersion:
    digest = stage.put(program())
    exported = model_pb2.Executable(digest=digest)
    return model_pb2.ModelVersion(exported=exported, name=VERSION, digest=digest, input=tiny_input())


def pictures() -> list[np.ndarray]:
    """Dim pictures; every second one has the bright corner."""
    drawn = np.random.default_rng(3).integers(0, 64, (IMAGES, 8, 8), dtype=np.uint8)
    drawn[1::2, 0, 0] = 255
    return list(drawn)


def items(stage: Stage, changes: dict[int, bytes] | None = None) -> list[Item]:
    made = items_of(stage, [(changes or {}).get(at, png(one)) for at, one in enumerate(pictures())])
    for item in made:
        item.position += FIRST_POSITION
    return made


def spot_work(items: list[Item], *, rows=(ALL, DARK, BRIGHT), with_subset=(), **fields) -> SpotWork:
    subset = finding_pb2.Subset(mask=np.packbits(CORNER).tobytes(), height=8, width=8, size=1)
    return SpotWork(
        **{
            "canvas": search_pb2.Canvas(channels=1, height=8, width=8),
            "seed": 5,
            "items": items,
            "predicted": [at % 2 for at in range(len(items))],
            "subsets": [subset for _ in with_subset],
            "subset_items": with_subset,
            "rows": rows,
            **fields,
        }
    )


def rows_of(chunks: list[Chunk]) -> list[SpotRow]:
    return [entry for chunk in chunks for entry in chunk.spots.entries]


def windows(row: SpotRow) -> set[tuple[int, int, int]]:
    return {(one.source, one.top, one.left) for trial in row.trials for one in trial.windows}


def test_rows_are_the_librarys_with_positions_for_indices(stage: Stage):
    made = items(stage)

    chunks = stage.run(version(stage), spot_work(made))

    images = torch.from_numpy(np.stack(pictures())).unsqueeze(1) / 255
    digests = [item.image_digest for item in made]
    told = list(
        spot_tests(
            Classifier(BrightCorner(), bounds=(0, 1), mean=0.0, std=1.0),
            images,
            [at % 2 for at in range(IMAGES)],
            {},
            seed=5,
            digests=digests,
            rows=[None, 0, 1],
        )
    )
    sent = rows_of(chunks)
    assert [row.target_class if row.HasField("target_class") else None for row in sent] == [None, 0, 1]
    assert [row.passes for row in sent] == [row.passes for row in told]
    assert chunks[-1].finished.passes_done == sum(row.passes for row in told)
    for row, expected in zip(sent, told, strict=True):
        for trial, tested in zip(row.trials, expected.trials, strict=True):
            assert (trial.place.height, trial.place.top) == (tested.place.height, tested.place.top)
            for outcomes, seen in ((trial.pasted, tested.pasted), (trial.covered, tested.covered)):
                assert list(outcomes.sources) == [FIRST_POSITION + index for index in seen.sources]
                assert list(outcomes.others) == [FIRST_POSITION + index for index in seen.others]
                assert list(outcomes.here) == list(seen.here)
                assert list(outcomes.elsewhere) == list(seen.elsewhere)


def test_the_class_of_the_bright_corner_follows_its_copy(stage: Stage):
    (row,) = rows_of(stage.run(version(stage), spot_work(items(stage), rows=[BRIGHT])))

    assert row.sources == IMAGES // 2
    fixed = [trial for trial in row.trials if trial.place.kind != SPOT_KIND_OWN]
    assert {trial.half for trial in fixed} == {0, 1}
    assert all(all(trial.pasted.here) for trial in fixed)


@pytest.mark.long
def test_a_row_is_the_same_whichever_rows_are_asked_for_with_it(stage: Stage):
    *_, whole = rows_of(stage.run(version(stage), spot_work(items(stage))))

    (alone,) = rows_of(stage.run(version(stage), spot_work(items(stage), rows=[BRIGHT])))

    assert alone == whole


def test_an_own_window_lies_where_the_subset_of_its_image_is(stage: Stage):
    work = spot_work(items(stage), rows=[BRIGHT], with_subset=range(1, IMAGES, 2))

    (row,) = rows_of(stage.run(version(stage), work))

    assert windows(row) == {(FIRST_POSITION + at, 0, 0) for at in range(1, IMAGES, 2)}


def test_items_without_a_mask_are_tested_all_the_same(stage: Stage):
    (row,) = rows_of(stage.run(version(stage), spot_work(items(stage), rows=[BRIGHT], with_subset=[1, 3])))

    tested = {source for trial in row.trials for source in trial.pasted.sources}
    assert tested == {FIRST_POSITION + at for at in range(1, IMAGES, 2)}


def test_an_image_that_cannot_be_read_follows_no_place(stage: Stage):
    (row,) = rows_of(stage.run(version(stage), spot_work(items(stage, {3: b"no picture"}), rows=[BRIGHT])))

    answers = [
        here
        for trial in row.trials
        for outcomes in (trial.pasted, trial.covered)
        for source, here in zip(outcomes.sources, outcomes.here, strict=True)
        if source == FIRST_POSITION + 3
    ]
    assert answers
    assert not any(answers)


def test_a_class_that_no_item_has_gives_a_row_without_places(stage: Stage):
    (row,) = rows_of(stage.run(version(stage), spot_work(items(stage), rows=[7])))

    assert (row.target_class, row.sources, len(row.trials), row.passes) == (6, 0, 0, 0)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"predicted": [0, 1]}, id="fewer predictions than items"),
        pytest.param({"with_subset": [IMAGES]}, id="a subset of no item"),
    ],
)
def test_a_task_that_contradicts_itself_is_a_fault_of_ours(stage: Stage, fields):
    chunks = stage.run(version(stage), spot_work(items(stage), **fields))

    assert not rows_of(chunks)
    assert chunks[-1].failure.reason
    assert not chunks[-1].failure.model_at_fault


@pytest.mark.long
def test_places_outside_the_objects_are_tested_where_items_have_boxes_or_masks(stage: Stage):
    made = items(stage)
    white = np.zeros((8, 8), dtype=np.uint8)
    white[4:, 4:] = 255
    boxes, mask = stage.put(b"[[4, 4, 8, 8]]"), stage.put(png(white))
    for item in made[: IMAGES // 2]:
        item.boxes_digest = boxes
    for item in made[IMAGES // 2 :]:
        item.mask_digest = mask

    (row,) = rows_of(stage.run(version(stage), spot_work(made, rows=[BRIGHT])))

    outside = [trial for trial in row.trials if trial.outside]
    assert {trial.half for trial in outside} == {0, 1}
    assert all(all(trial.pasted.here) for trial in outside if trial.place.kind != SPOT_KIND_OWN)
    kept = {(region.source, region.subset.size) for trial in outside for region in trial.regions}
    assert kept
    assert all(source >= FIRST_POSITION and size > 0 for source, size in kept)
    whole = [trial for trial in row.trials if not trial.outside]
    assert all(set(trial.on_objects.sources) >= set(trial.pasted.sources) for trial in whole)


def test_boxes_that_do_not_fit_their_image_count_as_none(stage: Stage):
    made = items(stage)
    made[0].boxes_digest = stage.put(b"[[4, 4, 80, 8]]")

    (row,) = rows_of(stage.run(version(stage), spot_work(made, rows=[BRIGHT])))

    assert not any(trial.outside or trial.on_objects.sources for trial in row.trials)


@pytest.mark.long
def test_rows_of_another_version_are_tested_on_their_places_and_pairs(stage: Stage):
    made = items(stage)
    boxes = stage.put(b"[[4, 4, 8, 8]]")
    for item in made:
        item.boxes_digest = boxes
    chosen = rows_of(stage.run(version(stage), spot_work(made, with_subset=[1, 3])))

    again = rows_of(stage.run(version(stage), spot_work(made, chosen=chosen)))

    for row, before in zip(again, chosen, strict=True):
        assert 0 < row.passes < before.passes
        assert [(one.pasted, one.covered) for one in row.trials] == [
            (one.pasted, one.covered) for one in before.trials
        ], "it is the same model"


def test_a_canvas_of_other_channels_is_refused(stage: Stage):
    work = spot_work(items(stage))
    work.canvas.channels = 3

    assert stage.run(version(stage), work)[-1].failure.reason == "CANVAS_UNFIT"


@pytest.mark.long
def test_a_task_that_is_cancelled_midway_leaves_with_its_whole_rows(stage: Stage):
    work, described = spot_work(items(stage), rows=[DARK, BRIGHT]), version(stage)
    slot, progress = Slot(stage.folder), ProgressCounts()
    loaded = ModelCache().load(slot, version_value(described), {}, torch.device("cpu"))
    whole = rows_of(stage.run(described, work))
    run = prepare_spots(work, loaded, slot, progress)

    stopped = replace(run, cancelled=lambda: progress.passes_done > whole[0].passes)

    coming = stopped.rows()
    assert next(coming) == whole[0]
    with pytest.raises(TaskCancelled):
        next(coming)


def test_a_task_that_is_cancelled_before_it_begins_leaves_with_nothing(stage: Stage):
    (stage.folder / "cancel").touch()

    chunks = stage.run(version(stage), spot_work(items(stage)))

    assert not rows_of(chunks)
    assert chunks[-1].failure.reason == "CANCELLED"
