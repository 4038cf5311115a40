"""Names in messages: a command has options, such as --weights, and Python has arguments, such as weights=.

The service names the fields of its requests. In Python, `client.audits.create` has arguments in their place, and a
command has options.
"""

import functools
import re
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeAlias, TypeVar

from modicum.errors import ModicumError

P = ParamSpec("P")
R = TypeVar("R")
Method: TypeAlias = Callable[P, Coroutine[Any, Any, R]]
ToCommand: TypeAlias = Callable[[str, Collection[str]], str]

#: An option of a model, and the space after it if a value follows: a name in capitals, a path, or FAMILY:NAME.
OPTION = re.compile(
    r"--(model|weights|exported|torchscript|endpoint|architecture|input|class-labels)\b(?!-)(?: (?=\S*[A-Z./:]))?"
)
#: A field of a request for an audit: its first part, the place in a list, and the part below.
AUDIT_FIELD = re.compile(r"\baudit\.specification\.(\w+)(\[\d+\])?(?:\.(\w+))?|\baudit_id\b")
#: What a check of this package calls the value of an argument, at the start of a message.
LOCAL_NAME = re.compile(r"\A(?:threshold|target rule|control)(?=:| ')")
#: Arguments of `client.audits.create`. All others have the names of the fields, or of the parts below `NESTED`.
ARGUMENTS = {
    "audit_id": "name",
    "model_versions": "models",
    "out_of_distribution_dataset": "out_of_distribution",
    "counterfactual_dataset": "counterfactual",
    "no_controls": "controls",
    "threshold": "thresholds",
    "target rule": "target_rules",
    "target_rule": "target_rules",
    "control": "controls",
}
#: Fields whose parts are arguments, and what a message calls the field as a whole.
NESTED = {"searches": "thresholds and target_rules", "statistics": "statistics"}
#: A field of a request for an audit with all its parts, for options.
WHOLE_FIELD = re.compile(r"\baudit\.specification((?:\.\w+|\[\d+\])+)|`?\b(audit_id)\b`?")
#: The options in the place of fields of a request for an audit, and of all below them. An empty text: there is none.
OPTIONS = {
    "audit_id": "--name",
    "model_versions": "--model",
    "dataset": "--dataset",
    "out_of_distribution_dataset": "--out-of-distribution",
    "counterfactual_dataset": "--counterfactual",
    "searches": "--threshold and --target-rule",
    "searches.threshold": "--threshold",
    "searches.target_rule": "--target-rule",
    "searches.method": "--method",
    "searches.fill": "--fill",
    "searches.passes": "--passes",
    "searches.pixels_per_step": "--pixels-per-step",
    "searches.fraction": "--fraction",
    "searches.matched": "",
    "controls": "--control",
    "no_controls": "--no-controls",
    "seed": "--seed",
    "sample": "--sample",
    "device": "--device",
    "statistics.level": "--level",
    "statistics.alpha": "--alpha",
    "statistics.ratio_limit": "--ratio-limit",
    "statistics.accuracy_limit": "--accuracy-limit",
    "stopping": "--stopping",
}
#: Fields whose options name a resource only beside --dataset. `modicum audit` has --model for a file, for example.
OF_RESOURCES = {"audit_id", "model_versions"}
_options: ContextVar[frozenset[str] | None] = ContextVar("options", default=None)


@contextmanager
def by_command(options: Iterable[str] = ()) -> Iterator[None]:
    """While a command with these options runs, messages name options, and fields that have none of them."""
    token = _options.set(frozenset(options))
    try:
        yield
    finally:
        _options.reset(token)


def in_python(message: str) -> str:
    """A message with the arguments of Python in place of options: give weights=model.onnx."""
    return OPTION.sub(lambda found: f"{found[1].replace('-', '_')}=", message)


def in_arguments(message: str) -> str:
    """A message with the arguments of `client.audits.create` in place of the fields of its request."""
    return LOCAL_NAME.sub(lambda found: ARGUMENTS[found[0]], AUDIT_FIELD.sub(_argument, message), count=1)


def _argument(found: re.Match[str]) -> str:
    field, place, part = found.groups(default="")
    if field in NESTED:
        return ARGUMENTS.get(part, part) or NESTED[field]
    return ARGUMENTS.get(field or found[0], field) + place + (part and f".{part}")


def in_options(message: str, options: Collection[str]) -> str:
    """A message with those of the options that a command has in place of the fields of a request for an audit."""
    return WHOLE_FIELD.sub(lambda found: _option(found, options) or found[0], message)


def _option(found: re.Match[str], options: Collection[str]) -> str:
    """The options of a field: its own, or those of the field that it is a part of; empty if the command has none."""
    field = re.sub(r"\[\d+\]", "", found[2] or found[1].removeprefix("."))
    while field not in OPTIONS and "." in field:
        field = field.rpartition(".")[0]
    named = OPTIONS.get(field, "")
    known = options if field not in OF_RESOURCES or "--dataset" in options else ()
    return named if set(named.split(" and ")) <= set(known) else ""


def in_audit_arguments(method: Method[P, R]) -> Method[P, R]:
    """Let the errors of a method that creates an audit name its arguments, or the options of the command that calls."""
    return _speaking(lambda message: in_python(in_arguments(message)), method, in_options)


def in_python_names(method: Method[P, R]) -> Method[P, R]:
    """Let the errors of a method name arguments, unless a command calls it."""
    return _speaking(in_python, method, lambda message, _: message)


def _speaking(to_python: Callable[[str], str], method: Method[P, R], to_command: ToCommand) -> Method[P, R]:
    @functools.wraps(method)
    async def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await method(*args, **kwargs)
        except ModicumError as error:
            options = _options.get()
            error.args = (to_python(str(error)) if options is None else to_command(str(error), options),)
            raise

    return call
