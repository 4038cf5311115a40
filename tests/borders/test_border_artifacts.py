"""Artifacts: the rows of findings and the result document."""

import json
import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from modicum_server.domain import stopping
from modicum_server.domain.audits import Audit, ItemCounts
from modicum_server.domain.datasets import Dataset
from modicum_server.measures.document import result_document, specification_json
from modicum_server.measures.measure import Measure, measure_from_json
from modicum_server.measures.rows import finding_row

from tests.borders.crossing import assert_crosses
from tests.borders.filling import filled
from tests.borders.records import AUDIT, FINDING, STOPPED


def test_every_field_of_a_finding_is_in_its_row():
    row = json.loads(json.dumps(finding_row(FINDING)))

    assert_crosses(FINDING, row)


def test_every_field_of_a_specification_is_in_the_document():
    assert_crosses(AUDIT.specification, specification_json(AUDIT.specification))


def test_every_field_of_a_measure_is_in_the_document_and_read_again():
    measure = filled(Measure, groups={"0": filled(Measure)})

    came = json.loads(json.dumps(measure.as_json()))

    assert_crosses(measure, came)
    assert_crosses(measure, measure_from_json(came))


PAGE = Path(__file__).parents[2] / "docs" / "reference" / "result-document.md"
#: Only in a report, which is the document with the rows beside it.
OF_REPORTS = {"deleted", "rows", "spot_pictures", "reviews"}


def document():
    """The result of an audit that looked at no image and ended early."""
    audit = filled(Audit, specification=replace(AUDIT.specification, model_versions=()))
    return result_document(
        audit=audit,
        dataset=filled(Dataset),
        item_counts=filled(ItemCounts),
        versions=(),
        findings=(),
        parameters={stopping.STOPPED: json.loads(json.dumps(asdict(STOPPED)))},
        findings_digest="f" * 64,
    )


def described(heading: str = "## Its keys") -> dict[str, str]:
    """What the table below a heading of the page says of each key."""
    table = PAGE.read_text(encoding="utf-8").partition(heading)[2].partition("\n## ")[0]
    rows = [line.split("|", 2)[1:] for line in table.splitlines() if line.startswith("| `")]
    return {name: text for names, text in rows for name in re.findall(r"`(\w+)(?:\[\])?`", names)}


def test_every_key_of_the_document_has_a_row_in_the_reference():
    assert set(described()) == set(document()) | OF_REPORTS


def test_every_key_of_the_data_set_has_a_row_in_the_reference():
    assert set(document()["dataset"]) == set(described("## Of the data set"))


@pytest.mark.parametrize("part", ["stopping", "passes", "findings"])
def test_every_key_of_a_part_of_the_document_is_named_in_its_row(part):
    assert set(document()[part]) - set(re.findall(r"`(\w+)`", described()[part])) == set()


def test_the_end_of_an_audit_that_ended_early_is_in_the_document():
    assert_crosses(STOPPED, document()["stopping"])


def test_the_counts_of_what_items_have_are_in_the_document():
    counts = filled(ItemCounts)

    assert_crosses(counts, {name: document()["dataset"][name] for name in asdict(counts)})
