"""Types of fields whose JSON is not plain: bytes, and numbers that a model can make NaN. Must not know any record.

`documents` reads and writes records by the types of their fields.
"""

import math
from base64 import b64decode, b64encode
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer


def _finite_or_null(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _null_as_nan(value: Any) -> Any:
    return math.nan if value is None else value


def _as_text(value: bytes) -> str:
    return b64encode(value).decode()


def _as_bytes(value: Any) -> Any:
    return b64decode(value) if isinstance(value, str) else value


Number = Annotated[float, BeforeValidator(_null_as_nan), PlainSerializer(_finite_or_null, when_used="json")]
"""A number that need not be finite: JSON has null where it is not, and null is read as NaN."""
Base64 = Annotated[bytes, BeforeValidator(_as_bytes), PlainSerializer(_as_text, when_used="json")]
"""Bytes, which JSON holds as text in base64."""
