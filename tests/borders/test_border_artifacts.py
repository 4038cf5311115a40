"""Artifacts: the rows of findings and the result document."""

import json

from modicum_server.measures.document import specification_json
from modicum_server.measures.measure import Measure, measure_from_json
from modicum_server.measures.rows import finding_row

from tests.borders.crossing_records import AUDIT, FINDING
from tests.borders.filled_records import assert_crosses, filled


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
