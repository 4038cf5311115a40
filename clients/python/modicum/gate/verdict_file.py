"""Reads a verdict that was stored as JSON. What it must hold stands in `schemas/verdict-v1.json`."""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from modicum.errors import InvalidSource, PolicyError
from modicum.gate.marked_yaml import NEEDS_EXTRA
from modicum.gate.verdict import KIND


@cache
def verdict_schema() -> dict[str, Any]:
    """Return the JSON Schema of a verdict."""
    text = resources.files("modicum").joinpath("schemas", "verdict-v1.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def read_verdict(path: Path) -> Mapping[str, Any]:
    """Read a verdict document, as every output is made from it.

    Raises:
        InvalidSource: it cannot be read, or is no verdict.
        PolicyError: the extra `gate` is missing.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise InvalidSource(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InvalidSource(f"{path}: expected a verdict in JSON; {error}") from error
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise InvalidSource(f"{path}: {_why_not(document)}")
    _refuse_other_forms(path, document)
    return document


def _why_not(document: Any) -> str:
    expected = "expected a verdict, as `modicum gate` and `modicum judge` write it with --output FILE.json"
    if isinstance(document, dict) and "models" in document:
        return f"{expected}, got a result document; judge it with `modicum judge`"
    return f"{expected}, got something else"


def _refuse_other_forms(path: Path, document: Mapping[str, Any]) -> None:
    try:
        from jsonschema import Draft202012Validator  # noqa: PLC0415  # of the extra `gate`
        from jsonschema.exceptions import best_match  # noqa: PLC0415
    except ImportError as error:
        raise PolicyError(NEEDS_EXTRA, reason="GATE_NOT_INSTALLED") from error
    found = best_match(Draft202012Validator(verdict_schema()).iter_errors(document))
    if found is not None:
        raise InvalidSource(f"{path}: expected a whole verdict, but at {found.json_path} {found.message}")
