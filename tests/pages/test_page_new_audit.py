"""The form of a new audit: its cost first, its mistakes in words."""

import re

import pytest

from tests.pages.page_reading import marked, whole
from tests.pages.pages_stage import ADA, LABELS, OTHER, PROJECT

TINY, FEW = f"{PROJECT}/models/tiny/versions/1", f"{PROJECT}/datasets/few"


def fields(scene, **changed: str | list[str]) -> dict[str, str | list[str]]:
    return {"model": TINY, "dataset": FEW, "threshold": "0.9", "fill": "mean", "seed": "5", **changed}


def passes(seen) -> int:
    """Return how many passes a page says that an audit costs."""
    return int(re.search(r"At most ([\d,]+) passes", whole(seen))[1].replace(",", ""))


def stored(scene, audit: str):
    """Return an audit as it was created."""
    return scene.run(scene.services.use_cases.audits.get(ADA, f"{PROJECT}/audits/{audit}"))


def test_a_new_audit_has_its_cost_before_it_starts(scene):
    browser = scene.browser("otto")
    form = f"/{PROJECT}/new-audit"

    shown = browser.send(form, f"{form}/cost", **fields(scene, passes="600", sample="6", audit_id="only-priced"))
    less = browser.send(form, f"{form}/cost", **fields(scene, passes="300", sample="6"))

    cost, smaller = passes(shown), passes(less)
    assert cost > smaller > 6 * 300
    assert f"about {round(cost * 0.001)} s on an idle worker, longer if it is busy." in whole(shown)
    assert "6 images on a canvas of 8" in whole(shown)
    assert browser.get(f"/{PROJECT}/audits/only-priced").status == 404


def test_the_name_of_a_new_audit_is_asked_before_what_is_folded_away(scene):
    page = scene.browser("otto").get(f"/{PROJECT}/new-audit").text

    assert page.count('name="audit_id"') == 1
    assert page.index('name="audit_id"') < page.index("<summary>More</summary>")


def test_a_new_audit_is_created_once_however_often_its_form_is_sent(scene):
    browser = scene.browser("otto")
    page = browser.get(f"/{PROJECT}/new-audit")
    request_id = re.search(r'name="request_id" value="([^"]+)"', page.text)[1]
    sent = {"form_token": page.form_token, "request_id": request_id, **fields(scene, audit_id="by-form", seed="6")}

    first, again = browser.post(f"/{PROJECT}/new-audit", sent), browser.post(f"/{PROJECT}/new-audit", sent)

    assert (first.status, first.headers["Location"]) == (303, f"/{PROJECT}/audits/by-form")
    assert (again.status, again.headers["Location"]) == (303, f"/{PROJECT}/audits/by-form")
    assert "QUEUED" in whole(browser.get(f"/{PROJECT}/audits/by-form"))


def test_a_new_audit_offers_no_model_and_no_data_set_that_the_address_makes_up(scene):
    page = scene.browser("otto").get(f"/{PROJECT}/new-audit?model=foo&dataset=bar")

    assert page.status == 200
    assert 'value="foo"' not in page.text
    assert 'value="bar"' not in page.text


def test_a_new_audit_says_how_many_images_the_policy_to_start_with_requires(scene):
    said = whole(scene.browser("otto").get(f"/{PROJECT}/new-audit"))

    assert "hundreds for a clear one. The recommended policy requires 100 eligible ones." in said


def test_a_new_audit_offers_the_newest_version_that_is_ready(scene):
    ready = scene.run(scene.model("spoilt"))
    newest = scene.run(scene.unchecked("spoilt"))

    page = scene.browser("otto").get(f"/{PROJECT}/new-audit")

    assert ready in page.text
    assert newest not in page.text


@pytest.mark.long_after(2)
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"threshold": "much"}, "Threshold: expected a number, got 'much'"),
        ({"threshold": ""}, "Threshold: this is empty; type a number"),
        ({"threshold": "1.5"}, "Threshold: expected above 0 and below 1"),
        ({"sample": "13"}, "Images: expected 0 for all items, or at most 12"),
        ({"seed": "-1"}, "Seed: expected"),
        ({"audit_id": "No Name"}, "Name: expected 1 to 63 characters"),
        ({"model": f"{OTHER}/models/hidden/versions/1"}, f"expected a model version of {PROJECT}"),
        ({"dataset": f"{PROJECT}/datasets/none"}, "there is no data set with this name"),
        ({"fill": "pink"}, "expected mean, black"),
        ({"audit_id": "good"}, "Name: this project has an audit good already; choose another name."),
        (
            {"counterfactual": FEW},
            f"The same pictures without a suspected cue: {FEW} has no changed picture",
        ),
    ],
)
def test_a_mistake_in_a_new_audit_is_told_and_what_was_typed_stays(scene, changed, said):
    browser = scene.browser("otto")

    seen = browser.send(f"/{PROJECT}/new-audit", f"/{PROJECT}/new-audit", **fields(scene, **changed))

    assert seen.status == 400
    assert whole(seen).count(said) == 1
    (typed,) = changed.values()
    assert f'value="{typed}"' in seen.text


@pytest.mark.long_after(2)
@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("threshold", "1.5"),
        ("sample", "13"),
        ("seed", "-1"),
        ("fill", "pink"),
        ("audit_id", "good"),
        ("counterfactual", FEW),
    ],
)
def test_the_field_with_the_mistake_is_marked_and_no_other(scene, field, typed):
    form = f"/{PROJECT}/new-audit"

    seen = scene.browser("otto").send(form, form, **fields(scene, **{field: typed}))

    assert marked(seen) == [field]


def test_all_mistakes_of_a_form_are_told_and_marked_at_once(scene):
    form = f"/{PROJECT}/new-audit"
    typed = fields(scene, threshold="much", passes="2", sample="-3", seed="x", audit_id="No Name", dataset="")

    seen = scene.browser("otto").send(form, form, **typed)

    assert seen.status == 400
    assert set(marked(seen)) == {"dataset", "threshold", "passes", "sample", "seed", "audit_id"}
    words = (
        "Data set: choose one.",
        "Images: expected 0 or more, got -3.",
        "Threshold: expected a number, got 'much'.",
        "Name: expected 1 to 63 characters",
        "Passes of the search of one image: expected 0 (the server's default), or",
        "Seed: expected a whole number, got 'x'.",
    )
    places = [whole(seen).index(one) for one in words]
    assert places == sorted(places)


def test_all_mistakes_are_told_in_place_of_the_cost(scene):
    form = f"/{PROJECT}/new-audit"
    browser = scene.browser("otto")

    sent = {"form_token": browser.get(form).form_token, **fields(scene, threshold="2", seed="x")}
    part = browser.post(f"{form}/cost", sent, hx_request="true")

    assert "Threshold: expected above 0 and below 1" in part.text
    assert "Seed: expected a whole number" in part.text


def test_an_audit_of_two_versions_is_priced_and_created(scene):
    other = scene.run(scene.model("second-of-two"))
    browser, form = scene.browser("otto"), f"/{PROJECT}/new-audit"

    alone = browser.send(form, f"{form}/cost", **fields(scene, seed="61"))
    both = browser.send(form, f"{form}/cost", **fields(scene, seed="61", beside=other))
    browser.send(form, form, **fields(scene, seed="61", beside=other, audit_id="two-versions"))

    assert "transfer" in whole(both)
    assert passes(both) > 2 * passes(alone)
    assert stored(scene, "two-versions").specification.model_versions == (TINY, other)


@pytest.mark.long
def test_the_versions_beside_a_model_are_the_others_of_it_and_the_newest_of_others(scene):
    old, new = scene.run(scene.model("of-two")), scene.run(scene.model("of-two", labels=(*LABELS[:2], "fox")))
    browser = scene.browser("otto")

    beside = browser.send(f"/{PROJECT}/new-audit", f"/{PROJECT}/new-audit/beside", model=new).text

    offered = re.findall(r'name="beside" value="([^"]+)"', beside)
    assert offered[0] == old
    assert TINY in offered
    assert new not in offered


@pytest.mark.long_after(2)
@pytest.mark.parametrize(
    ("chosen", "controls"),
    [(["fill"], {"fill"}), ([], set()), (["random", "transfer"], {"random"})],
    ids=["one", "none", "one that needs a second version"],
)
def test_only_the_questions_that_are_ticked_are_asked(scene, chosen, controls):
    browser, form = scene.browser("otto"), f"/{PROJECT}/new-audit"
    name = f"asks-{len(chosen)}"

    browser.send(form, form, **fields(scene, seed="62", audit_id=name, controls_offered="yes", control=chosen))

    assert {plan.control.value for plan in stored(scene, name).specification.controls} == controls


def test_a_question_about_other_versions_is_refused_alone(scene):
    browser, form = scene.browser("otto"), f"/{PROJECT}/new-audit"
    alone = fields(scene, seed="64", audit_id="asks-no-other", controls_offered="yes", control=["transfer"])

    seen = browser.send(form, form, **alone)

    assert seen.status == 400
    assert "Questions: transfer needs other versions, and none is chosen; choose one under Compare" in whole(seen)
    assert browser.get(f"/{PROJECT}/audits/asks-no-other").status == 404


def test_a_cost_without_questions_says_that_there_are_no_controls(scene):
    browser, form = scene.browser("otto"), f"/{PROJECT}/new-audit"

    seen = browser.send(form, f"{form}/cost", **fields(scene, seed="65", controls_offered="yes"))

    assert "pixels, with no controls." in whole(seen)


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("name", "said"), [("good", "Name: this project has an audit good already"), ("No Name", "Name: expected 1 to 63")]
)
def test_the_cost_says_that_a_name_is_not_to_be_had(scene, name, said):
    browser, form = scene.browser("otto"), f"/{PROJECT}/new-audit"
    sent = {"form_token": browser.get(form).form_token, **fields(scene, seed="66", audit_id=name)}

    part = browser.post(f"{form}/cost", sent, hx_request="true")

    assert part.status == 200
    assert said in part.text
    assert "At most" not in part.text


@pytest.mark.long
def test_all_questions_ticked_are_the_default_ones(scene):
    browser, form = scene.browser("otto"), f"/{PROJECT}/new-audit"
    page = browser.get(form).text
    ticked = re.findall(r'name="control" value="(\w+)" checked', page)

    default = browser.send(form, f"{form}/cost", **fields(scene))
    all_of_them = browser.send(form, f"{form}/cost", **fields(scene, controls_offered="yes", control=ticked))

    assert len(ticked) == page.count('name="control"') > 5
    assert passes(all_of_them) == passes(default)


@pytest.mark.long
def test_a_counterfactual_set_is_chosen_in_the_form(scene):
    names = {f"item{place}": f"{LABELS[place % 3]}/{place + 3}.png" for place in range(9)}
    without = scene.run(scene.dataset("few-without", 9, **names))
    browser, form = scene.browser("otto"), f"/{PROJECT}/new-audit"

    browser.send(form, form, **fields(scene, seed="63", audit_id="with-pairs", counterfactual=without))

    assert stored(scene, "with-pairs").specification.counterfactual_dataset == without


def test_a_viewer_cannot_start_an_audit(scene):
    browser = scene.browser("vera")

    assert browser.get(f"/{PROJECT}/new-audit").status == 403
    assert browser.send(f"/{PROJECT}", f"/{PROJECT}/new-audit", **fields(scene)).status == 403
