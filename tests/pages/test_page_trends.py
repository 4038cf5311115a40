"""The trends of a model: the curve of its spot tests, and the limits of the newest verdict's rules."""

import re

import pytest

from tests.measures.example_audit import LABELS
from tests.pages.page_reading import whole
from tests.pages.pages_stage import POLICY, PROJECT
from tests.reports.spot_rows import CAT_IMAGES, FINDINGS, rows


def by_halves(place: int) -> dict:
    """Predictions in two halves, as `spot_rows` takes them: cats, then dogs."""
    return {"predicted_class": int(place >= CAT_IMAGES), "target_class": int(place >= CAT_IMAGES)}


def curve(seen, title: str) -> str:
    """The drawing of a measure, with what stands above and below it."""
    return next(part for part in seen.text.split("<section") if f">{title}</h3>" in part)


SPOT = "Other pictures that take the class of a copied spot, less elsewhere"


def test_the_strongest_spot_of_each_audit_is_a_curve_with_the_limits_of_its_test(scene):
    many = scene.run(scene.dataset("spotted", count=len(FINDINGS)))
    for place, follow in enumerate((True, False)):
        version = scene.run(scene.model("spotted", labels=(*LABELS, *"ab"[:place])))
        (spots,) = rows(follow=follow).values()
        audit = scene.run(scene.audit(f"spotted-{place}", version, many))
        scene.run(scene.succeed(audit, changes=by_halves, spots=spots))

    seen = scene.browser("vera").get(f"/{PROJECT}/models/spotted")

    whole(seen)
    drawn = curve(seen, SPOT)
    assert (drawn.count("<circle"), drawn.count('class="line"')) == (2, 1)
    assert "spotted version 1: 100 points" in drawn
    assert re.search(r"n = 20, class cat; spotted version 2: [\d.]+ points", drawn)
    assert drawn.count('class="limit"') == 2
    assert "Limits: decides above 10 points; none found below 20 points." in drawn
    assert '<th scope="col">About</th>' in drawn
    assert '<th scope="col">About</th>' not in curve(seen, "Overinterpretation rate")


@pytest.mark.long
def test_the_limits_of_the_rules_of_the_newest_verdict_are_lines(scene):
    version, few = scene.run(scene.model("limited")), scene.run(scene.dataset("limited"))
    audit = scene.run(scene.audit("limited", version, few))
    scene.run(scene.succeed(audit))
    page = f"/{PROJECT}/models/limited"

    before = curve(scene.browser("vera").get(page), "Overinterpretation rate")
    scene.run(scene.judge(audit, POLICY))
    seen = scene.browser("vera").get(page)

    assert 'class="limit"' not in before
    assert 'class="limit"' in curve(seen, "Overinterpretation rate")
    assert "Limit: at most 1.0%." in curve(seen, "Overinterpretation rate")
    assert "Limit: at least 10%." in curve(seen, "Accuracy")


@pytest.mark.long
def test_the_strongest_spots_stand_side_by_side_with_their_classes(scene):
    version, many = (
        scene.run(scene.model("spotted-twice")),
        scene.run(scene.dataset("spotted-twice", count=len(FINDINGS))),
    )
    (spots,) = rows().values()
    audits = [scene.run(scene.audit(f"spotted-twice-{place}", version, many, seed=place)) for place in (0, 1)]
    for audit in audits:
        scene.run(scene.succeed(audit, changes=by_halves, spots=spots))

    seen = scene.browser("vera").get(f"/{PROJECT}/side-by-side?left={audits[0].name}&right={audits[1].name}")

    assert whole(seen).split(SPOT)[1].count("n = 20, class cat") == 2
