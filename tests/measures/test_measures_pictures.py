"""Copies of one picture: each picture counts once, whoever counts."""

from dataclasses import replace

import pytest
from modicum.gate.stopping import ShareLimit, Stopping
from modicum_server.measures.early_end import SharesSoFar
from modicum_server.measures.pictures import Pictures

from tests.measures.example_audit import OTHER_VERSION, audit, failed, finding, version
from tests.reports.report_pages import page_of, read

ONE = finding(0).image_digest


def test_the_image_that_comes_first_is_the_picture_for_all_versions():
    pictures = Pictures()
    found = [finding(0), finding(1, image_digest=ONE), finding(0, model_version=OTHER_VERSION), finding(2)]

    assert [pictures.is_copy(one) for one in found] == [False, True, False, False]
    assert (len(pictures), pictures.copies) == (2, {1})


def shares_so_far(findings, at_least=0.9):
    """Why an audit whose accuracy is limited may end after these."""
    limits = (ShareLimit(measure="accuracy", at_least=at_least, error=0.01),)
    stopping = Stopping(limits=limits, within_ends=True)
    shares = SharesSoFar(replace(audit().specification, stopping=stopping), [version()])
    shares.add(findings)
    return shares.why()


def test_copies_of_one_misclassified_picture_end_no_audit():
    wrong = [finding(at, label=1) for at in range(40)]

    assert shares_so_far(wrong) == ("accuracy lies beyond its limit (0 of 40)",)
    assert shares_so_far([replace(one, image_digest=ONE) for one in wrong]) == ()


@pytest.mark.parametrize(("lost", "why"), [(6, ("every share lies within its limits",)), (7, ())])
def test_more_than_a_tenth_of_failed_images_settle_no_pass(lost, why):
    found = [*(finding(at) for at in range(54)), *(failed(54 + at) for at in range(lost))]

    assert shares_so_far(found, at_least=0.5) == why


def test_a_report_shows_each_picture_once():
    page = read(page_of([finding(0), finding(1), finding(2, image_digest=ONE)]))

    assert "image-1.png" in page.text
    assert "image-2.png" not in page.text
