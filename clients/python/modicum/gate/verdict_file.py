"""Reads a verdict that was stored as JSON. What it must hold stands in `schemas/verdict-v1.json`."""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from modicum.errors import InvalidSource, PolicyError
from modicum.gate.json_documents import json_document
from modicum.gate.marked_yaml import NEEDS_EXTRA
from modicum.gate.verdict import KIND, SCHEMA_VERSION
from modicum.sources.contents import whole_file

EXPECTED = "expected a verdict, as `modicum gate` and `modicum judge` write it with --output FILE.json"


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
    document = verdict_in(whole_file(path), str(path))
    _refuse_other_forms(path, document)
    return document


def verdict_in(data: bytes, source: str) -> Mapping[str, Any]:
    """Return the verdict in a file's bytes; `source` names it in messages. Only that it says to be one is checked.

    Raises:
        InvalidSource: it is no verdict, or of another version of the form.
    """
    document = json_document(data, source, called="a verdict")
    if document.get("kind") != KIND:
        got = "a result document; judge it with `modicum judge`" if "models" in document else "something else"
        raise InvalidSource(f"{source}: {EXPECTED}, got {got}")
    if document.get("schema_version") != SCHEMA_VERSION:
        found = document.get("schema_version")
        raise InvalidSource(f"{source}: expected a verdict of schema version {SCHEMA_VERSION}, got {found!r}")
    return document


def _refuse_other_forms(path: Path, document: Mapping[str, Any]) -> None:
    try:
        from jsonschema import Draft202012Validator  # noqa: PLC0415  # of the extra `gate`
        from jsonschema.exceptions import best_match  # noqa: PLC0415
    except ImportError as error:
        raise PolicyError(NEEDS_EXTRA, reason="GATE_NOT_INSTALLED") from error
    found = best_match(Draft202012Validator(verdict_schema()).iter_errors(document))
    if found is not None:
        raise InvalidSource(f"{path}: expected a whole verdict, but at {found.json_path} {found.message}")
