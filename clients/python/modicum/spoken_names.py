"""Names in messages: a command has options, such as --weights, and Python has arguments, such as weights=.

The service names the fields of its requests. In Python, `client.audits.create` has arguments in their place.
"""

import functools
import re
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeAlias, TypeVar

from modicum.errors import ModicumError

P = ParamSpec("P")
R = TypeVar("R")
Method: TypeAlias = Callable[P, Coroutine[Any, Any, R]]

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
_by_command: ContextVar[bool] = ContextVar("by_command", default=False)


@contextmanager
def by_command() -> Iterator[None]:
    """While a command runs, messages keep the names of options."""
    token = _by_command.set(True)
    try:
        yield
    finally:
        _by_command.reset(token)


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


def in_audit_arguments(method: Method[P, R]) -> Method[P, R]:
    """Let the errors of a method that creates an audit name its arguments, unless a command calls it."""
    return _speaking(lambda message: in_python(in_arguments(message)), method)


def in_python_names(method: Method[P, R]) -> Method[P, R]:
    """Let the errors of a method name arguments, unless a command calls it."""
    return _speaking(in_python, method)


def _speaking(translated: Callable[[str], str], method: Method[P, R]) -> Method[P, R]:
    @functools.wraps(method)
    async def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await method(*args, **kwargs)
        except ModicumError as error:
            if not _by_command.get():
                error.args = (translated(str(error)),)
            raise

    return call
