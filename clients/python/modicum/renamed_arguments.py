"""Arguments of methods that had another name: the old name still works for one release, and warns."""

import functools
import warnings
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
Method = Callable[P, Coroutine[Any, Any, R]]

#: Where the caller of a method stands above the warning: the method, in its synchronous form or not, lies between.
CALLER = 3


def renamed(**new_names: str) -> Callable[[Method[P, R]], Method[P, R]]:
    """Let a method take arguments by their old names, too. Each keyword is an old name, its value the new one."""

    def decorate(method: Method[P, R]) -> Method[P, R]:
        @functools.wraps(method)
        async def call(*args: P.args, **kwargs: P.kwargs) -> R:
            return await method(*args, **with_new_names(call, kwargs))

        vars(call)["new_names"] = new_names
        return call

    return decorate


def with_new_names(call: Callable[..., Any], given: Any) -> Any:
    """The keyword arguments of a call, with the new name of each that has its old one.

    Raises:
        TypeError: an argument is given by both of its names.
    """
    new_names: dict[str, str] = getattr(call, "new_names", {})
    for old in given.keys() & new_names.keys():
        new = new_names[old]
        if new in given:
            raise TypeError(
                f"{call.__name__}() got {old} and {new}, which are the old and the new name of one argument"
            )
        warnings.warn(
            f"{old} is called {new} now; the next release does not know the old name",
            DeprecationWarning,
            stacklevel=CALLER,
        )
    return {new_names.get(name, name): value for name, value in given.items()}
