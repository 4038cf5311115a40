"""The specification of an audit: searches, controls and canvas; and its gRPC messages."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from numbers import Integral, Real

from modicum.errors import InvalidArgument
from modicum.gate.asked_audit import FEWEST_PASSES
from modicum.gate.fills import Fill
from modicum.gate.stopping import Stopping
from modicum.statistics import Statistics, statistics_message, statistics_value
from modicum.stopping import stopping_message, stopping_value
from modicum.v1 import audit_pb2, search_pb2

#: The largest numbers that fit the service's fields.
INT32_MAX = 2**31 - 1
INT64_MAX = 2**63 - 1
#: The confidence that a subset must reach where nobody names another.
DEFAULT_THRESHOLD = 0.9
#: A number of images or passes. It has at most as many digits as INT64_MAX.
NUMBER = re.compile(r"[0-9]{1,19}")
#: What may follow the name of a control, each after a colon.
PLAN_NUMBERS = ("IMAGES", "PASSES")


class SearchMethod(StrEnum):
    """How a subset is searched."""

    BACKSELECT = "backselect"
    BATCHED_GRADIENT = "batched_gradient"
    MASK_OPTIMIZATION = "mask_optimization"


class TargetRule(StrEnum):
    """Which class a subset must keep."""

    PREDICTED = "predicted"
    RANDOM_OTHER = "random_other"


class Control(StrEnum):
    """A test of how much a subset proves."""

    CLASS_TARGETED = "class_targeted"
    FILL = "fill"
    FILL_ROBUST = "fill_robust"
    DILATED = "dilated"
    MASK_ONLY = "mask_only"
    RANDOM = "random"
    TRANSFER = "transfer"
    SHORTCUT = "shortcut"
    PIXEL_SUBSETS = "pixel_subsets"
    SPOT = "spot"


#: Controls that search by themselves, with the smallest budget that the server accepts. Other controls take no budget.
FEWEST_CONTROL_PASSES: Mapping[Control, int] = {Control(name): passes for name, passes in FEWEST_PASSES.items()}


@dataclass(frozen=True, slots=True)
class Canvas:
    """The size of the images, masks and fills of an audit."""

    channels: int
    height: int
    width: int

    def __post_init__(self) -> None:
        """Refuse numbers that do not fit the fields of the messages.

        Raises:
            InvalidArgument: names the number, what was expected and what came.
        """
        for name in ("channels", "height", "width"):
            _refuse_outside(f"canvas.{name}", getattr(self, name), INT32_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One search. For a number that is 0, the server chooses.

    `passes` is the budget of mask_optimization per image, in pass-equivalents. `pixels_per_step` is for
    batched_gradient. `fraction`, the share of the remaining pixels removed in each step, is for backselect. A `matched`
    search repeats the same search on the members of an ensemble, at temperatures that make as many images eligible.
    """

    threshold: float
    method: SearchMethod = SearchMethod.MASK_OPTIMIZATION
    fill: Fill = Fill.MEAN
    target_rule: TargetRule = TargetRule.PREDICTED
    passes: int = 0
    pixels_per_step: int = 0
    fraction: float = 0.0
    matched: bool = False

    def __post_init__(self) -> None:
        """Refuse numbers outside their range.

        Raises:
            InvalidArgument: names the number, what was expected and what came.
        """
        if not isinstance(self.threshold, Real) or not 0 < self.threshold < 1:
            raise InvalidArgument(f"threshold: expected a number above 0 and below 1, e.g. 0.9; got {self.threshold!r}")
        _refuse_outside("passes", self.passes, INT64_MAX)
        _refuse_outside("pixels_per_step", self.pixels_per_step, INT32_MAX)
        if not isinstance(self.fraction, Real) or not 0 <= self.fraction < 1:
            raise InvalidArgument(
                f"fraction: expected 0 (one pixel in each step), or a number above 0 and below 1; got {self.fraction!r}"
            )


@dataclass(frozen=True, slots=True)
class ControlPlan:
    """A control, how many images it runs on (0: all with a subset), and its budget per image (0: the search's).

    `method` is the search of pixel_subsets; None: the server chooses. In audits of 0.1.0 it was batched_gradient.
    """

    control: Control
    images: int = 0
    passes: int = 0
    method: SearchMethod | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that do not fit the fields of the messages.

        Raises:
            InvalidArgument: names the number, what was expected and what came.
        """
        _refuse_outside("images of a control", self.images, INT32_MAX)
        _refuse_outside("passes of a control", self.passes, INT64_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSpecification:
    """The specification of an audit, with every default filled in. `sample` 0 means all items.

    Without `stopping`, the audit ends only when all its images are done.
    """

    model_versions: tuple[str, ...]
    dataset: str
    canvas: Canvas | None
    searches: tuple[Search, ...]
    controls: tuple[ControlPlan, ...]
    seed: int
    sample: int
    device: str
    out_of_distribution_dataset: str = ""
    statistics: Statistics = Statistics()  # noqa: RUF009  # frozen, so one may stand for all
    counterfactual_dataset: str = ""
    stopping: Stopping | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that do not fit the fields of the messages.

        Raises:
            InvalidArgument: names the number, what was expected and what came.
        """
        _refuse_outside("seed", self.seed, INT64_MAX)
        _refuse_outside("sample", self.sample, INT32_MAX)


def _refuse_outside(name: str, number: int, largest: int) -> None:
    if not isinstance(number, Integral) or not 0 <= number <= largest:
        raise InvalidArgument(f"{name}: expected a whole number from 0 to {largest}, got {number!r}")


def control_plan(text: str | Control | ControlPlan) -> ControlPlan:
    """The plan in `text`: NAME, NAME:IMAGES or NAME:IMAGES:PASSES.

    Raises:
        InvalidArgument: the control is unknown, a number is wrong, or the control takes no such budget.
    """
    plan = text if isinstance(text, ControlPlan) else _named_plan(str(text))
    fewest = FEWEST_CONTROL_PASSES.get(plan.control, 0)
    if plan.passes and not fewest:
        raise InvalidArgument(
            f"passes of a control: {plan.control} takes no budget, because it does not search; got {plan.passes}"
        )
    if 0 < plan.passes < fewest:
        raise InvalidArgument(
            f"passes of a control: expected 0 (the budget of the search) or at least {fewest} for {plan.control}; got "
            f"{plan.passes}"
        )
    return plan


def _named_plan(text: str) -> ControlPlan:
    name, *numbers = text.split(":")
    if name not in set(Control) or len(numbers) > len(PLAN_NUMBERS):
        raise InvalidArgument(
            f"control: expected NAME, NAME:IMAGES or NAME:IMAGES:PASSES; got {text!r}. Names: {', '.join(Control)}"
        )
    for number, word in zip(numbers, PLAN_NUMBERS, strict=False):
        if not NUMBER.fullmatch(number):
            raise InvalidArgument(f"control {text!r}: expected {word} to be a whole number, 0 or more; got {number!r}")
    images, passes = [*map(int, numbers), 0, 0][:2]
    return ControlPlan(Control(name), images, passes)


def checked_canvas(given: object) -> Canvas | None:
    """The canvas; None if the service is to choose.

    Raises:
        InvalidArgument: it is something else.
    """
    if given is not None and not isinstance(given, Canvas):
        raise InvalidArgument(f"canvas: expected a Canvas, e.g. Canvas(channels=3, height=32, width=32); got {given!r}")
    return given


def search_method(text: str, argument: str = "method") -> SearchMethod:
    """The method of that name, which was given as an argument.

    Raises:
        InvalidArgument: the name is unknown.
    """
    if text not in set(SearchMethod):
        raise InvalidArgument(f"{argument}: expected one of {', '.join(SearchMethod)}; got {text!r}")
    return SearchMethod(text)


def fill_of(text: str) -> Fill:
    """The fill of that name.

    Raises:
        InvalidArgument: the name is unknown.
    """
    if text not in set(Fill):
        raise InvalidArgument(f"fill: expected one of {', '.join(Fill)}; got {text!r}")
    return Fill(text)


def target_rule(text: str) -> TargetRule:
    """The target rule of that name.

    Raises:
        InvalidArgument: the name is unknown.
    """
    if text not in set(TargetRule):
        raise InvalidArgument(f"target rule: expected one of {', '.join(TargetRule)}; got {text!r}")
    return TargetRule(text)


def specification_message(specification: AuditSpecification, *, no_controls: bool) -> audit_pb2.AuditSpecification:
    """The message. If it has no controls, the server runs its default controls, unless `no_controls`."""
    canvas = specification.canvas
    return audit_pb2.AuditSpecification(
        model_versions=specification.model_versions,
        dataset=specification.dataset,
        canvas=_canvas_message(canvas) if canvas else None,
        searches=[_search_message(search) for search in specification.searches],
        controls=[_control_message(plan) for plan in specification.controls],
        seed=specification.seed,
        sample=specification.sample,
        device=specification.device,
        no_controls=no_controls,
        out_of_distribution_dataset=specification.out_of_distribution_dataset,
        statistics=statistics_message(specification.statistics),
        counterfactual_dataset=specification.counterfactual_dataset,
        stopping=None if specification.stopping is None else stopping_message(specification.stopping),
    )


def specification_value(message: audit_pb2.AuditSpecification) -> AuditSpecification:
    """The specification that a message holds."""
    canvas = message.canvas
    return AuditSpecification(
        model_versions=tuple(message.model_versions),
        dataset=message.dataset,
        canvas=Canvas(canvas.channels, canvas.height, canvas.width) if message.HasField("canvas") else None,
        searches=_search_values(message.searches),
        controls=tuple(_control_value(plan) for plan in message.controls),
        seed=message.seed,
        sample=message.sample,
        device=message.device,
        out_of_distribution_dataset=message.out_of_distribution_dataset,
        statistics=statistics_value(message.statistics),
        counterfactual_dataset=message.counterfactual_dataset,
        stopping=stopping_value(message.stopping) if message.HasField("stopping") else None,
    )


def _canvas_message(canvas: Canvas) -> search_pb2.Canvas:
    return search_pb2.Canvas(channels=canvas.channels, height=canvas.height, width=canvas.width)


def _search_message(search: Search) -> search_pb2.Search:
    return search_pb2.Search(
        method=search_pb2.SearchMethod.Value(f"SEARCH_METHOD_{search.method.upper()}"),
        threshold=search.threshold,
        fill=search_pb2.Fill.Value(f"FILL_{search.fill.upper()}"),
        target_rule=search_pb2.TargetRule.Value(f"TARGET_RULE_{search.target_rule.upper()}"),
        passes=search.passes,
        pixels_per_step=search.pixels_per_step,
        fraction=search.fraction,
        matched=search.matched,
    )


def _control_message(plan: ControlPlan) -> search_pb2.ControlPlan:
    control = search_pb2.Control.Value(f"CONTROL_{plan.control.upper()}")
    method = search_pb2.SearchMethod.Value(f"SEARCH_METHOD_{(plan.method or 'unspecified').upper()}")
    return search_pb2.ControlPlan(control=control, images=plan.images, passes=plan.passes, method=method)


def _control_value(message: search_pb2.ControlPlan) -> ControlPlan:
    control = Control(_word(search_pb2.Control.Name(message.control), "CONTROL_"))
    method = _word(search_pb2.SearchMethod.Name(message.method), "SEARCH_METHOD_") if message.method else None
    return ControlPlan(control, message.images, message.passes, SearchMethod(method) if method else None)


def _search_values(messages: Sequence[search_pb2.Search]) -> tuple[Search, ...]:
    return tuple(
        Search(
            threshold=message.threshold,
            method=SearchMethod(_word(search_pb2.SearchMethod.Name(message.method), "SEARCH_METHOD_")),
            fill=Fill(_word(search_pb2.Fill.Name(message.fill), "FILL_")),
            target_rule=TargetRule(_word(search_pb2.TargetRule.Name(message.target_rule), "TARGET_RULE_")),
            passes=message.passes,
            pixels_per_step=message.pixels_per_step,
            fraction=message.fraction,
            matched=message.matched,
        )
        for message in messages
    )


def _word(enumerator: str, prefix: str) -> str:
    return enumerator.removeprefix(prefix).lower()
