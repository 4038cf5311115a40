"""Packages that only some methods need, imported when one of these is called."""

from importlib import import_module
from typing import Any

from modicum.errors import InvalidArgument


def optional_module(name: str, method: str) -> Any:
    """The module of that name, whose first part is the name of its package.

    Raises:
        InvalidArgument: it is not installed (PANDAS_NOT_INSTALLED, MATPLOTLIB_NOT_INSTALLED).
    """
    package = name.split(".", maxsplit=1)[0]
    try:
        return import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.split(".", maxsplit=1)[0] != package:
            raise
        message = f"{method} needs {package}: run pip install {package}"
        raise InvalidArgument(message, reason=f"{package.upper()}_NOT_INSTALLED") from missing
