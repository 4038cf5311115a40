"""One canvas has one framing, whatever its versions do with it afterwards."""

from dataclasses import replace
from datetime import UTC, datetime

from modicum_server.domain.models import Ensemble, InputSpecification, ModelVersion, VersionState, Weights
from modicum_server.domain.searches import Canvas
from modicum_server.usecases.input_specifications import framing_of

SMALL = InputSpecification(3, 224, 224, 0, 1, 256, "bicubic", (0.5,) * 3, (0.5,) * 3)
LARGE = replace(SMALL, height=240, width=240, resize=272, interpolation="bilinear")


def version(given: InputSpecification | None) -> ModelVersion:
    source = Weights("1" * 64, "torchvision:resnet18") if given else Ensemble(("a", "b"))
    return ModelVersion("v", source, given, (), "2" * 64, VersionState.READY, datetime.now(UTC))


def test_the_version_whose_input_is_the_canvas_frames_it_for_all():
    assert framing_of(Canvas(3, 224, 224), [version(LARGE), version(SMALL)]) == SMALL


def test_a_canvas_that_matches_no_versions_input_is_framed_by_the_first():
    assert framing_of(Canvas(3, 64, 64), [version(None), version(LARGE), version(SMALL)]) == LARGE


def test_versions_without_an_input_of_their_own_frame_nothing():
    assert framing_of(Canvas(3, 64, 64), [version(None)]) is None
