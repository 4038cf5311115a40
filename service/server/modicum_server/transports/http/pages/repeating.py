"""The command and the lines of Python that would ask for an audit again. What is the default is left out.

`_arguments` is the one table: each line is an argument of `client.audits.create`, and the option of
`modicum audits create` that takes the same. What one of the two cannot ask for is named, never left out in silence.
"""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from modicum_server.domain.audits import AuditSpecification
from modicum_server.domain.controls import CONTROLS, EXTRA
from modicum_server.domain.pixel_subsets import METHODS
from modicum_server.domain.searches import Canvas, Control, ControlPlan, Fill, SearchMethod, TargetRule
from modicum_server.domain.statistics import DEFAULTS
from modicum_server.domain.stopping import ShareLimit, Stopping
from modicum_server.transports.http.pages.words import acting_in, id_of
from modicum_server.usecases.controls import default_controls
from modicum_server.usecases.resource_names import DEFAULT_PROJECT, project_of

OF_THE_FORM = frozenset({"models", "dataset", "counterfactual", "passes", "seed", "sample", "fill"})
"""Arguments for whose every value the form of a new audit has a field."""
IMPORTED = (Canvas, ShareLimit, Stopping)
"""Values that the lines of Python make by name."""


@dataclass(frozen=True, slots=True)
class Repetition:
    """How to ask for an audit again.

    Attributes:
        command: the command.
        python: the lines of Python.
        beyond_command: what the command has no option for and Python has, in words.
        beyond_both: what neither can ask for, in words.
    """

    command: str
    python: str
    beyond_command: tuple[str, ...]
    beyond_both: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Argument:
    """An argument of `client.audits.create`.

    `option` is that of the command; empty where it has none. It is given once for each of `texts`, which are made of
    the value unless they are named here; a flag has one that is empty. `words` say what an argument without an option
    asks for.
    """

    name: str
    value: Any
    default: Any = None
    option: str = ""
    texts: tuple[str, ...] | None = None
    words: str = ""

    @property
    def options(self) -> Iterator[str]:
        """What the command takes."""
        values = self.value if isinstance(self.value, list) else [self.value]
        for text in map(str, values) if self.texts is None else self.texts:
            yield f"{self.option} {shlex.quote(text)}" if text else self.option


def repetition(specification: AuditSpecification, usual_canvas: Canvas | None) -> Repetition:
    """Return how to ask for an audit again; `usual_canvas` is the canvas where nobody names one, None if unknown."""
    given = [one for one in _arguments(specification, usual_canvas) if one.value != one.default]
    project = project_of("dataset", specification.dataset)
    options = [text for one in given if one.option for text in one.options]
    return Repetition(
        command=acting_in(" ".join(["modicum audits create", *options]), project),
        python=_lines(given, project),
        beyond_command=tuple(one.words for one in given if not one.option),
        beyond_both=tuple(_beyond_both(specification)),
    )


def beyond_form(specification: AuditSpecification, usual_canvas: Canvas | None) -> tuple[str, ...]:
    """Return what of an audit the form of a new one has no field for, in words or as options of the command."""
    given = (one for one in _arguments(specification, usual_canvas) if one.value != one.default)
    beyond = (one.words or " ".join(one.options) for one in given if not _is_in_form(one, specification))
    return (*beyond, *_beyond_both(specification))


def _is_in_form(one: _Argument, asked: AuditSpecification) -> bool:
    if one.name == "thresholds":
        return len(one.value) == 1
    if one.name == "controls":
        return all(
            plan == ControlPlan(plan.control, CONTROLS[plan.control].default_images)
            for plan in asked.controls
            if plan.control not in EXTRA
        )
    return one.name in OF_THE_FORM


def _arguments(asked: AuditSpecification, usual_canvas: Canvas | None) -> Iterator[_Argument]:
    first, statistics = asked.searches[0], asked.statistics
    yield _Argument("models", [_short(name) for name in asked.model_versions], option="--model")
    yield _Argument("dataset", id_of(asked.dataset), option="--dataset")
    yield _Argument("counterfactual", id_of(asked.counterfactual_dataset), "", "--counterfactual")
    yield _Argument("thresholds", _thresholds(asked), option="--threshold")
    yield _Argument("method", first.method.value, SearchMethod.MASK_OPTIMIZATION.value, "--method")
    yield _Argument("passes", first.passes, 0, "--passes")
    yield _Argument("pixels_per_step", first.pixels_per_step, 0, "--pixels-per-step")
    yield _Argument("fraction", first.fraction, 0.0, "--fraction")
    yield _Argument("seed", asked.seed, 0, "--seed")
    yield _Argument("sample", asked.sample, 0, "--sample")
    yield _Argument("fill", first.fill.value, Fill.MEAN.value, "--fill")
    yield _Argument("target_rules", _rules(asked), [TargetRule.PREDICTED.value], "--target-rule")
    yield from _control_arguments(asked)
    yield _Argument("level", statistics.level, DEFAULTS.level, "--level")
    yield _Argument("alpha", statistics.alpha, DEFAULTS.alpha, "--alpha")
    yield _stopping_argument(asked.stopping)
    yield _Argument("device", asked.device, "auto", "--device")
    canvas = asked.canvas
    words = f"a canvas of {canvas.height} x {canvas.width} pixels and {canvas.channels} channels"
    yield _Argument("canvas", canvas, usual_canvas, words=words)
    matched = any(search.matched for search in asked.searches)
    yield _Argument("matched", matched, default=False, words="matched searches")
    second = id_of(asked.out_of_distribution_dataset)
    yield _Argument("out_of_distribution", second, "", words=f"the out-of-distribution data set {second}")
    ratio, accuracy = statistics.ratio_limit, statistics.accuracy_limit
    yield _Argument("ratio_limit", ratio, DEFAULTS.ratio_limit, words=f"a limit of {ratio} for an ensemble's ratio")
    words = f"a limit of {accuracy} for an ensemble's accuracy"
    yield _Argument("accuracy_limit", accuracy, DEFAULTS.accuracy_limit, words=words)


def _control_arguments(asked: AuditSpecification) -> Iterator[_Argument]:
    named = _named_controls(asked)
    if named == []:
        yield _Argument("controls", named, option="--no-controls", texts=("",))
    else:
        yield _Argument("controls", named, option="--control")
    for plan in asked.controls:
        if plan.control is Control.PIXEL_SUBSETS:
            method = plan.method or SearchMethod.BATCHED_GRADIENT  # of release 0.1.0, which had no other
            yield _Argument("pixel_subsets", plan.passes, option="--pixel-subsets")
            yield _Argument("pixel_subsets_method", method.value, METHODS[0].value, "--pixel-subsets-method")


def _stopping_argument(stopping: Stopping | None) -> _Argument:
    """An early end: the command takes limits of shares of the first search, and the rest as it is by default."""
    limits = () if stopping is None else stopping.limits
    by_option = Stopping(
        limits=tuple(ShareLimit(measure=one.measure, at_most=one.at_most, at_least=one.at_least) for one in limits),
        within_ends=True,
    )
    one_sided = all((one.at_most is None) != (one.at_least is None) for one in limits)
    if not limits or stopping != by_option or not one_sided:
        return _Argument("stopping", stopping, words="an early end as this audit has it")
    return _Argument("stopping", stopping, option="--stopping", texts=tuple(map(_limit_text, limits)))


def _limit_text(limit: ShareLimit) -> str:
    sign, share = ("<=", limit.at_most) if limit.at_most is not None else (">=", limit.at_least)
    return f"{limit.measure.replace('_', '-')}{sign}{share}"


def _beyond_both(asked: AuditSpecification) -> Iterator[str]:
    first = asked.searches[0]
    product = tuple(
        replace(first, threshold=threshold, target_rule=TargetRule(rule), matched=matched)
        for matched in ((False, True) if any(search.matched for search in asked.searches) else (False,))
        for rule in _rules(asked)
        if not matched or rule == TargetRule.PREDICTED
        for threshold in _thresholds(asked)
    )
    if asked.searches != product:
        yield f"these {len(asked.searches)} searches together, which differ in more than the threshold and the class"
    if any(plan.images for plan in asked.controls if plan.control is Control.PIXEL_SUBSETS):
        yield "pixel subsets on some of the images"


def _thresholds(asked: AuditSpecification) -> list[float]:
    return list(dict.fromkeys(search.threshold for search in asked.searches))


def _rules(asked: AuditSpecification) -> list[str]:
    return list(dict.fromkeys(search.target_rule.value for search in asked.searches))


def _named_controls(asked: AuditSpecification) -> list[str] | None:
    """Return the named controls as the command takes them; None where they are the default ones."""
    named = [plan for plan in asked.controls if plan.control not in EXTRA]
    if named == list(default_controls(len(asked.model_versions), asked.canvas)):
        return None
    return [_control(plan) for plan in named]


def _control(plan: ControlPlan) -> str:
    parts = [plan.control.value]
    if plan.images or plan.passes:
        parts.append(str(plan.images))
    if plan.passes:
        parts.append(str(plan.passes))
    return ":".join(parts)


def _short(version: str) -> str:
    *_, model, _, number = version.split("/")
    return f"{model}/{number}"


def _lines(given: Sequence[_Argument], project: str) -> str:
    arguments = "".join(f"        {one.name}={_written(one.value)},\n" for one in given)
    names = ["Client", *(kind.__name__ for kind in IMPORTED if f"{kind.__name__}(" in arguments)]
    client = "Client()" if project == DEFAULT_PROJECT else f"Client(project={id_of(project)!r})"
    return (
        f"from modicum import {', '.join(sorted(names))}\n\n"
        f"with {client} as client:\n    audit = client.audits.create(\n{arguments}    )\n"
    )


def _written(value: Any) -> str:
    """Return a value as Python reads it; a record without what is its default."""
    if isinstance(value, tuple):
        return f"({''.join(f'{_written(one)}, ' for one in value).rstrip()})"
    if not is_dataclass(value) or isinstance(value, type):
        return repr(value)
    given = [(field, getattr(value, field.name)) for field in fields(value)]
    told = ", ".join(f"{field.name}={_written(one)}" for field, one in given if one != field.default)
    return f"{type(value).__name__}({told})"
