"""Results as the server writes them, for the gate to judge and to compare with their rows."""

import json
from dataclasses import replace

from modicum_server.domain.findings import FillRobustFinding, FindingReason, ObjectsFinding, Passes
from modicum_server.domain.searches import Control, ControlPlan
from modicum_server.domain.spots import SpotKind, SpotOutcomes, SpotPlace, SpotRow, SpotTrial
from modicum_server.measures.registry import measure_titles
from modicum_server.measures.rows import finding_row

from tests.measures.example_audit import VERSION, controls, document_and_rows, finding, mixed_findings, variants

CATS, IMAGES = 40, 80
FINDINGS = [
    finding(at, predicted_class=int(at >= CATS), target_class=int(at >= CATS), label=int(at >= CATS))
    for at in range(IMAGES)
]
EVERYONE = tuple(range(IMAGES))
RATES = [name for name in measure_titles() if name.startswith("overinterpretation_rate")]


def trial(sources, *, follow, half=0, outside=False, kind=SpotKind.WINDOW):
    """Two pairs a source, of which the first follows."""
    twice = tuple(source for source in sources for _ in range(2))
    here = tuple(follow and at % 2 == 0 for at in range(len(twice)))
    zero = (0,) * len(twice)
    outcomes = SpotOutcomes(twice, tuple(reversed(twice)), here, (False,) * len(twice), zero, zero)
    return SpotTrial(half, SpotPlace(kind, 2, 3, 1, 4), (), outcomes, outcomes, outside)


def served(*cats):
    """A document whose spot test has these trials of class 0, and nothing that decides for class 1 and for all."""
    rows = [
        SpotRow(None, IMAGES, (trial(EVERYONE, follow=False),)),
        SpotRow(0, CATS, cats),
        SpotRow(1, IMAGES - CATS, (trial(EVERYONE[CATS:], follow=False),)),
    ]
    return document_and_rows(FINDINGS, spots={VERSION: rows}, plans=(ControlPlan(Control.SPOT),))[0], rows


def reported(findings, **more):
    """A report in JSON: a document with its rows."""
    document, rows = document_and_rows(findings, **more)
    return {**document, "rows": [finding_row(one) for one in rows]}


def of_an_older_release(document):
    """A copy of a document as a release before version 4 of the form wrote it, which counted copies as images."""
    told = {"pictures", "erased", "left_out", "with_labels", "with_boxes", "with_masks"}
    dataset = {name: one for name, one in document["dataset"].items() if name not in told}
    models = [{name: one for name, one in model.items() if name != "members"} for model in document["models"]]
    return json.loads(json.dumps({**document, "schema_version": 3, "dataset": dataset, "models": models}))


def every_outcome():
    """Findings of every kind, with labels, controls, objects and images that failed."""
    robust = FillRobustFinding(20, 2.0, 12, 11, 0.93, False, Passes(9, 9))  # a record of the domain
    outside = replace(variants().variants[0], variant="outside_filled", predicted_class=1)
    filled = (outside, replace(outside, variant="objects_filled", predicted_class=0))
    more = [
        replace(
            controls(at % 20 or None, black=at % 3 > 0),
            variants=(*variants(sufficient=at % 4 > 0, confidence=at / 61, predicted=at % 2).variants, *filled),
            fill_robust=replace(robust, size=at + 1, reason=FindingReason.NOT_FOUND if at == 25 else None),
            objects=ObjectsFinding(area=at % 11 / 10, share=at / 61),
        )
        for at in range(20, 60)
    ]
    return [
        *mixed_findings(),
        *(
            finding(at, at % 30 + 1, controls=one, label=at % 2, predicted_class=at % 3 % 2, target_class=at % 3 % 2)
            for at, one in enumerate(more, 20)
        ),
        finding(60, image_digest=finding(21).image_digest, label=1),
    ]
