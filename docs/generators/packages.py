"""The public names of the client and of the library, as directives by which Sphinx reads their docstrings."""

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

import modicum
import modicum_sis

#: What `client.models` and the like are; their classes are not public names themselves.
PARTS_OF_A_CLIENT = (
    *(f"modicum.client.{name}" for name in ("Models", "Datasets", "Artifacts", "Audits", "Verdicts", "Reviews")),
    *(f"modicum.administration.{name}" for name in ("Trail", "Erasures", "Holds")),
)


def client_page() -> str:
    """The clients first, then every other class, then the errors."""
    kinds = _kinds(modicum)
    clients = ("Client", "AsyncClient")
    others = [name for name in kinds["classes"] if name not in clients]
    return "\n".join(
        (
            _section("Clients", [*(f"modicum.{name}" for name in clients), *PARTS_OF_A_CLIENT]),
            _section("Values", [f"modicum.{name}" for name in others]),
            _section("Errors", [f"modicum.{name}" for name in kinds["errors"]]),
        )
    )


def library_page() -> str:
    """Functions, then classes, then errors."""
    kinds = _kinds(modicum_sis)
    return "\n".join(
        _section(kind.capitalize(), [f"modicum_sis.{name}" for name in kinds[kind]])
        for kind in ("functions", "classes", "errors")
    )


def _kinds(package: Any) -> Mapping[str, list[str]]:
    kinds: dict[str, list[str]] = {"functions": [], "classes": [], "errors": []}
    for name in package.__all__:
        value = getattr(package, name)
        if inspect.isfunction(value):
            kinds["functions"].append(name)
        elif inspect.isclass(value):
            kinds["errors" if issubclass(value, Exception) else "classes"].append(name)
    return kinds


def _section(heading: str, names: list[str]) -> str:
    directives = "\n".join(map(_directive, names))
    return f"## {heading}\n\n```{{eval-rst}}\n{directives}\n```\n"


def _directive(name: str) -> str:
    package, _, last = name.rpartition(".")
    value = getattr(importlib.import_module(package), last)
    if inspect.isfunction(value):
        return f".. autofunction:: {name}\n"
    if issubclass(value, Exception):
        return f".. autoexception:: {name}\n   :show-inheritance:\n"
    made_by_callers = name not in PARTS_OF_A_CLIENT
    return f".. autoclass:: {name}{'' if made_by_callers else '()'}\n   :members:\n"
