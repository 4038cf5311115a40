"""Versions made of versions."""

import io

import pytest
import torch
from modicum.v1 import model_pb2
from modicum_server.codec.models import version_value
from modicum_server.generated.worker_pb2 import CheckWork
from modicum_server.model_process.composites import mask_bank
from modicum_server.model_process.loading import load_version
from modicum_server.model_process.slot import Slot
from torch import nn

from tests.model_process.model_process_stage import (
    BRIGHT_TOP_LEFT,
    VERSION,
    Corners,
    findings,
    items_of,
    kinds,
    png,
    search_work,
    tiny_input,
    version_of_program,
)

CPU = torch.device("cpu")
IMAGES = torch.rand((4, 1, 8, 8), generator=torch.Generator().manual_seed(0))


def members(stage, gains=(0.05, 0.2)):
    return [version_of_program(stage, Corners(gain), name=f"{VERSION}{gain}") for gain in gains]


def ensemble(stage, combine, parts):
    version = model_pb2.ModelVersion(
        name="projects/default/models/both/versions/1",
        ensemble=model_pb2.Ensemble(members=[part.name for part in parts], combine=combine),
    )
    values = {part.name: version_value(part) for part in parts}
    return load_version(Slot(stage.folder), version_value(version), values, CPU)


def test_mean_logits_averages_logits(stage):
    loaded = ensemble(stage, model_pb2.COMBINE_MEAN_LOGITS, members(stage))

    logits = loaded.classifier.logits(IMAGES)

    expected = (Corners(0.05)(IMAGES) + Corners(0.2)(IMAGES)) / 2
    assert torch.allclose(logits, expected, atol=1e-6)
    assert loaded.input.height == 8


def test_mean_probabilities_averages_probabilities(stage):
    loaded = ensemble(stage, model_pb2.COMBINE_MEAN_PROBABILITIES, members(stage))

    confidences = loaded.classifier.logits(IMAGES).softmax(dim=1)

    expected = (Corners(0.05)(IMAGES).softmax(1) + Corners(0.2)(IMAGES).softmax(1)) / 2
    assert torch.allclose(confidences, expected, atol=1e-6)


def test_members_of_different_class_counts_are_refused(stage):
    parts = members(stage, (0.5,))
    four = nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
    parts.append(version_of_program(stage, four, name="projects/default/models/four/versions/1"))

    version = model_pb2.ModelVersion(
        name="projects/default/models/both/versions/1",
        ensemble=model_pb2.Ensemble(members=[part.name for part in parts]),
    )
    chunks = stage.run(version, CheckWork(), parts=parts)

    assert kinds(chunks) == ["started", "failure"]
    assert chunks[-1].failure.reason == "MEMBERS_DIFFER"


def test_an_ensemble_passes_the_check_of_a_version(stage):
    parts = members(stage)
    version = model_pb2.ModelVersion(
        name="projects/default/models/both/versions/1",
        ensemble=model_pb2.Ensemble(members=[part.name for part in parts]),
    )

    chunks = stage.run(version, CheckWork(), parts=parts)

    assert kinds(chunks) == ["started", "check", "finished"]
    assert chunks[-2].check.class_count == 3
    assert chunks[-2].check.useful_gradient


def test_input_dropout_averages_over_its_frozen_masks(stage):
    (part,) = members(stage, (0.2,))
    version = model_pb2.ModelVersion(
        name="projects/default/models/dropped/versions/1",
        input_dropout=model_pb2.InputDropout(member=part.name, keep_probability=0.8, samples=3, seed=5),
    )
    loaded = load_version(Slot(stage.folder), version_value(version), {part.name: version_value(part)}, CPU)

    logits = loaded.classifier.logits(IMAGES)

    masks = mask_bank(samples=3, height=8, width=8, keep_probability=0.8, seed=5)
    expected = torch.stack([Corners(0.2)(IMAGES * mask) for mask in masks]).mean(dim=0)
    assert torch.allclose(logits, expected, atol=1e-5)
    assert torch.equal(logits, loaded.classifier.logits(IMAGES))
    assert 0.6 < masks.float().mean() < 0.95


class Probable(Corners):
    """Corners that answers with probabilities."""

    def forward(self, images):
        return super().forward(images).softmax(dim=1)


def dropout_of(member):
    source = model_pb2.InputDropout(member=member, keep_probability=0.9, samples=2, seed=5)
    return model_pb2.ModelVersion(name="projects/default/models/dropped/versions/1", input_dropout=source)


def ensemble_of(combine, *members):
    source = model_pb2.Ensemble(members=members, combine=combine)
    return model_pb2.ModelVersion(name="projects/default/models/both/versions/1", ensemble=source)


COMPOSITES = {
    "mean_logits": ensemble_of(model_pb2.COMBINE_MEAN_LOGITS, f"{VERSION}0", f"{VERSION}1"),
    "mean_probabilities": ensemble_of(model_pb2.COMBINE_MEAN_PROBABILITIES, f"{VERSION}0", f"{VERSION}1"),
    "input_dropout": dropout_of(f"{VERSION}0"),
    "ensemble of input dropout": ensemble_of(
        model_pb2.COMBINE_MEAN_LOGITS, "projects/default/models/dropped/versions/1", f"{VERSION}1"
    ),
}


@pytest.mark.long_after(2)
@pytest.mark.parametrize("temperature", [pytest.param(1.0, marks=pytest.mark.long), 3.0])
@pytest.mark.parametrize("name", COMPOSITES)
@pytest.mark.parametrize("members", [Probable, Corners])
def test_findings_of_composites_are_flagged_where_members_that_return_probabilities_saturate(
    stage, name, temperature, members
):
    parts = [version_of_program(stage, members(gain), name=f"{VERSION}{at}") for at, gain in enumerate((1.8, 2.0))]
    items = items_of(stage, [png(BRIGHT_TOP_LEFT), png(BRIGHT_TOP_LEFT // 4)])
    work = search_work(items, temperature=temperature)
    work.search.threshold = 0.6

    found = findings(stage.run(COMPOSITES[name], work, parts=[*parts, dropout_of(f"{VERSION}0")]))

    saturating = members is Probable
    assert [found[position].saturated for position in (0, 1)] == [saturating, False]
    assert all(found[position].eligible for position in (0, 1))


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning", "ignore:.*torch.jit:FutureWarning")
def test_a_torchscript_program_is_loaded(stage):
    file = io.BytesIO()
    torch.jit.save(torch.jit.trace(Corners(), torch.zeros(2, 1, 8, 8)), file)
    digest = stage.put(file.getvalue())
    version = model_pb2.ModelVersion(name=VERSION, torchscript=model_pb2.Executable(digest=digest), input=tiny_input())

    chunks = stage.run(version, CheckWork())

    assert kinds(chunks) == ["started", "check", "finished"]
