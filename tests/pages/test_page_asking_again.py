"""The form of a new audit opens with the settings of an audit, and with what the policy of a verdict needs."""

import re

import pytest
from modicum_server.domain.audits import Audit, AuditSpecification
from modicum_server.domain.searches import Canvas, Control, ControlPlan, Fill, Search, SearchMethod
from modicum_server.domain.verdicts import VerdictOutcome
from modicum_server.usecases.audit_creation import AuditOptions
from modicum_server.usecases.specifications import AuditDraft

from tests.pages.page_reading import whole
from tests.pages.pages_stage import ADA, PROJECT, Scene, Seen

FORM = f"/{PROJECT}/new-audit"
POLICY = """version: 1
audit: {{passes: {passes}}}
require: {{eligible_images: {images}}}
rules:
  overinterpretation-rate: {{level: error, max: 0.5}}
"""


def audited(scene: Scene, name: str, search: Search, *, versions: int = 1, sample: int = 0) -> Audit:
    """An audit on 12 images, by two controls and with a seed of its own."""
    names = tuple(scene.run(scene.model(f"{name}-{number}")) for number in range(versions))
    controls = (ControlPlan(Control.FILL), ControlPlan(Control.RANDOM))
    few = scene.run(scene.dataset(name))
    asked = AuditSpecification(names, few, Canvas(0, 0, 0), (search,), controls, 7, sample, "")
    creation, options = scene.services.use_cases.audit_creation, AuditOptions(audit_id=name, no_reuse=True)
    return scene.run(creation.create(ADA, PROJECT, AuditDraft(asked), options))


@pytest.fixture(scope="module")
def sampled(scene: Scene) -> Audit:
    """An audit of 8 of 12 images with 120 passes."""
    audit = audited(scene, "sampled", Search(SearchMethod.MASK_OPTIMIZATION, 0.8, passes=120), sample=8)
    scene.run(scene.succeed(audit))
    return audit


def value(seen: Seen, name: str) -> str:
    """What is typed into a field, or chosen in a list."""
    typed = re.search(rf'<input id="{name}"[^>]* value="([^"]*)"', seen.text)
    if typed:
        return typed[1]
    options = re.search(rf'<select id="{name}".*?</select>', seen.text, re.DOTALL)[0]
    return re.search('value="([^"]+)" selected', options)[1]


def ticked(seen: Seen, name: str) -> list[str]:
    return re.findall(rf'name="{name}" value="([^"]+)" checked', seen.text)


def test_the_page_of_an_audit_leads_to_the_form_with_all_its_settings(scene):
    search = Search(SearchMethod.MASK_OPTIMIZATION, 0.8, fill=Fill.BLACK, passes=120)
    audit = audited(scene, "asked-again", search, versions=2, sample=8)
    scene.run(scene.succeed(audit))
    browser = scene.browser("otto")

    page, form = browser.get(f"/{audit.name}"), browser.get(f"{FORM}?like={audit.name}")

    assert f'href="{FORM}?like={audit.name}">Audit again</a>' in page.text
    first, second = audit.specification.model_versions
    names = ("model", "dataset", "sample", "threshold", "passes", "fill", "seed")
    expected = [first, audit.specification.dataset, "8", "0.8", "120", "black", "7"]
    assert [value(form, name) for name in names] == expected
    assert ticked(form, "beside") == [second]
    assert ticked(form, "control") == ["fill", "random"]
    assert "Filled in as asked-again was asked for." in whole(form)
    assert "cannot set" not in whole(form)


@pytest.mark.long_after(2)
@pytest.mark.parametrize(
    ("needs", "filled", "said"),
    [
        ({"passes": 150, "images": 6}, ("150", "8"), "Passes of the search of one image: 150 instead of 120"),
        ({"passes": 100, "images": 9}, ("120", "10"), "Images: 10 instead of 8"),
        ({"passes": 100, "images": 12}, ("120", ""), "Images: all instead of 8"),
        ({"passes": 100, "images": 8}, ("120", "8"), "Filled in as sampled was asked for."),
    ],
    ids=["passes", "more images", "all images", "neither"],
)
def test_a_verdict_leads_to_the_form_with_what_its_policy_needs(scene, sampled, needs, filled, said):
    verdict = scene.run(scene.judge(sampled, POLICY.format(**needs)))
    browser = scene.browser("otto")

    page, form = browser.get(f"/{verdict.name}"), browser.get(f"{FORM}?verdict={verdict.name}")

    leads = f'href="{FORM}?verdict={verdict.name}">Audit again</a>' in page.text
    assert leads is (verdict.outcome is VerdictOutcome.INCONCLUSIVE)
    assert (value(form, "passes"), value(form, "sample")) == filled
    assert value(form, "threshold") == "0.8"
    assert said in whole(form)


@pytest.mark.long
def test_a_data_set_that_is_too_small_for_the_policy_is_named_as_such(scene, often_judged):
    verdict = scene.run(scene.judge(often_judged, POLICY.format(passes=100, images=1000)))

    form = whole(scene.browser("otto").get(f"{FORM}?verdict={verdict.name}"))

    said = (
        "The policy requires 1,000 eligible images, but only 12 images of it were eligible. Choose a larger data set."
    )
    assert said in form


@pytest.mark.parametrize(
    "query", ["like=foo", "verdict=foo", f"like={PROJECT}/audits/none", "like=projects/secret/audits/kept"]
)
def test_an_audit_that_nobody_can_see_fills_in_nothing(scene, query):
    form = scene.browser("otto").get(f"{FORM}?{query}")

    assert form.status == 200
    assert "Filled in" not in whole(form)


def test_what_the_form_has_no_field_for_is_named(scene):
    audit = audited(scene, "by-steps", Search(SearchMethod.BATCHED_GRADIENT, 0.9, pixels_per_step=8))

    said = whole(scene.browser("otto").get(f"{FORM}?like={audit.name}"))

    assert "This form cannot set --method batched_gradient; --pixels-per-step 8." in said
