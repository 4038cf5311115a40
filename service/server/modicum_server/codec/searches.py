"""Canvas, search and control plan."""

from modicum.v1 import search_pb2

from modicum_server.codec.enums import enum_number, enum_value
from modicum_server.domain.searches import Canvas, Control, ControlPlan, Fill, Search, SearchMethod, TargetRule


def canvas_message(value: Canvas) -> search_pb2.Canvas:
    """Canvas."""
    return search_pb2.Canvas(channels=value.channels, height=value.height, width=value.width)


def canvas_value(message: search_pb2.Canvas) -> Canvas:
    """Canvas."""
    return Canvas(channels=message.channels, height=message.height, width=message.width)


def fill_number(value: Fill) -> search_pb2.Fill.ValueType:
    """Fill."""
    number: search_pb2.Fill.ValueType = enum_number(search_pb2.Fill, "FILL", value)
    return number


def fill_value(number: int) -> Fill | None:
    """Fill, None if unset or unknown."""
    return enum_value(search_pb2.Fill, "FILL", number, Fill)


def search_message(value: Search) -> search_pb2.Search:
    """Search."""
    return search_pb2.Search(
        method=enum_number(search_pb2.SearchMethod, "SEARCH_METHOD", value.method),
        threshold=value.threshold,
        fill=fill_number(value.fill),
        target_rule=enum_number(search_pb2.TargetRule, "TARGET_RULE", value.target_rule),
        passes=value.passes,
        pixels_per_step=value.pixels_per_step,
        fraction=value.fraction,
        matched=value.matched,
    )


def search_value(message: search_pb2.Search) -> Search:
    """Search. An unset enum has the default of the contract."""
    method = enum_value(search_pb2.SearchMethod, "SEARCH_METHOD", message.method, SearchMethod)
    target_rule = enum_value(search_pb2.TargetRule, "TARGET_RULE", message.target_rule, TargetRule)
    return Search(
        method=method or SearchMethod.MASK_OPTIMIZATION,
        threshold=message.threshold,
        fill=fill_value(message.fill) or Fill.MEAN,
        target_rule=target_rule or TargetRule.PREDICTED,
        passes=message.passes,
        pixels_per_step=message.pixels_per_step,
        fraction=message.fraction,
        matched=message.matched,
    )


def control_plan_message(value: ControlPlan) -> search_pb2.ControlPlan:
    """Control plan."""
    control = enum_number(search_pb2.Control, "CONTROL", value.control)
    method = enum_number(search_pb2.SearchMethod, "SEARCH_METHOD", value.method)
    return search_pb2.ControlPlan(control=control, images=value.images, passes=value.passes, method=method)


def control_plan_value(message: search_pb2.ControlPlan) -> ControlPlan | None:
    """Control plan, None if the control is unset or unknown."""
    control = enum_value(search_pb2.Control, "CONTROL", message.control, Control)
    if control is None:
        return None
    method = enum_value(search_pb2.SearchMethod, "SEARCH_METHOD", message.method, SearchMethod)
    return ControlPlan(control=control, images=message.images, passes=message.passes, method=method)
