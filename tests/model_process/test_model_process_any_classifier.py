"""Whole tasks on what is not RGB at 224x224: channels, sizes, class counts, transformers."""

import io

import numpy as np
import pytest
import torch
from modicum.v1 import finding_pb2, model_pb2, search_pb2
from modicum_server.generated.worker_pb2 import CheckWork
from modicum_server.model_process.architectures import build_architecture
from torch import nn

from tests.model_process.model_process_stage import (
    VERSION,
    Corners,
    findings,
    items_of,
    kinds,
    program_of,
    search_work,
    tiny_input,
    version_of_program,
)
from tests.model_process.model_process_stage import version_of_weights as staged

CHANNELS = 13


class Net(nn.Module):
    """Means of two halves of the channels; then as many zeros as there are further classes."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.zeros = nn.Parameter(torch.zeros(classes - 2))

    def forward(self, images):
        half = images.shape[1] // 2
        scores = [30 * images[:, :half].mean((1, 2, 3)), 30 * images[:, half:].mean((1, 2, 3))]
        return torch.cat([torch.stack(scores, dim=1), scores[0][:, None] * self.zeros], dim=1)


def version_of(stage, module, channels, size, **fields):
    digest = stage.put(program_of(module, shape=(channels, size, size)))
    given = {"name": VERSION, "digest": digest, "input": tiny_input(channels, size), **fields}
    return model_pb2.ModelVersion(exported=model_pb2.Executable(digest=digest), **given)


def array_bytes(array) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def with_channels(architecture: str, channels: int, size: int = 32) -> nn.Module:
    """The architecture with its first convolution over so many channels, as a user would have trained it."""
    module = build_architecture(architecture, 5, (size, size))
    first = next(part for part in module.modules() if isinstance(part, nn.Conv2d))
    first.weight = nn.Parameter(torch.randn(first.weight.shape[0], channels, *first.weight.shape[2:]))
    return module


@pytest.mark.parametrize(
    ("channels", "size", "classes"),
    [
        (13, 8, 21_841),
        *(pytest.param(*row, marks=pytest.mark.long) for row in ((2, 8, 2), (4, 512, 2), (64, 32, 1000))),
    ],
)
def test_a_version_of_any_channels_size_and_class_count_is_accepted(stage, channels, size, classes):
    labels = [f"class {number}" for number in range(classes)]

    chunks = stage.run(version_of(stage, Net(classes), channels, size, class_labels=labels), CheckWork())

    assert kinds(chunks) == ["started", "check", "finished"]
    assert chunks[-2].check.class_count == classes
    assert chunks[-2].check.useful_gradient


@pytest.mark.long_after(1)
@pytest.mark.parametrize("channels", [0, 65])
def test_an_input_of_no_or_too_many_channels_is_refused(stage, channels):
    version = version_of_program(stage, Corners(), input=tiny_input(channels))

    assert stage.run(version, CheckWork())[-1].failure.detail.startswith("expected an input of 1 to 64 channels")


def test_subsets_are_found_on_arrays_and_bad_ones_are_findings_with_a_reason(stage):
    light = np.zeros((8, 8, CHANNELS), np.uint8)
    light[:4, :4, :6] = 255
    nan = np.full((8, 8, CHANNELS), np.nan, np.float32)
    files = [light, light.astype(np.uint16) * 257, (light / 255).astype(np.float32), nan, light[..., :5]]
    items = items_of(stage, [*map(array_bytes, files), array_bytes(light)[:-9]])
    work = search_work(items)
    work.search.fraction = 0.0
    work.canvas.CopyFrom(search_pb2.Canvas(channels=CHANNELS, height=8, width=8))

    found = findings(stage.run(version_of(stage, Net(2), CHANNELS, 8), work))

    # a lit pixel scores 30 / 64, and log-odds of 0.9 are 2.2
    assert [found[place].subset.size for place in range(3)] == [5, 5, 5]
    assert found[0].verified_confidence == pytest.approx(1 / (1 + np.exp(-150 / 64)), rel=1e-4)
    assert {found[place].reason for place in (3, 4, 5)} == {finding_pb2.FINDING_REASON_IMAGE_UNREADABLE}


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("architecture", "channels", "size"),
    [("modicum:cifar_resnet8", 13, 8), ("timm:test_vit", 4, 64)],
)
def test_weights_for_other_channels_and_sizes_fit_the_architecture_s_name(stage, architecture, channels, size):
    version = staged(stage, with_channels(architecture, channels, size), architecture, input=tiny_input(channels, size))

    chunks = stage.run(version, CheckWork())

    assert kinds(chunks) == ["started", "check", "finished"]
    assert chunks[-2].check.class_count == 5


def test_weights_for_other_channels_than_the_input_s_are_refused_with_what_to_check(stage):
    module = with_channels("modicum:cifar_resnet8", 13)

    failure = stage.run(staged(stage, module, "modicum:cifar_resnet8", input=tiny_input(3)), CheckWork())[-1].failure

    assert (failure.reason, failure.model_at_fault) == ("INPUT_REFUSED", True)
    assert "Check channels" in failure.detail
