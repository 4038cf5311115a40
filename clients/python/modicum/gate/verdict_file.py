"""Reads a verdict that was stored as JSON. What it must hold stands in `schemas/verdict-v1.json`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modicum.errors import InvalidSource
from modicum.gate.json_documents import json_document
from modicum.gate.schemas import VERDICT, refuse_other_form
from modicum.gate.verdict import KIND, SCHEMA_VERSION
from modicum.gate.verdict_contradictions import contradiction_in
from modicum.sources.contents import whole_file

EXPECTED = "expected a verdict, as `modicum gate` and `modicum judge` write it with --output FILE.json"

CONTRADICTS = "{source}: the verdict contradicts itself: {told}; judge the result again"


def read_verdict(path: Path) -> Mapping[str, Any]:
    """Read a verdict document, as every output is made from it.

    Raises:
        InvalidSource: it cannot be read, is no verdict, or contradicts itself.
        PolicyError: the extra `gate` is missing.
    """
    document = verdict_in(whole_file(path), str(path))
    refuse_other_form(document, VERDICT, source=str(path), called="verdict")
    if contradiction := contradiction_in(document):
        raise InvalidSource(CONTRADICTS.format(source=path, told=contradiction))
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
