"""Controls beside a search: what they ask, on which images, and that they say what the library says."""

import pytest
import torch
from modicum.v1 import search_pb2
from modicum_server.domain.controls import CONTROLS
from modicum_server.generated.worker_pb2 import Positions
from modicum_server.model_process.controls import VARIANTS
from modicum_sis import (
    BackSelect,
    Classifier,
    class_targeted,
    dilated,
    find_subsets,
    gather_donors,
    mask_only,
    other_fills,
    random_same_size,
)

from tests.model_process.model_process_stage import (
    BRIGHT_BOTTOM_RIGHT,
    BRIGHT_TOP_LEFT,
    DARK,
    Corners,
    canvases,
    controls,
    findings,
    items_of,
    mask_of,
    png,
    search_work,
    version_of_program,
)


def test_the_class_targeted_control_argues_for_another_class(stage):
    half = (BRIGHT_TOP_LEFT + BRIGHT_BOTTOM_RIGHT) // 2
    half[0, 0] = 255
    items = items_of(stage, [png(half)] * 8)
    for at, item in enumerate(items):  # other names draw other classes
        item.image_digest = stage.put(png(half) + bytes([at]))
    work = search_work(items, controls=controls(search_pb2.CONTROL_CLASS_TARGETED))
    work.search.threshold = 0.6

    found = findings(stage.run(version_of_program(stage, Corners()), work))

    answers = [finding.controls.class_targeted for finding in found.values()]
    assert {answer.target_class for answer in answers} == {1, 2}
    for finding, answer in zip(found.values(), answers, strict=True):
        assert answer.found == (answer.target_class == 1)  # class 2 has no light of its own
        assert answer.passes.forward > 0
        if answer.found:
            assert answer.size_ratio == answer.size / finding.subset.size
            assert answer.verified_confidence >= 0.6
            kept = canvases([half]) * torch.from_numpy(mask_of(answer))
            confidence = float(Corners()(kept).detach().softmax(1)[0, answer.target_class])
            assert confidence == pytest.approx(answer.verified_confidence, abs=1e-5)
        else:
            assert (answer.size, answer.size_ratio, answer.verified_confidence) == (0, 0, 0)
            assert not answer.HasField("subset")


def test_the_fill_control_scores_the_subset_under_every_other_fill(stage):
    items = items_of(stage, [png(BRIGHT_TOP_LEFT), png(BRIGHT_BOTTOM_RIGHT)])
    donors = items_of(stage, [png(BRIGHT_BOTTOM_RIGHT), png(BRIGHT_BOTTOM_RIGHT // 2), png(DARK)])
    work = search_work(items, donors=donors, controls=controls(search_pb2.CONTROL_FILL))

    found = findings(stage.run(version_of_program(stage, Corners()), work))

    fills = {search_pb2.Fill.Name(answer.fill): answer for answer in found[0].controls.fills}
    assert set(fills) == {"FILL_MEAN", "FILL_WHITE", "FILL_NOISE", "FILL_BLUR", "FILL_MARGINAL"}
    assert fills["FILL_MEAN"].sufficient  # the mean is black here
    assert fills["FILL_WHITE"].confidence == pytest.approx(0.5, abs=1e-3)  # everything is lit
    assert not fills["FILL_WHITE"].sufficient
    # of the second image's donors one is left: the others are of its own class, and one is the image itself
    assert "FILL_MARGINAL" not in {search_pb2.Fill.Name(answer.fill) for answer in found[1].controls.fills}


def test_controls_keep_to_their_positions(stage):
    items = items_of(stage, [png(BRIGHT_TOP_LEFT), png(BRIGHT_BOTTOM_RIGHT)])
    work = search_work(
        items,
        controls=controls(search_pb2.CONTROL_CLASS_TARGETED, search_pb2.CONTROL_FILL),
        control_exclusions=[Positions(positions=[0]), Positions(positions=[0, 1])],
    )

    found = findings(stage.run(version_of_program(stage, Corners()), work))

    assert not found[0].controls.HasField("class_targeted")
    assert found[1].controls.HasField("class_targeted")
    assert not found[0].controls.fills
    assert not found[1].controls.fills


def test_the_controls_say_what_the_library_says(stage):
    half = (BRIGHT_TOP_LEFT + BRIGHT_BOTTOM_RIGHT) // 2
    half[0, 0] = 255
    arrays = [half, BRIGHT_TOP_LEFT, half[::-1, ::-1].copy()]
    donor_arrays = [BRIGHT_BOTTOM_RIGHT, BRIGHT_BOTTOM_RIGHT // 2, DARK, BRIGHT_TOP_LEFT]
    items = items_of(stage, [png(array) for array in arrays])
    donors = items_of(stage, [png(array) for array in donor_arrays])
    plans = controls(search_pb2.CONTROL_CLASS_TARGETED, search_pb2.CONTROL_FILL)
    work = search_work(items, donors=donors, controls=plans)
    work.search.threshold = 0.6

    answers = findings(stage.run(version_of_program(stage, Corners()), work))

    classifier, images = Classifier(Corners()), canvases(arrays)
    options = {"threshold": 0.6, "search": BackSelect(fraction=0.25), "fill": "black", "seed": 1}
    found = list(find_subsets(classifier, images, digests=[item.image_digest for item in items], **options))
    pool = gather_donors(classifier, canvases(donor_arrays), seed=1, digests=[item.image_digest for item in donors])
    others = {other.index: other for other in class_targeted(classifier, images, found, **options)}
    scores = list(other_fills(classifier, images, found, seed=1, donors=pool))
    assert len(others) == 3
    for at, other in others.items():
        said = answers[at].controls
        assert (said.class_targeted.target_class, said.class_targeted.found) == (
            other.finding.target_class,
            other.found,
        )
        assert said.class_targeted.size_ratio == pytest.approx(other.size_ratio or 0)
        expected = [score.confidence for score in scores if score.index == at and score.confidence is not None]
        assert [fill.confidence for fill in said.fills] == pytest.approx(expected, rel=1e-5)
        assert len(expected) >= 4


def test_variants_of_the_subset_say_what_the_library_says(stage):
    arrays = [BRIGHT_TOP_LEFT, BRIGHT_BOTTOM_RIGHT]
    items = items_of(stage, [png(array) for array in arrays])
    plans = controls(search_pb2.CONTROL_DILATED, search_pb2.CONTROL_MASK_ONLY, search_pb2.CONTROL_RANDOM)

    answers = findings(stage.run(version_of_program(stage, Corners()), search_work(items, controls=plans)))

    classifier, images = Classifier(Corners()), canvases(arrays)
    options = {"threshold": 0.9, "search": BackSelect(fraction=0.25), "fill": "black", "seed": 1}
    found = list(find_subsets(classifier, images, digests=[item.image_digest for item in items], **options))
    scores = [
        *dilated(classifier, images, found),
        *mask_only(classifier, images, found),
        *random_same_size(classifier, images, found, seed=1),
    ]
    for at in range(2):
        said = {answer.variant: answer for answer in answers[at].controls.variants}
        expected = {score.variant: score for score in scores if score.index == at}
        assert set(said) == set(expected) == {name for control in VARIANTS for name in CONTROLS[control].variants}
        for name, score in expected.items():
            assert said[name].confidence == pytest.approx(score.confidence, rel=1e-5)
            assert (said[name].sufficient, said[name].predicted_class) == (score.sufficient, score.predicted_class)
        # painted on its place, the shape alone is light enough: this model looks at nothing else
        assert said["white_on_mean"].sufficient
        assert not said["black_on_mean"].sufficient


def test_a_variant_keeps_to_its_positions(stage):
    items = items_of(stage, [png(BRIGHT_TOP_LEFT), png(BRIGHT_BOTTOM_RIGHT)])
    plans = controls(search_pb2.CONTROL_DILATED, search_pb2.CONTROL_RANDOM)
    excluded = [Positions(positions=[0]), Positions(positions=[])]

    found = findings(
        stage.run(version_of_program(stage, Corners()), search_work(items, controls=plans, control_exclusions=excluded))
    )

    assert [answer.variant for answer in found[0].controls.variants] == ["random"]
    assert [answer.variant for answer in found[1].controls.variants] == ["dilated", "random"]
