"""A page of each kind that a report has, so that what holds for reports is tested on all of them."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from modicum_server.domain.findings import Finding
from modicum_server.domain.models import Ensemble
from modicum_server.reports import render_html

from tests.measures.example_audit import (
    INPUT,
    LABELS,
    VERSION,
    controls,
    document_and_rows,
    finding,
    mixed_findings,
    not_eligible,
    variants,
)
from tests.measures.test_measures_counterfactuals import paired
from tests.measures.test_measures_counterfactuals import rows as in_pairs
from tests.reports.report_pages import page_of, photograph
from tests.reports.spot_rows import FINDINGS, bright, rows
from tests.reports.test_report_narrowing import narrowed
from tests.reports.test_report_pixel_subsets import CONTROLS
from tests.reports.test_report_transfer import page_of_two

NAMES = tuple(f"projects/default/models/{name}/versions/1" for name in ("first", "second", "both"))
REVIEW = {
    "name": "projects/default/audits/a/reviews/r",
    "model_version": VERSION,
    "search_index": 0,
    "largest_fraction": 0.05,
    "outcome": "CONFIRMED",
    "text": "People do not see the predicted class in the subsets.",
    "answers": 1072,
    "digest": "d" * 64,
}
DELETED = "The retention of the project deleted the images on 2026-11-30, so this page has no pictures."


def with_beside(findings: list[Finding], load_image: Callable[[str], bytes | None], **beside: object) -> str:
    """The page of a document that has more than its result."""
    document, found = document_and_rows(findings)
    inputs, labels = {VERSION: INPUT}, {VERSION: LABELS}
    return render_html({**document, **beside}, found, load_image, inputs=inputs, labels=labels).decode()


def several() -> str:
    """Two versions and their ensemble."""
    findings = [finding(place, 2 + place, model_version=name) for name in NAMES for place in range(12)]
    return page_of(findings, versions=NAMES, sources={NAMES[2]: Ensemble(NAMES[:2])})


def all_controls() -> str:
    """Controls with a conclusion, and others that are open for one reason."""
    fills = controls(5, black=True)
    said = [replace(variants(sufficient=place % 2 == 0), class_targeted=fills.class_targeted) for place in range(20)]
    return page_of([finding(place, 2 + place, controls=one) for place, one in enumerate(said)])


KINDS: Mapping[str, Callable[[], str]] = {
    "planted": lambda: page_of(FINDINGS, load_image=bright, spots=rows()),
    "mixed": lambda: page_of(mixed_findings()),
    "several": several,
    "shaded": lambda: page_of_two(kept=12),
    "controls": all_controls,
    "reviews": lambda: with_beside(mixed_findings(), photograph, reviews=[REVIEW, {**REVIEW, "outcome": "SEEN"}]),
    "counterfactuals": lambda: page_of(in_pairs(), counterfactual=paired()),
    "curve": lambda: page_of([finding(place, controls=CONTROLS) for place in range(12)]),
    "slider": lambda: page_of([narrowed(32, 10), *(finding(place, 4) for place in range(1, 5))]),
    "nothing eligible": lambda: page_of([not_eligible(place) for place in range(12)]),
    "deleted": lambda: with_beside(mixed_findings(), lambda _: None, deleted=[DELETED]),
}
