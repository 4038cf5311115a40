"""Checks of numeric arguments. NumPy and torch numbers are accepted; bools and text are not.

The functions do not know what the numbers are for.
"""

import math
import operator
from numbers import Real

import torch
from torch import Tensor

from modicum_sis.errors import ParameterError


def whole_number(name: str, value: object, *, least: int | None = None, otherwise: str = "") -> int:
    """An int, a NumPy int or a tensor with one int, as an int.

    Args:
        name: the name of the argument.
        value: the given value.
        least: the smallest value that is allowed.
        otherwise: what else the caller may give, for the message; for example ", or None".

    Raises:
        ParameterError: the value is not a whole number, or it is too small.
    """
    number = _index_of(value)
    if number is None:
        raise ParameterError(f"{name} must be a whole number{otherwise}; got {value!r}")
    if least is not None and number < least:
        raise ParameterError(f"{name} must be at least {least}{otherwise}; got {number}")
    return number


def share(name: str, value: object, *, otherwise: str = "") -> float:
    """A number strictly between 0 and 1, as a float.

    Raises:
        ParameterError: the value is not such a number.
    """
    number = real_number(value)
    if number is None or not 0 < number < 1:
        raise ParameterError(f"{name} must be a number strictly between 0 and 1{otherwise}; got {value!r}")
    return number


def real_number(value: object) -> float | None:
    """A finite number as a float; None for any other value."""
    if isinstance(value, Tensor) and not value.dim() and value.dtype != torch.bool and not value.is_complex():
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        return None
    return float(value)


def _index_of(value: object) -> int | None:
    if isinstance(value, bool) or (isinstance(value, Tensor) and (value.dim() or value.dtype == torch.bool)):
        return None  # torch and Python would accept both as indices
    try:
        return operator.index(value)  # type: ignore[arg-type]  # raises TypeError for anything without an index
    except TypeError:
        return None
