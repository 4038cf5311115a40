"""How the help pages of `modicum` and of `modicum-server` differ from typer's own."""

from collections.abc import Iterable
from typing import Any


def hide_types(parameters: Iterable[Any]) -> None:
    """Let a help page show no Python type, such as <list[str]>, beside an argument."""
    for parameter in parameters:
        if parameter.param_type_name == "argument":
            vars(parameter)["display_type_rich"] = _no_type


def _no_type(ctx: Any) -> None:
    """Nothing in place of a type."""
