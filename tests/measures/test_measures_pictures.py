"""Copies of one picture: each picture counts once, whoever counts."""

from dataclasses import replace

from modicum.gate.stopping import ShareLimit, Stopping
from modicum_server.measures.early_end import SharesSoFar
from modicum_server.measures.pictures import Pictures

from tests.measures.example_audit import OTHER_VERSION, audit, finding, version
from tests.reports.report_pages import page_of, read

ONE = finding(0).image_digest


def test_the_image_that_comes_first_is_the_picture_for_all_versions():
    pictures = Pictures()
    found = [finding(0), finding(1, image_digest=ONE), finding(0, model_version=OTHER_VERSION), finding(2)]

    assert [pictures.is_copy(one) for one in found] == [False, True, False, False]
    assert (len(pictures), pictures.copies) == (2, {1})


def shares_so_far(findings):
    """Why an audit of at most a tenth of misclassified images may end after these."""
    stopping = Stopping(limits=(ShareLimit(measure="accuracy", at_least=0.9, error=0.01),))
    shares = SharesSoFar(replace(audit().specification, stopping=stopping), [version()])
    shares.add(findings)
    return shares.why()


def test_copies_of_one_misclassified_picture_end_no_audit():
    wrong = [finding(at, label=1) for at in range(40)]

    assert shares_so_far(wrong) == ("accuracy lies beyond its limit (0 of 40)",)
    assert shares_so_far([replace(one, image_digest=ONE) for one in wrong]) == ()


def test_a_report_shows_each_picture_once():
    page = read(page_of([finding(0), finding(1), finding(2, image_digest=ONE)]))

    assert "image-1.png" in page.text
    assert "image-2.png" not in page.text
