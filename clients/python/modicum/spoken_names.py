"""Names in messages: a command has options, such as --weights, and Python has arguments, such as weights=."""

import functools
import re
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

from modicum.errors import ModicumError

P = ParamSpec("P")
R = TypeVar("R")

#: An option of a model, and the space after it if a value follows: a name in capitals, a path, or FAMILY:NAME.
OPTION = re.compile(
    r"--(model|weights|exported|torchscript|endpoint|architecture|input|class-labels)\b(?!-)(?: (?=\S*[A-Z./:]))?"
)
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


def in_python_names(method: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """Let the errors of a method name arguments, unless a command calls it."""

    @functools.wraps(method)
    async def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await method(*args, **kwargs)
        except ModicumError as error:
            if not _by_command.get():
                error.args = (in_python(str(error)),)
            raise

    return call
