"""What an audit is asked to do, in the words of the method, and its messages."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from numbers import Integral, Real

from modicum.errors import InvalidArgument
from modicum.statistics import Statistics, statistics_message, statistics_value
from modicum.v1 import audit_pb2, search_pb2

#: The largest numbers that fit the service's fields.
INT32_MAX = 2**31 - 1
INT64_MAX = 2**63 - 1
#: A number in a control's plan, at most as long as the largest.
NUMBER = re.compile(r"[0-9]{1,19}")
#: What follows a control's name, each after a colon.
PLAN_NUMBERS = ("IMAGES", "PASSES")


class SearchMethod(StrEnum):
    """A way to find a subset."""

    BACKSELECT = "backselect"
    BATCHED_GRADIENT = "batched_gradient"
    MASK_OPTIMIZATION = "mask_optimization"


class Fill(StrEnum):
    """What stands where a pixel is masked."""

    MEAN = "mean"
    BLACK = "black"
    WHITE = "white"
    NOISE = "noise"
    BLUR = "blur"
    MARGINAL = "marginal"


class TargetRule(StrEnum):
    """Which class a search argues for."""

    PREDICTED = "predicted"
    RANDOM_OTHER = "random_other"


class Control(StrEnum):
    """A question that stands next to every subset size."""

    CLASS_TARGETED = "class_targeted"
    FILL = "fill"
    FILL_ROBUST = "fill_robust"
    DILATED = "dilated"
    MASK_ONLY = "mask_only"
    RANDOM = "random"
    TRANSFER = "transfer"
    SHORTCUT = "shortcut"
    PIXEL_SUBSETS = "pixel_subsets"


#: Controls with a search of their own, and the least budget of it that the server takes; all others have none.
FEWEST_CONTROL_PASSES: Mapping[Control, int] = {
    Control.CLASS_TARGETED: 10,
    Control.FILL_ROBUST: 41,
    Control.PIXEL_SUBSETS: 16,
}


@dataclass(frozen=True, slots=True)
class Canvas:
    """The grid on which images, masks and fills of one audit live."""

    channels: int
    height: int
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One search. 0 leaves a number to the server.

    `passes` is a budget an image in pass-equivalents (mask_optimization), `pixels_per_step` belongs to
    batched_gradient, `fraction` (share of the remaining pixels removed a step) to backselect. A `matched` search
    repeats the same one on an ensemble's members, at temperatures that make as many of their images eligible.
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
        """Refuse numbers outside what the method allows.

        Raises:
            InvalidArgument: names the number.
        """
        if not isinstance(self.threshold, Real) or not 0 < self.threshold < 1:
            raise InvalidArgument(f"a threshold lies above 0 and below 1, e.g. 0.9, not {self.threshold!r}")
        _refuse_outside("passes", self.passes, INT64_MAX)
        _refuse_outside("pixels_per_step", self.pixels_per_step, INT32_MAX)
        if not isinstance(self.fraction, Real) or not 0 <= self.fraction < 1:
            raise InvalidArgument(f"a fraction is 0 (one pixel a step) or below 1, not {self.fraction!r}")


@dataclass(frozen=True, slots=True)
class ControlPlan:
    """A control, the number of images it runs on (0: all with a subset), its budget in passes (0: the search's own)."""

    control: Control
    images: int = 0
    passes: int = 0

    def __post_init__(self) -> None:
        """Refuse numbers that no service can take.

        Raises:
            InvalidArgument: names the number.
        """
        _refuse_outside("images of a control", self.images, INT32_MAX)
        _refuse_outside("passes of a control", self.passes, INT64_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSpecification:
    """What an audit is to do, with every default filled in. `sample` 0 means all items, no second data set none."""

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

    def __post_init__(self) -> None:
        """Refuse numbers that no service can take.

        Raises:
            InvalidArgument: names the number.
        """
        _refuse_outside("seed", self.seed, INT64_MAX)
        _refuse_outside("sample", self.sample, INT32_MAX)


def _refuse_outside(name: str, number: int, largest: int) -> None:
    if not isinstance(number, Integral) or not 0 <= number <= largest:
        raise InvalidArgument(f"{name}: expected a whole number from 0 to {largest}, got {number!r}")


def control_plan(text: str | Control | ControlPlan) -> ControlPlan:
    """The plan that `text` names: CONTROL, CONTROL:IMAGES or CONTROL:IMAGES:PASSES.

    Raises:
        InvalidArgument: it names none, or has a budget that its control cannot use.
    """
    plan = text if isinstance(text, ControlPlan) else _named_plan(str(text))
    fewest = FEWEST_CONTROL_PASSES.get(plan.control, 0)
    if plan.passes and not fewest:
        raise InvalidArgument(
            f"passes of a control: expected none for {plan.control}, which has no search of its own, got {plan.passes}"
        )
    if 0 < plan.passes < fewest:
        raise InvalidArgument(
            f"passes of a control: expected at least {fewest} for {plan.control}, or 0, which leaves it to the server; "
            f"got {plan.passes}"
        )
    return plan


def _named_plan(text: str) -> ControlPlan:
    name, *numbers = text.split(":")
    if name not in set(Control) or len(numbers) > len(PLAN_NUMBERS):
        raise InvalidArgument(
            f"a control is NAME, NAME:IMAGES or NAME:IMAGES:PASSES with NAME one of {', '.join(Control)}; got {text!r}"
        )
    for number, word in zip(numbers, PLAN_NUMBERS, strict=False):
        if not NUMBER.fullmatch(number):
            raise InvalidArgument(
                f"control {text!r}: expected {word} to be a whole number of 0 or more, got {number!r}"
            )
    images, passes = [*map(int, numbers), 0, 0][:2]
    return ControlPlan(Control(name), images, passes)


def search_method(text: str) -> SearchMethod:
    """The method of that name.

    Raises:
        InvalidArgument: there is none.
    """
    if text not in set(SearchMethod):
        raise InvalidArgument(f"a method is one of {', '.join(SearchMethod)}, not {text!r}")
    return SearchMethod(text)


def fill_of(text: str) -> Fill:
    """The fill of that name.

    Raises:
        InvalidArgument: there is none.
    """
    if text not in set(Fill):
        raise InvalidArgument(f"a fill is one of {', '.join(Fill)}, not {text!r}")
    return Fill(text)


def target_rule(text: str) -> TargetRule:
    """The target rule of that name.

    Raises:
        InvalidArgument: there is none.
    """
    if text not in set(TargetRule):
        raise InvalidArgument(f"a target rule is one of {', '.join(TargetRule)}, not {text!r}")
    return TargetRule(text)


def specification_message(specification: AuditSpecification, *, no_controls: bool) -> audit_pb2.AuditSpecification:
    """The message; without controls the server's default ones run, unless `no_controls`."""
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
    )


def specification_value(message: audit_pb2.AuditSpecification) -> AuditSpecification:
    """The specification that a message holds."""
    canvas = message.canvas
    return AuditSpecification(
        model_versions=tuple(message.model_versions),
        dataset=message.dataset,
        canvas=Canvas(canvas.channels, canvas.height, canvas.width) if message.HasField("canvas") else None,
        searches=_search_values(message.searches),
        controls=tuple(
            ControlPlan(Control(_word(search_pb2.Control.Name(plan.control), "CONTROL_")), plan.images, plan.passes)
            for plan in message.controls
        ),
        seed=message.seed,
        sample=message.sample,
        device=message.device,
        out_of_distribution_dataset=message.out_of_distribution_dataset,
        statistics=statistics_value(message.statistics),
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
    return search_pb2.ControlPlan(control=control, images=plan.images, passes=plan.passes)


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
