import hashlib
import json
from dataclasses import asdict, replace

import pytest
from modicum.v1 import audit_pb2
from modicum_server.codec.audits import specification_message, specification_value
from modicum_server.domain.controls import ASKING_OTHERS, EXTRA
from modicum_server.domain.documents import SPECIFICATION, document_of
from modicum_server.domain.models import ModelVersion, VersionState, Weights
from modicum_server.domain.searches import Canvas, Control, ControlPlan, SearchMethod, TargetRule
from modicum_server.domain.statistics import Statistics
from modicum_server.errors import CanvasUnfit, FieldInvalid, GradientMissing
from modicum_server.settings import Settings
from modicum_server.usecases.controls import plans_beside
from modicum_server.usecases.input_specifications import check_input
from modicum_server.usecases.specifications import check_draft, fill_in, require_gradient

from tests.usecases.usecases_stage import CHECK, INPUT, PROJECT, SEARCH, draft, now

NAME = f"{PROJECT}/models/net/versions/1"
DATASET = f"{PROJECT}/datasets/photos"


def version(*, labels=(), check=CHECK, **changes) -> ModelVersion:
    given = replace(INPUT, **changes)
    return ModelVersion(NAME, Weights("", ""), given, labels, "", VersionState.READY, now(), check)


def given(**changes):
    return draft(**{"versions": (NAME,), "dataset": DATASET, **changes})


def test_open_fields_get_their_defaults():
    filled = fill_in(given(), [version()], Settings(default_passes=123))

    assert filled.canvas == Canvas(3, 8, 8)
    assert filled.searches == (replace(SEARCH, passes=123),)
    assert [plan.control for plan in filled.controls] == [
        c for c in Control if c not in {*ASKING_OTHERS, *EXTRA, Control.SHORTCUT}
    ]
    assert filled.device == "auto"


def test_fill_robust_and_spot_run_by_default_on_some_images_and_all_other_controls_on_every_one():
    images = {plan.control: plan.images for plan in fill_in(given(), [version()], Settings()).controls}

    limited = {control: count for control, count in images.items() if count}
    assert limited == {Control.FILL_ROBUST: 64, Control.SPOT: 1000}


@pytest.mark.parametrize(("side", "runs"), [(27, False), (28, True)])
def test_the_shortcut_control_runs_by_default_from_28x28_on(side, runs):
    filled = fill_in(given(canvas=Canvas(3, 28, side)), [version()], Settings())

    assert (Control.SHORTCUT in {plan.control for plan in filled.controls}) is runs


PIXELS = ControlPlan(Control.PIXEL_SUBSETS, passes=100, method=SearchMethod.BATCHED_GRADIENT)


@pytest.mark.parametrize(
    ("controls", "no_controls", "runs"),
    [
        pytest.param((), False, "defaults", id="not by default"),
        pytest.param((PIXELS,), False, "defaults and pixel_subsets", id="beside the default ones"),
        pytest.param((PIXELS,), True, "pixel_subsets", id="alone"),
        pytest.param((ControlPlan(Control.FILL), PIXELS), False, "fill and pixel_subsets", id="beside those named"),
    ],
)
def test_pixel_subsets_run_only_when_requested_and_keep_the_default_controls(controls, no_controls, runs):
    requested = given(controls=controls, no_controls=no_controls)
    check_draft(requested, PROJECT)
    defaults = fill_in(given(), [version()], Settings()).controls
    expected = {
        "defaults": defaults,
        "defaults and pixel_subsets": (*defaults, PIXELS),
        "pixel_subsets": (PIXELS,),
        "fill and pixel_subsets": (ControlPlan(Control.FILL), PIXELS),
    }

    assert fill_in(requested, [version()], Settings()).controls == expected[runs]


@pytest.mark.parametrize(
    ("requested", "filled"),
    [
        pytest.param((None, 0), (SearchMethod.MASK_OPTIMIZATION, 300), id="nothing"),
        pytest.param((None, 100), (SearchMethod.MASK_OPTIMIZATION, 100), id="a budget"),
        pytest.param((SearchMethod.BATCHED_GRADIENT, 0), (SearchMethod.BATCHED_GRADIENT, 0), id="a method"),
    ],
)
def test_pixel_subsets_have_the_optimiser_of_300_passes_unless_asked_otherwise(requested, filled):
    method, passes = requested
    plan = ControlPlan(Control.PIXEL_SUBSETS, passes=passes, method=method)

    *_, found = fill_in(given(controls=(plan,)), [version()], Settings()).controls

    assert (found.method, found.passes) == filled


@pytest.mark.parametrize(
    ("control", "method", "message"),
    [
        (Control.FILL, SearchMethod.BATCHED_GRADIENT, "expected no method for fill, got batched_gradient"),
        (
            Control.PIXEL_SUBSETS,
            SearchMethod.BACKSELECT,
            "expected mask_optimization or batched_gradient for pixel_subsets, got backselect",
        ),
    ],
)
def test_a_method_that_a_control_does_not_take_is_refused(control, method, message):
    with pytest.raises(FieldInvalid, match=rf"controls\[0\]\.method: {message}"):
        check_draft(given(controls=(ControlPlan(control, method=method),)), PROJECT)


def test_an_audit_of_a_control_without_a_method_has_the_digest_that_it_had_before_there_were_methods():
    plain = fill_in(given(controls=(ControlPlan(Control.FILL),)), [version()], Settings())
    values = asdict(plain)
    for absent in ("statistics", "counterfactual_dataset", "stopping"):
        del values[absent]
    del values["controls"][0]["method"]

    assert plain.digest == hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


@pytest.mark.parametrize(
    ("control", "fewest"), [(Control.PIXEL_SUBSETS, 16), (Control.CLASS_TARGETED, 10), (Control.FILL_ROBUST, 41)]
)
def test_a_control_budget_that_is_too_small_to_run_is_refused(control, fewest):
    for passes in (0, fewest):
        check_draft(given(controls=(ControlPlan(control, passes=passes),)), PROJECT)

    with pytest.raises(FieldInvalid, match=rf"controls\[0\]\.passes: expected {fewest} or more for {control}, .* got "):
        check_draft(given(controls=(ControlPlan(control, passes=fewest - 1),)), PROJECT)


def test_a_spot_test_on_too_few_images_is_refused():
    for images in (0, 30):
        check_draft(given(controls=(ControlPlan(Control.SPOT, images),)), PROJECT)

    with pytest.raises(FieldInvalid, match=r"controls\[0\]\.images: expected 30 or more for spot, .* got 29"):
        check_draft(given(controls=(ControlPlan(Control.SPOT, 29),)), PROJECT)


@pytest.mark.parametrize("control", ["fill", "dilated", "mask_only", "random", "transfer", "shortcut"])
def test_a_control_without_a_search_of_its_own_has_no_budget(control):
    plans = [ControlPlan(Control.FILL), ControlPlan(Control(control), 5, 100)]

    with pytest.raises(FieldInvalid, match=rf"controls\[1\]\.passes: expected 0 for {control}, .* got 100"):
        check_draft(given(controls=tuple(plans)), PROJECT)


def test_pixel_subsets_need_a_search_for_the_predicted_class():
    other = replace(SEARCH, target_rule=TargetRule.RANDOM_OTHER)
    check_draft(given(searches=(other, SEARCH), controls=(PIXELS,)), PROJECT)

    with pytest.raises(
        FieldInvalid, match=r"controls\[0\]\.control: pixel_subsets needs a search for the predicted class"
    ):
        check_draft(given(searches=(other,), controls=(PIXELS,)), PROJECT)


@pytest.mark.parametrize(("side", "fraction"), [(66, 0.0), (224, 0.05)])
def test_backselect_is_taken_where_an_image_costs_at_most_ten_million_passes(side, fraction):
    search = replace(SEARCH, method=SearchMethod.BACKSELECT, fraction=fraction)

    filled = fill_in(given(searches=(search,), canvas=Canvas(3, side, side)), [version()], Settings())

    assert filled.searches == (search,)


def test_backselect_is_refused_where_an_image_costs_more():
    exact = replace(SEARCH, method=SearchMethod.BACKSELECT)
    asked = given(searches=(SEARCH, exact), canvas=Canvas(3, 67, 67))

    with pytest.raises(
        FieldInvalid, match=r"searches\[1\]\.fraction: expected at most 10,000,000 passes .* 10,077,816 on"
    ):
        fill_in(asked, [version()], Settings())


def test_pixel_subsets_are_refused_on_a_canvas_whose_masks_are_too_large_to_send():
    wide, wider = Canvas(3, 1024, 2048), Canvas(3, 1025, 2048)
    fill_in(given(canvas=wide, controls=(PIXELS,)), [version()], Settings())

    with pytest.raises(FieldInvalid, match="at most 2,097,152 pixels for pixel_subsets"):
        fill_in(given(canvas=wider, controls=(PIXELS,)), [version()], Settings())


def test_pixel_subsets_are_refused_on_a_version_without_a_useful_gradient():
    specification = fill_in(given(controls=(PIXELS,)), [version()], Settings())
    require_gradient(version(check=None), specification)

    with pytest.raises(GradientMissing, match="but pixel_subsets needs one"):
        require_gradient(version(check=replace(CHECK, useful_gradient=False)), specification)


def test_pixel_subsets_run_beside_the_first_search_for_the_predicted_class_alone():
    other = replace(SEARCH, target_rule=TargetRule.RANDOM_OTHER)
    searches = (other, SEARCH, replace(SEARCH, threshold=0.5), replace(SEARCH, matched=True))
    specification = replace(given(controls=(PIXELS,)).specification, searches=searches)

    assert [plans_beside(specification, search) for search in searches] == [(), (PIXELS,), (), ()]


def test_the_transfer_control_runs_by_default_with_several_versions():
    several = fill_in(given(versions=(NAME, f"{NAME}1")), [version(), version()], Settings())

    assert Control.TRANSFER in {plan.control for plan in several.controls}
    assert Control.TRANSFER not in {plan.control for plan in fill_in(given(), [version()], Settings()).controls}


def test_the_transfer_control_is_refused_with_one_version():
    plans = (ControlPlan(Control.FILL), ControlPlan(Control.TRANSFER, images=3))
    check_draft(given(controls=plans, versions=(NAME, f"{NAME}1")), PROJECT)

    with pytest.raises(FieldInvalid, match=r"controls\[1\]\.control: transfer needs at least two model versions"):
        check_draft(given(controls=plans), PROJECT)


@pytest.mark.parametrize("name", ["level", "alpha", "ratio_limit", "accuracy_limit"])
@pytest.mark.parametrize("value", [-2.0, 1000.0, float("nan"), float("inf")])
def test_statistics_out_of_their_range_are_refused_by_their_field(name, value):
    check_draft(given(statistics=Statistics()), PROJECT)

    with pytest.raises(FieldInvalid, match=rf"^audit\.specification\.statistics\.{name}: expected "):
        check_draft(given(statistics=replace(Statistics(), **{name: value})), PROJECT)


def test_statistics_that_are_left_out_have_their_defaults_and_come_back_with_all():
    requested = audit_pb2.AuditSpecification(statistics=audit_pb2.Statistics(alpha=0.1, accuracy_limit=0))

    value = specification_value(requested)

    assert value.statistics == Statistics(0.95, 0.1, 1.1, 0)
    assert specification_value(audit_pb2.AuditSpecification()).statistics == Statistics()
    returned = specification_message(value).statistics
    assert [(field.name, value) for field, value in returned.ListFields()] == [
        ("level", 0.95),
        ("alpha", 0.1),
        ("ratio_limit", 1.1),
        ("accuracy_limit", 0.0),
    ]


def test_a_specification_that_was_stored_before_there_were_statistics_is_read_with_the_defaults():
    written = document_of(SPECIFICATION, given().specification)
    del written["statistics"]

    assert SPECIFICATION.validate_python(written) == given().specification


def test_stored_statistics_are_read_as_they_were_written():
    specification = given(statistics=Statistics(0.9, 0.1, 1.2, -0.5)).specification

    assert SPECIFICATION.validate_python(document_of(SPECIFICATION, specification)) == specification


def test_given_fields_stay():
    requested = given(
        searches=(replace(SEARCH, passes=5),),
        controls=(ControlPlan(Control.FILL, images=2),),
        canvas=Canvas(3, 4, 4),
        device="cpu",
    )

    assert fill_in(requested, [version()], Settings()) == requested.specification


def test_no_controls_means_none():
    assert fill_in(given(no_controls=True), [version()], Settings()).controls == ()


def test_only_batched_gradient_gets_pixels_per_step():
    searches = (replace(SEARCH, method=SearchMethod.BATCHED_GRADIENT), replace(SEARCH, method=SearchMethod.BACKSELECT))
    filled = fill_in(given(searches=searches), [version(height=64, width=64)], Settings())

    assert [search.pixels_per_step for search in filled.searches] == [8, 0]
    assert [search.passes for search in filled.searches] == [0, 0]


def test_the_canvas_is_the_smallest_input():
    filled = fill_in(given(), [version(), version(height=4, width=6), version(height=6, width=6)], Settings())

    assert filled.canvas == Canvas(3, 4, 6)


@pytest.mark.parametrize(
    "versions",
    [
        pytest.param([version(), version(channels=1)], id="channels"),
        pytest.param([version(), version(upper_bound=255.0)], id="bounds"),
    ],
)
def test_versions_without_a_canvas_in_common_are_refused(versions):
    with pytest.raises(CanvasUnfit):
        fill_in(given(), versions, Settings())


def test_a_canvas_of_other_channels_is_refused():
    with pytest.raises(CanvasUnfit, match="takes images of 3 channels"):
        fill_in(given(canvas=Canvas(1, 8, 8)), [version()], Settings())


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"versions": ()}, "model_versions"),
        ({"versions": (NAME, NAME)}, "model_versions[1]"),
        ({"versions": ("projects/other/models/net/versions/1",)}, "model_versions[0]"),
        ({"dataset": "projects/other/datasets/d"}, "dataset"),
        ({"dataset": "photos"}, "dataset"),
        ({"searches": ()}, "searches"),
        ({"searches": (SEARCH, SEARCH)}, "searches[1]"),
        ({"searches": (replace(SEARCH, threshold=1.0),)}, "searches[0].threshold"),
        ({"searches": (replace(SEARCH, passes=-1),)}, "searches[0].passes"),
        ({"searches": (replace(SEARCH, fraction=0.5),)}, "searches[0].fraction"),
        ({"searches": (replace(SEARCH, pixels_per_step=2),)}, "searches[0].pixels_per_step"),
        ({"seed": -1}, "seed"),
        ({"sample": -1}, "sample"),
        ({"device": "tpu"}, "device"),
        ({"canvas": Canvas(3, 0, 8)}, "canvas.height"),
        ({"controls": (ControlPlan(Control.FILL, images=-1),)}, "controls[0].images"),
        ({"controls": (ControlPlan(Control.FILL), ControlPlan(Control.FILL))}, "controls[1]"),
        ({"controls": (ControlPlan(Control.FILL),), "no_controls": True}, "no_controls"),
    ],
)
def test_a_field_that_breaks_its_rule_is_named(changes, field):
    with pytest.raises(FieldInvalid) as caught:
        check_draft(given(**changes), PROJECT)

    assert caught.value.field == f"audit.specification.{field}"


def test_a_search_for_a_random_other_class_is_served_but_not_at_matched_temperatures():
    other = replace(SEARCH, target_rule=TargetRule.RANDOM_OTHER)
    check_draft(given(searches=(SEARCH, other)), PROJECT)

    with pytest.raises(FieldInvalid, match=r"searches\[2\]\.matched: expected false for a random other class"):
        check_draft(given(searches=(SEARCH, other, replace(other, matched=True))), PROJECT)


def test_a_canvas_of_more_pixels_than_a_mask_holds_is_refused_with_the_limit():
    check_draft(given(canvas=Canvas(3, 2048, 2048)), PROJECT)

    with pytest.raises(FieldInvalid, match=r"canvas: expected at most 4,194,304 pixels.*4198400"):
        check_draft(given(canvas=Canvas(3, 2050, 2048)), PROJECT)


def test_an_input_of_more_pixels_than_a_mask_holds_is_refused_with_the_limit():
    check_input("input", replace(INPUT, height=2048, width=2048))

    with pytest.raises(FieldInvalid, match=r"input: expected at most 4,194,304 pixels.*8388608"):
        check_input("input", replace(INPUT, height=4096, width=2048))
