"""Whole numbers and numbers as callers give them: NumPy's and torch's too, but no truth value and no text.

For arguments at the door; must not know what they are for.
"""

import math
import operator
from numbers import Real

import torch
from torch import Tensor

from modicum_sis.errors import ParameterError


def whole_number(name: str, value: object, *, least: int | None = None, otherwise: str = "") -> int:
    """An int, a NumPy int or a tensor that holds one int, as an int.

    Args:
        name: of the argument.
        value: what was given for it.
        least: it must be no smaller.
        otherwise: what else the caller could have given, for the message: ", or None".

    Raises:
        ParameterError: it is anything else.
    """
    number = _index_of(value)
    if number is None:
        raise ParameterError(f"{name} must be a whole number{otherwise}; got {value!r}. Give an int")
    if least is not None and number < least:
        raise ParameterError(f"{name} must be at least {least}{otherwise}; got {number}")
    return number


def share(name: str, value: object, *, otherwise: str = "") -> float:
    """A number strictly between 0 and 1, as a float.

    Raises:
        ParameterError: it is anything else.
    """
    number = real_number(value)
    if number is None or not 0 < number < 1:
        raise ParameterError(f"{name} must be a number strictly between 0 and 1{otherwise}; got {value!r}")
    return number


def real_number(value: object) -> float | None:
    """A finite number as a float; None of anything else."""
    if isinstance(value, Tensor) and not value.dim() and value.dtype != torch.bool and not value.is_complex():
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        return None
    return float(value)


def _index_of(value: object) -> int | None:
    if isinstance(value, bool) or (isinstance(value, Tensor) and (value.dim() or value.dtype == torch.bool)):
        return None  # torch and Python let both through as indices
    try:
        return operator.index(value)  # type: ignore[arg-type]  # what is none says so
    except TypeError:
        return None
