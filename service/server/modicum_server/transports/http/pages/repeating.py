"""The command and the lines of Python that would ask for an audit again. What is the default is left out."""

import shlex
from collections.abc import Iterator

from modicum_server.domain.audits import AuditSpecification
from modicum_server.domain.controls import EXTRA
from modicum_server.domain.searches import Control, ControlPlan, Fill, SearchMethod, TargetRule
from modicum_server.domain.statistics import DEFAULTS
from modicum_server.transports.http.pages.words import id_of
from modicum_server.usecases.controls import default_controls

Options = Iterator[tuple[str, str]]


def command_of(specification: AuditSpecification) -> str:
    """Return the command."""
    words = [
        f"--{name} {shlex.quote(value)}".rstrip() if value else f"--{name}" for name, value in _options(specification)
    ]
    return "modicum audits create " + " ".join(words)


def python_of(specification: AuditSpecification) -> str:
    """Return the lines of Python."""
    first = specification.searches[0]
    given = {
        "models": [_short(name) for name in specification.model_versions],
        "dataset": id_of(specification.dataset),
        "thresholds": sorted({search.threshold for search in specification.searches}),
        **_unless("method", first.method.value, SearchMethod.MASK_OPTIMIZATION.value),
        **_unless("passes", first.passes, 0),
        **_unless("pixels_per_step", first.pixels_per_step, 0),
        **_unless("fraction", first.fraction, 0.0),
        **_unless("fill", first.fill.value, Fill.MEAN.value),
        **_unless("target_rules", _rules(specification), [TargetRule.PREDICTED.value]),
        **_unless("seed", specification.seed, 0),
        **_unless("sample", specification.sample, 0),
        **_unless("controls", _controls(specification), None),
        **_unless("counterfactual", id_of(specification.counterfactual_dataset), ""),
        **_unless("level", specification.statistics.level, DEFAULTS.level),
        **_unless("alpha", specification.statistics.alpha, DEFAULTS.alpha),
        **_unless("device", specification.device, "auto"),
    }
    lines = "".join(f"        {name}={value!r},\n" for name, value in given.items())
    return f"from modicum import Client\n\nwith Client() as client:\n    audit = client.audits.create(\n{lines}    )\n"


def _unless(name: str, value: object, default: object) -> dict[str, object]:
    return {} if value == default else {name: value}


def _options(specification: AuditSpecification) -> Options:
    first, statistics = specification.searches[0], specification.statistics
    yield from (("model", _short(name)) for name in specification.model_versions)
    yield "dataset", id_of(specification.dataset)
    if specification.counterfactual_dataset:
        yield "counterfactual", id_of(specification.counterfactual_dataset)
    yield from (("threshold", f"{value:g}") for value in sorted({one.threshold for one in specification.searches}))
    if first.method is not SearchMethod.MASK_OPTIMIZATION:
        yield "method", first.method.value
    numbers = {"passes": first.passes, "pixels-per-step": first.pixels_per_step, "fraction": first.fraction}
    numbers |= {"seed": specification.seed, "sample": specification.sample}
    yield from ((name, f"{value:g}") for name, value in numbers.items() if value)
    if first.fill is not Fill.MEAN:
        yield "fill", first.fill.value
    if _rules(specification) != [TargetRule.PREDICTED.value]:
        yield from (("target", rule) for rule in _rules(specification))
    yield from _control_options(specification)
    yield from (
        (name, f"{getattr(statistics, name):g}")
        for name in ("level", "alpha")
        if getattr(statistics, name) != getattr(DEFAULTS, name)
    )
    if specification.device != "auto":
        yield "device", specification.device


def _control_options(specification: AuditSpecification) -> Options:
    asked = _controls(specification)
    if asked == []:
        yield "no-controls", ""
    yield from (("control", text) for text in asked or ())
    for plan in specification.controls:
        if plan.control is Control.PIXEL_SUBSETS:
            yield "pixel-subsets", str(plan.passes)


def _controls(specification: AuditSpecification) -> list[str] | None:
    """Return the named controls as the command takes them; None where they are the default ones."""
    asked = [plan for plan in specification.controls if plan.control not in EXTRA]
    if asked == list(default_controls(len(specification.model_versions), specification.canvas)):
        return None
    return [_control(plan) for plan in asked]


def _control(plan: ControlPlan) -> str:
    parts = [plan.control.value]
    if plan.images or plan.passes:
        parts.append(str(plan.images))
    if plan.passes:
        parts.append(str(plan.passes))
    return ":".join(parts)


def _rules(specification: AuditSpecification) -> list[str]:
    return list(dict.fromkeys(search.target_rule.value for search in specification.searches))


def _short(version: str) -> str:
    *_, model, _, number = version.split("/")
    return f"{model}/{number}"
