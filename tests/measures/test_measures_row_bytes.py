"""The bytes of a row. An artifact's name is its digest, so every release must write a row the same way."""

import gzip
import json
from pathlib import Path
from typing import Any

from modicum_server.measures import finding_row

from tests.measures.example_audit import pack
from tests.measures.whole_finding import whole_finding

GOLDEN = Path(__file__).parent / "golden" / "finding.jsonl"


def test_the_row_of_a_finding_keeps_the_bytes_of_what_it_holds_today():
    """Fields that later releases add are removed before the comparison."""
    (line,) = gzip.decompress(pack([whole_finding("VERSION", "OTHER")])).splitlines()
    (golden,) = GOLDEN.read_bytes().splitlines()

    assert encoded(without_new(json.loads(line), json.loads(golden))) == golden
    assert line == encoded(finding_row(whole_finding("VERSION", "OTHER")))


def encoded(row: Any) -> bytes:
    return json.dumps(row, sort_keys=True, separators=(",", ":")).encode()


def without_new(value: Any, golden: Any) -> Any:
    """The value without the names that the golden one lacks."""
    if isinstance(value, dict):
        return {name: without_new(value[name], golden[name]) for name in golden}
    if isinstance(value, list):
        return [without_new(*pair) for pair in zip(value, golden, strict=True)]
    return value
