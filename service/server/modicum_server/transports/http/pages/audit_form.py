"""What the form of a new audit asks for, and the draft of an audit that it makes."""

from dataclasses import dataclass, field
from functools import partial
from typing import Final
from uuid import uuid4

from modicum_server.domain.audits import AuditSpecification
from modicum_server.domain.controls import ASKING_OTHERS, CONTROLS
from modicum_server.domain.searches import Canvas, Control, ControlPlan, Fill, Search, SearchMethod
from modicum_server.errors import FieldInvalid
from modicum_server.transports.http.pages.forms import Form, Reading
from modicum_server.usecases.audit_creation import id_mistakes
from modicum_server.usecases.specifications import AuditDraft, draft_mistakes

DEFAULT_THRESHOLD: Final = "0.9"
OFFERED: Final = tuple(control.value for control, facts in CONTROLS.items() if facts.by_default)
"""The controls that the form offers: those that run by default."""
LABELS: Final = {
    "model": "Model",
    "model_versions": "Model",
    "dataset": "Data set",
    "sample": "Images",
    "threshold": "Threshold",
    "audit_id": "Name",
    "passes": "Passes of the search of one image",
    "fill": "What replaces a masked pixel",
    "seed": "Seed",
    "counterfactual": "The same pictures without a suspected cue",
    "counterfactual_dataset": "The same pictures without a suspected cue",
    "controls": "Questions",
}
"""What the fields of the form are called, by their names in the API and in the form."""


@dataclass(frozen=True, slots=True)
class AuditForm:
    """The fields of the form as they were typed. `controls` is None where the form did not offer them."""

    model: str = ""
    dataset: str = ""
    threshold: str = DEFAULT_THRESHOLD
    passes: str = ""
    sample: str = ""
    fill: str = Fill.MEAN.value
    seed: str = "0"
    audit_id: str = ""
    counterfactual: str = ""
    beside: tuple[str, ...] = ()
    controls: tuple[str, ...] | None = None
    request_id: str = field(default_factory=lambda: str(uuid4()))

    @classmethod
    def of(cls, form: Form) -> "AuditForm":
        """Return what was typed. An empty field has no default here, so that a mistake stays visible."""
        typed = {name: form.text(name) for name in cls.__slots__ if name not in {"beside", "controls"}}
        controls = form.texts("control") if form.text("controls_offered") else None
        return cls(**typed, beside=form.texts("beside"), controls=controls)

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions to audit, the first of them the model of the form. One that was chosen twice counts once."""
        return tuple(dict.fromkeys((self.model, *self.beside)))


def draft_of(asked: AuditForm, form: Form, project: str) -> AuditDraft:
    """Return the draft that a form asks for.

    Args:
        asked: its fields as they were typed.
        form: the same, to read numbers from.
        project: in which the audit is to be.

    Raises:
        FieldInvalid: with all mistakes that show without a look at what is stored.
    """
    read = Reading(form)
    read.note(FieldInvalid(name, "choose one") for name in ("model", "dataset") if not form.text(name))
    search = Search(
        SearchMethod.MASK_OPTIMIZATION,
        read.number("threshold", float(DEFAULT_THRESHOLD)),
        fill=read.taken(partial(_fill, asked), Fill.MEAN),
        passes=read.whole("passes"),
    )
    controls = read.taken(partial(_controls, asked), None)
    specification = AuditSpecification(
        model_versions=asked.versions,
        dataset=asked.dataset,
        canvas=Canvas(0, 0, 0),
        searches=(search,),
        controls=controls or (),
        seed=read.whole("seed"),
        sample=read.whole("sample"),
        device="",
        counterfactual_dataset=asked.counterfactual,
    )
    draft = AuditDraft(specification, no_controls=controls == ())
    read.note(draft_mistakes(draft, project))
    read.note(id_mistakes(asked.audit_id))
    read.end()
    return draft


def _fill(asked: AuditForm) -> Fill:
    fill = asked.fill or Fill.MEAN.value
    if fill not in set(Fill):
        raise FieldInvalid("fill", f"expected {', '.join(Fill)}, got {fill[:40]!r}")
    return Fill(fill)


def _controls(asked: AuditForm) -> tuple[ControlPlan, ...] | None:
    """Return the chosen controls; None for the default ones, as if the form had offered none."""
    if asked.controls is None:
        return None
    for name in asked.controls:
        if name not in OFFERED:
            raise FieldInvalid("controls", f"expected {', '.join(OFFERED)}, got {name[:40]!r}")
    if set(asked.controls) == set(OFFERED):
        return None
    chosen = [control for control in map(Control, asked.controls) if len(asked.versions) > 1 or _asks_none(control)]
    if asked.controls and not chosen:
        left = " and ".join(asked.controls)
        rule = f"{left} needs other versions, and none is chosen; choose one under Compare, or choose other questions"
        raise FieldInvalid("controls", rule)
    return tuple(ControlPlan(control, CONTROLS[control].default_images) for control in chosen)


def _asks_none(control: Control) -> bool:
    return control not in ASKING_OTHERS
