"""Signatures of synchronous methods that are made from asynchronous ones: their types, and refused arguments."""

import difflib
import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, get_args, get_origin

#: The names of asynchronous classes begin with this; those of the synchronous ones are the same without it.
ASYNC = "Async"


def give_signature(
    call: Callable[..., Any], method: Callable[..., Any], wrap: Callable[..., Any] | None = None
) -> None:
    """Give `call`, the synchronous form of `method`, its own name and types, for `help()` and editors.

    Args:
        call: the synchronous form.
        method: the asynchronous method.
        wrap: the synchronous class that stands for each asynchronous object which the method returns, if it does.
    """
    signature = inspect.signature(method)
    returns = _synchronous(signature.return_annotation, wrap)
    call.__qualname__ = method.__qualname__.removeprefix(ASYNC)
    call.__annotations__ = {**method.__annotations__, "return": returns}
    call.__signature__ = signature.replace(return_annotation=returns)  # type: ignore[attr-defined]  # inspect reads it


def check_arguments(
    call: Callable[..., Any], owner: object, args: tuple[object, ...], kwargs: Mapping[str, Any]
) -> None:
    """Check that the arguments fit the synchronous method, before the event loop is involved.

    Raises:
        TypeError: they do not. The message names the method that the caller called.
    """
    signature, method = inspect.signature(call), f"{type(owner).__name__}.{call.__name__}()"
    for unknown in kwargs.keys() - signature.parameters.keys():
        close = difflib.get_close_matches(unknown, list(signature.parameters)[1:], n=1)
        advice = f"; did you mean {close[0]!r}?" if close else ""
        raise TypeError(f"{method} got an unexpected keyword argument {unknown!r}{advice}")
    try:
        signature.bind(owner, *args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{method}: {error}") from None


def _synchronous(returns: Any, wrap: Callable[..., Any] | None) -> Any:
    if get_origin(returns) is AsyncIterator:
        return Iterator[_synchronous(get_args(returns)[0], wrap)]  # type: ignore[misc]  # known when it runs
    return returns if wrap is None else wrap
