"""What the page says about asking for an audit again is right: it is asked for, and the same specification comes."""

import shlex
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from types import SimpleNamespace
from typing import Any, Self, get_args, get_type_hints

import modicum
import pytest
from modicum.audits import AsyncAudits
from modicum.cli import audits as audits_command
from modicum.event_loop_thread import Portal
from modicum.v1 import model_pb2
from modicum.v1.model_service_pb2 import GetModelVersionRequest
from modicum_server.codec.audits import specification_value
from modicum_server.domain.audits import AuditSpecification
from modicum_server.domain.models import InputSpecification, ModelVersion, VersionState, Weights
from modicum_server.domain.searches import Canvas, Control, ControlPlan, Fill, Search, SearchMethod, TargetRule
from modicum_server.domain.statistics import Statistics
from modicum_server.domain.stopping import ShareLimit, Stopping
from modicum_server.settings import Settings
from modicum_server.transports.http.pages.asking_again import form_like
from modicum_server.transports.http.pages.audit_form import draft_of
from modicum_server.transports.http.pages.forms import Form
from modicum_server.transports.http.pages.repeating import beyond_form, repetition
from modicum_server.usecases.controls import default_controls
from modicum_server.usecases.specifications import AuditDraft, fill_in, usual_canvas

from tests.commands import whole_command
from tests.usecases.usecases_stage import INPUT, now

CANVAS = Canvas(3, 64, 64)
PLAIN = Search(SearchMethod.MASK_OPTIMIZATION, 0.9, passes=600)
NAMES = ("projects/default/models/net/versions/2", "projects/default/models/other/versions/1")


def version(name: str) -> ModelVersion:
    given: InputSpecification = replace(INPUT, height=64, width=64)
    return ModelVersion(name, Weights("", ""), given, (), "", VersionState.READY, now())


def specification(**changed: Any) -> AuditSpecification:
    plain = {"model_versions": NAMES[:1], "dataset": "projects/default/datasets/few", "canvas": CANVAS}
    plain |= {"searches": (PLAIN,), "controls": default_controls(1, CANVAS), "seed": 0, "sample": 0, "device": "auto"}
    return AuditSpecification(**(plain | changed))


def searching(**changed: Any) -> AuditSpecification:
    return specification(searches=(replace(PLAIN, **changed),))


def controlled(**changed: Any) -> AuditSpecification:
    return specification(controls=(ControlPlan(**({"control": Control.FILL_ROBUST} | changed)),))


def with_pixel_subsets(**changed: Any) -> AuditSpecification:
    plan = ControlPlan(Control.PIXEL_SUBSETS, passes=300, method=SearchMethod.MASK_OPTIMIZATION)
    return specification(controls=(*default_controls(1, CANVAS), replace(plan, **changed)))


def measured(**changed: Any) -> AuditSpecification:
    return specification(statistics=Statistics(**changed))


def limited(stopping: dict[str, Any] | None = None, **changed: Any) -> AuditSpecification:
    limit = ShareLimit(**({"measure": "overinterpretation_rate", "at_most": 0.1} | changed))
    return specification(stopping=Stopping(**({"limits": (limit,), "within_ends": True} | (stopping or {}))))


#: An audit in which a field differs from its default, for every field of a specification.
FILLED = {
    "model_versions": specification(model_versions=NAMES, controls=default_controls(2, CANVAS)),
    "dataset": specification(dataset="projects/default/datasets/many"),
    "canvas.channels": specification(canvas=Canvas(3, 64, 32)),  # one of another number of channels fits no version
    "canvas.height": specification(canvas=Canvas(3, 32, 64)),
    "canvas.width": specification(canvas=Canvas(3, 64, 32)),
    "searches.method": searching(method=SearchMethod.BATCHED_GRADIENT, passes=0, pixels_per_step=8),
    "searches.threshold": searching(threshold=0.8125),
    "searches.fill": searching(fill=Fill.BLUR),
    "searches.target_rule": searching(target_rule=TargetRule.RANDOM_OTHER),
    "searches.passes": searching(passes=1_234_567),
    "searches.pixels_per_step": searching(method=SearchMethod.BATCHED_GRADIENT, passes=0, pixels_per_step=9),
    "searches.fraction": searching(method=SearchMethod.BACKSELECT, passes=0, fraction=0.05),
    "searches.matched": specification(searches=(PLAIN, replace(PLAIN, matched=True))),
    "controls.control": controlled(),
    "controls.images": controlled(images=16),
    "controls.passes": controlled(passes=1_000_000),
    "controls.method": with_pixel_subsets(method=SearchMethod.BATCHED_GRADIENT),
    "seed": specification(seed=7),
    "sample": specification(sample=40),
    "device": specification(device="cpu"),
    "out_of_distribution_dataset": specification(out_of_distribution_dataset="projects/default/datasets/far"),
    "statistics.level": measured(level=0.9875),
    "statistics.alpha": measured(alpha=0.125),
    "statistics.ratio_limit": measured(ratio_limit=1.5),
    "statistics.accuracy_limit": measured(accuracy_limit=-0.01),
    "counterfactual_dataset": specification(counterfactual_dataset="projects/default/datasets/other"),
    "stopping.limits.measure": limited(measure="accuracy"),
    "stopping.limits.search_index": specification(
        searches=(PLAIN, replace(PLAIN, threshold=0.5)), stopping=limited(search_index=1).stopping
    ),
    "stopping.limits.at_most": limited(at_most=0.25),
    "stopping.limits.at_least": limited(at_most=None, at_least=0.75),
    "stopping.limits.error": limited(error=0.001),
    "stopping.limits.class_label": limited(class_label="a cat's"),
    "stopping.within_ends": limited({"within_ends": False}),
    "stopping.least_eligible_images": limited({"least_eligible_images": 30}),
}
#: Fields that the command has no option for.
OF_PYTHON_ALONE = {
    *("canvas.channels", "canvas.height", "canvas.width", "searches.matched", "out_of_distribution_dataset"),
    *("statistics.ratio_limit", "statistics.accuracy_limit", "stopping.limits.search_index", "stopping.limits.error"),
    *("stopping.limits.class_label", "stopping.within_ends", "stopping.least_eligible_images"),
}
#: Audits that differ from the plain one in more than a field.
OTHERS = {
    "several searches": specification(
        searches=tuple(replace(PLAIN, threshold=t, target_rule=r) for r in TargetRule for t in (0.9, 0.5))
    ),
    "no controls": specification(controls=()),
    "pixel subsets alone": specification(controls=with_pixel_subsets().controls[-1:]),
    "pixel subsets": with_pixel_subsets(passes=1_000_000),
    "an end by a caller": specification(stopping=Stopping()),
}


def paths(kind: type, before: str = "") -> Iterator[str]:
    """Every field of a record, with those of the records in it."""
    for name, hint in get_type_hints(kind).items():
        if name not in {field.name for field in fields(kind)}:
            continue
        inner = next((one for one in (hint, *get_args(hint)) if is_dataclass(one)), None)
        if inner is None:
            yield f"{before}{name}"
        else:
            yield from paths(inner, f"{before}{name}.")


class Captured(BaseException):
    """What would have been sent."""


class Server:
    """A client's connection to a server that knows every version, and sends nothing."""

    project = "projects/default"
    audits = SimpleNamespace(CreateAudit=None)
    models = SimpleNamespace(GetModelVersion=None)

    async def call(self, _: object, request: Any) -> Any:
        if isinstance(request, GetModelVersionRequest):
            return model_pb2.ModelVersion(name=request.name, state=model_pb2.ModelVersion.STATE_READY)
        raise Captured(request)


class Client:
    """A client whose audits are the real ones, on no server."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    @property
    def audits(self) -> "Client":
        return self

    def create(self, **arguments: Any) -> None:
        portal = Portal()
        try:
            portal.run(AsyncAudits(Server()).create(**arguments))
        finally:
            portal.close()


def asked_by(act: Any) -> AuditSpecification:
    """The specification of the audit that would be created, with the server's defaults."""
    with pytest.raises(Captured) as caught:
        act()
    asked = caught.value.args[0].audit.specification
    draft = AuditDraft(specification_value(asked), no_controls=asked.no_controls)
    return fill_in(draft, [version(name) for name in draft.specification.model_versions], Settings())


def by_python(text: str, monkeypatch: pytest.MonkeyPatch) -> AuditSpecification:
    monkeypatch.setattr(modicum, "Client", Client, raising=False)
    return asked_by(lambda: exec(compile(text, "lines", "exec"), {}))  # the lines of the page


def by_command(text: str, monkeypatch: pytest.MonkeyPatch) -> AuditSpecification:
    monkeypatch.setattr(audits_command, "Client", Client)
    program, *words = shlex.split(text)
    assert program == "modicum"
    return asked_by(lambda: whole_command().main(words, standalone_mode=False))


def told(asked: AuditSpecification):
    return repetition(asked, usual_canvas([version(name) for name in asked.model_versions]))


def test_every_field_of_a_specification_is_filled_here():
    assert set(FILLED) == set(paths(AuditSpecification))


@pytest.mark.parametrize("asked", [*FILLED.values(), *OTHERS.values()], ids=[*FILLED, *OTHERS])
def test_the_lines_of_python_ask_for_the_same_audit(asked, monkeypatch):
    again = told(asked)

    assert again.beyond_both == ()
    assert by_python(again.python, monkeypatch) == asked


@pytest.mark.parametrize("field", [*FILLED, *OTHERS])
def test_the_command_asks_for_the_same_audit_or_the_page_says_what_it_has_no_option_for(field, monkeypatch):
    asked = (FILLED | OTHERS)[field]
    again = told(asked)

    if field in OF_PYTHON_ALONE | {"an end by a caller"}:
        assert len(again.beyond_command) == 1
        assert by_command(again.command, monkeypatch) != asked
    else:
        assert again.beyond_command == ()
        assert by_command(again.command, monkeypatch) == asked


def by_form(asked: AuditSpecification) -> AuditSpecification:
    """The specification that the form of a new audit asks for where it was filled in from an audit."""
    filled = form_like(asked)
    names = ("model", "dataset", "threshold", "passes", "sample", "fill", "seed", "counterfactual")
    draft = draft_of(filled, Form({name: [getattr(filled, name)] for name in names}), "projects/default")
    return fill_in(draft, [version(name) for name in draft.specification.model_versions], Settings())


@pytest.mark.parametrize("asked", [*FILLED.values(), *OTHERS.values()], ids=[*FILLED, *OTHERS])
def test_the_form_asks_for_the_same_audit_or_says_what_it_has_no_field_for(asked):
    beyond = beyond_form(asked, usual_canvas([version(name) for name in asked.model_versions]))

    assert (by_form(asked) == asked) is (beyond == ())
    assert all(beyond)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        pytest.param(
            specification(searches=(PLAIN, replace(PLAIN, fill=Fill.BLACK))), "these 2 searches", id="unlike searches"
        ),
        pytest.param(with_pixel_subsets(images=8), "pixel subsets on some of the images", id="some pixel subsets"),
    ],
)
def test_what_neither_can_ask_for_is_said(asked, says, monkeypatch):
    again = told(asked)

    (text,) = again.beyond_both
    assert text.startswith(says)
    assert by_python(again.python, monkeypatch) != asked


def test_a_canvas_is_named_where_the_usual_one_is_not_known():
    again = repetition(specification(), None)

    assert "canvas=Canvas(channels=3, height=64, width=64)" in again.python
    assert again.beyond_command == ("a canvas of 64 x 64 pixels and 3 channels",)


def test_an_audit_of_another_project_is_asked_for_there():
    asked = specification(
        model_versions=("projects/vision/models/net/versions/2",), dataset="projects/vision/datasets/few"
    )

    again = told(asked)

    assert again.command.startswith("MODICUM_PROJECT=vision modicum audits create --model net/2 ")
    assert "with Client(project='vision') as client:" in again.python


def test_what_is_the_default_is_left_out():
    again = told(specification())

    assert again.command == "modicum audits create --model net/2 --dataset few --threshold 0.9 --passes 600"
    assert [line.strip() for line in again.python.splitlines()[2:]] == [
        "with Client() as client:",
        "audit = client.audits.create(",
        *("models=['net/2'],", "dataset='few',", "thresholds=[0.9],", "passes=600,", ")"),
    ]
