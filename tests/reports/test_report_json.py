"""The JSON report: the document and the artifact's rows in any form, never wholly in memory."""

import gzip
import json
import tracemalloc

import pytest
from modicum_server.measures import finding_row
from modicum_server.reports import JsonReport

from tests.measures.example_audit import document_and_rows, mixed_findings, pack

MEBIBYTE = 1024 * 1024


def rendered(document, packed, size) -> bytes:
    report = JsonReport(document)
    pieces = [report.begin()]
    for start in range(0, len(packed), size):
        pieces += report.feed(packed[start : start + size])
    return b"".join([*pieces, report.end()])


@pytest.mark.parametrize("size", [1, 100, 1_000_000])
def test_it_is_the_document_with_its_rows(size):
    document, _ = document_and_rows(mixed_findings())
    rows = [finding_row(one) for one in mixed_findings()]

    report = json.loads(rendered(document, pack(mixed_findings()), size))

    assert report.pop("rows") == rows
    assert report == json.loads(json.dumps(document))


def test_its_names_are_in_order_as_in_every_document_of_ours():
    document, _ = document_and_rows(mixed_findings())

    report = json.loads(rendered(document, pack([]), 100))

    assert list(report) == sorted(report)
    assert report["rows"] == []


@pytest.mark.parametrize("document", [{}, {"audit": "a"}, {"schema_version": 1}, {"audit": "a", "rows": 3}])
def test_a_small_document_is_complete(document):
    one = mixed_findings()[0]

    assert json.loads(rendered(document, pack([one]), 100)) == {**document, "rows": [finding_row(one)]}


def test_an_artifact_that_breaks_off_is_refused():
    packed = pack(mixed_findings())

    with pytest.raises(ValueError, match="cut off"):
        rendered({}, packed[:-1], 100)


def test_memory_does_not_grow_with_the_rows():
    row = finding_row(mixed_findings()[0])
    line = json.dumps(row).encode() + b"\n"
    packed = gzip.compress(line * (32 * MEBIBYTE // len(line)))
    report = JsonReport({"audit": "a"})

    tracemalloc.start()
    length = len(report.begin()) + sum(map(len, report.feed(packed))) + len(report.end())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert length > 31 * MEBIBYTE
    assert peak < MEBIBYTE
