"""The page of the trail: who did what, with filters, for admins alone."""

import pytest

from tests.pages.page_reading import whole
from tests.pages.pages_stage import PROJECT

TRAIL = f"/{PROJECT}/trail"
MEMBERS = f"/{PROJECT}/members"


@pytest.fixture
def named(scene):
    """Adds and removes a member of this name, as ada."""

    def act(name: str) -> None:
        browser = scene.browser("ada")
        sealed = browser.get(MEMBERS).form_token
        browser.post(MEMBERS, {"form_token": sealed, "member": name, "role": "viewer"})
        browser.post(f"{MEMBERS}/remove", {"form_token": sealed, "member": name})

    return act


def test_an_admin_sees_who_did_what_from_where(scene, named):
    named("trailed")

    seen = whole(scene.browser("ada").get(f"{TRAIL}?resource={PROJECT}/members/trailed"))

    assert "CreateMember" in seen
    assert "DeleteMember" in seen
    assert "members/trailed" in seen
    assert "127.0.0.1" in seen


def test_filters_narrow_the_list_and_stay_chosen(scene, named):
    named("narrowed")
    browser = scene.browser("ada")

    seen = browser.get(f"{TRAIL}?resource={PROJECT}/members/narrowed&verb=DeleteMember&principal=ada&outcome=DONE")
    none = browser.get(f"{TRAIL}?resource={PROJECT}/members/narrowed&principal=otto")

    assert seen.text.count('<td class="whole">') == 1
    assert "<option selected>DeleteMember</option>" in seen.text
    assert "No entry matches" in whole(none)


def test_a_filter_that_cannot_be_read_is_told(scene):
    seen = scene.browser("ada").get(f'{TRAIL}?principal=a"b')

    assert seen.status == 400
    assert "FIELD = VALUE" in whole(seen)


@pytest.mark.parametrize("who", ["vera", "otto"])
def test_the_trail_is_for_admins_alone(scene, who):
    browser = scene.browser(who)

    assert browser.get(TRAIL).status == 403
    assert "/trail" not in browser.get(f"/{PROJECT}").text
