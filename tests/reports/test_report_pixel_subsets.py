"""With the pixel-subsets control, the report draws how confidence falls as pixels are removed."""

import re
from dataclasses import replace

from modicum_server.domain.findings import FindingControls, Passes, PixelSubsetFinding, Trace
from modicum_server.domain.searches import SearchMethod
from modicum_server.reports import plots

from tests.measures.example_audit import finding, not_eligible, subset
from tests.reports.report_pages import page_of, read

ANSWER = PixelSubsetFinding(subset(4), 0.75, 0, 0.25, 1, Trace((64, 32, 0), (1.0, 0.5, 0.0)), Passes(70, 64))
CONTROLS = FindingControls(pixel_subset=ANSWER)
TITLE = "Confidence as pixels are removed"


def test_the_page_has_the_curve_its_band_its_reading_and_its_figures():
    page = page_of([finding(place, controls=CONTROLS) for place in range(12)])
    seen = read(page)

    assert seen.unbalanced == []
    assert seen.pictures_without_text == 0
    assert TITLE in seen.text
    assert "few pixels" in seen.text
    assert "Accuracy on the chosen 5% of the pixels 100%" in seen.text
    (line,) = re.findall(r'<polyline class="curve" points="([^"]+)"', page)
    assert len(line.split()) == 41
    assert '<polygon class="band"' in page


def test_with_few_images_the_curve_has_no_band():
    page = page_of([finding(0, controls=CONTROLS)])

    assert '<polyline class="curve"' in page
    assert '<polygon class="band"' not in page
    assert "The band is" not in page


def test_an_audit_without_a_subset_has_its_curve_all_the_same():
    assert TITLE in read(page_of([not_eligible(0, controls=CONTROLS)])).text


def test_where_the_control_did_not_run_there_is_no_curve():
    assert TITLE not in read(page_of([finding()])).text


def test_pixels_of_the_optimiser_have_figures_and_no_curve():
    optimised = replace(ANSWER, trace=Trace((), ()), method=SearchMethod.MASK_OPTIMIZATION)

    text = read(page_of([finding(0, controls=FindingControls(pixel_subset=optimised))])).text

    assert "Accuracy on the chosen 5% of the pixels" in text
    assert TITLE not in text


def test_the_curve_falls_from_the_whole_image_on_the_left_to_the_bare_fill_on_the_right():
    points = [
        {"kept_share": 0.0, "confidence": 0.0, "low": None, "high": None},
        {"kept_share": 1.0, "confidence": 1.0, "low": None, "high": None},
    ]

    drawn = plots.curve(points, 0.05)

    assert drawn.line == f"{plots.RIGHT}.0,{plots.SCATTER_BOTTOM}.0 {plots.SCATTER_LEFT}.0,{plots.SCATTER_TOP}.0"
    assert drawn.band == ""
    assert drawn.across[0].at < drawn.limit < drawn.across[-1].at
    assert plots.curve([], 0.05) is None
