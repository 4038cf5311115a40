"""The first screen where tests of classes have no outcome, because the model's process failed."""

from dataclasses import replace

import pytest
from modicum_server.domain.findings import FindingReason
from modicum_server.domain.spots import SpotRow

from tests.measures.example_audit import VERSION
from tests.reports.spot_rows import FINDINGS, bright, rows
from tests.reports.test_report_opening import said

DIED = SpotRow(1, reason=FindingReason.MODEL_DIED)
"""The test of the dogs, which the process of the model did not survive."""


@pytest.mark.parametrize(
    ("of_cats", "told"),
    [
        (
            [SpotRow(0, reason=FindingReason.MODEL_DIED)],
            (
                "none found with classes pooled No small spot was found, but no class was tested by itself. "
                "The tests of 2 classes have no outcome, because the model's process failed."
            ),
        ),
        (
            [rows(follow=False)[VERSION][1]],
            (
                "none found No small spot was found that decides the one class tested. "
                "The test of 1 class has no outcome, because the model's process failed."
            ),
        ),
    ],
    ids=["all failed", "one failed"],
)
def test_classes_whose_tests_failed_do_not_read_as_cleared(of_cats, told):
    everyone = replace(rows(follow=False)[VERSION][1], target_class=None, sources=40)

    text = said(FINDINGS, load_image=bright, spots={VERSION: [everyone, *of_cats, DIED]})

    assert text.startswith(told)
    assert "Audit again. A test without an outcome says nothing about its class." in text


def test_a_spot_test_that_failed_as_a_whole_is_not_said_to_have_had_too_few_images():
    text = said(FINDINGS, load_image=bright, spots={VERSION: [replace(DIED, target_class=None)]})

    assert "Small spots were not tested: the model's process failed." in text
    assert "Audit again. A test without an outcome says nothing about its class." in text
    assert "With fewer" not in text
