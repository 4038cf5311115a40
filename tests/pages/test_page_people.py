"""Members and tokens in the browser: only for admins, secrets shown once, mistakes told in the form."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from modicum_server.transports.http.pages.mounting import PAGES
from sqlalchemy import text

from tests.pages.browsing import sign_in
from tests.pages.page_reading import marked, whole
from tests.pages.pages_stage import PROJECT, PlainBrowser

MEMBERS, TOKENS = f"/{PROJECT}/members", f"/{PROJECT}/tokens"
SECRET = re.compile(r"<code data-copy>([^<]{30,})</code>")


def add(browser, name: str, role: str = "viewer"):
    return browser.send(MEMBERS, MEMBERS, member=name, role=role)


def make(browser, member: str, **fields: str):
    return browser.send(TOKENS, TOKENS, member=member, **{"display_name": "", "days": "30", **fields})


def secret_in(seen) -> str:
    return SECRET.search(seen.text)[1]


def token_of(browser, member: str) -> str:
    row = re.search(
        rf"<td><code>([^<]+)</code>(?:<br>[^<]*)?</td>\s*<td data-name=\"Member\">{member}<", browser.get(TOKENS).text
    )
    return row[1]


def test_a_member_is_added_changed_and_removed(scene):
    browser = scene.browser()

    added = add(browser, "lin@example.org")
    listed = browser.get(MEMBERS)
    changed = browser.send(MEMBERS, f"{MEMBERS}/role", member="lin@example.org", role="auditor")
    options = re.search(r'aria-label="Role of lin@example.org">(.*?)</select>', browser.get(MEMBERS).text)[1]
    removed = browser.send(MEMBERS, f"{MEMBERS}/remove", member="lin@example.org")

    assert (added.status, changed.status, removed.status) == (303, 303, 303)
    assert added.headers["Location"] == f"{MEMBERS}?added=lin%40example.org"
    assert "lin@example.org" in whole(listed)
    assert "<option selected>auditor</option>" in options
    assert "lin@example.org" not in browser.get(MEMBERS).text


@pytest.mark.parametrize(
    ("path", "fields", "said"),
    [
        ("", {"member": "Not A Name", "role": "viewer"}, "Name: expected 1 to 127 characters"),
        ("", {"member": "somebody", "role": "owner"}, "Role: missing or unknown; expected ROLE_VIEWER"),
        ("", {"member": "vera", "role": "admin"}, "vera has the role viewer already. Change it in the row of vera."),
        ("/role", {"member": "ada", "role": "viewer"}, "ada is the only admin"),
        ("/remove", {"member": "ada"}, "ada is the only admin"),
        ("/remove", {"member": "nobody"}, "nobody has no role"),
    ],
)
def test_a_mistake_with_members_is_told_in_words(scene, path, fields, said):
    seen = scene.browser().send(MEMBERS, f"{MEMBERS}{path}", **fields)

    assert seen.status == 400
    assert said in whole(seen)


def test_who_was_added_is_said_also_where_they_were_a_member_before(scene):
    browser = scene.browser()
    first, again = add(browser, "mia"), add(browser, "mia")

    assert first.headers["Location"] == again.headers["Location"]
    assert "mia is a member with the role viewer." in whole(browser.get(again.headers["Location"]))
    assert "is a member with the role" not in whole(browser.get(f"{MEMBERS}?added=nobody"))


def test_a_role_that_was_chosen_stays_chosen_after_a_mistake(scene):
    seen = scene.browser().send(MEMBERS, MEMBERS, member="Not A Name", role="admin")

    assert (
        '<select id="role" name="role"><option>viewer</option><option>auditor</option><option selected>admin'
        in seen.text
    )
    assert '<p class="problem" id="problem" role="alert" tabindex="-1" autofocus>' in seen.text
    assert marked(seen) == ["member"]


def test_all_mistakes_in_a_new_token_are_told_and_marked_at_once(scene):
    seen = make(scene.browser(), "Not A Name", display_name="n" * 129, days="soon")

    assert seen.status == 400
    assert marked(seen) == ["member", "display_name", "days"]
    assert "Days: expected a whole number, got 'soon'." in whole(seen)


def test_a_token_is_made_and_its_secret_is_shown_once_and_signs_in(scene):
    browser = scene.browser()
    add(browser, "robot", "auditor")

    made = make(browser, "robot", display_name="nightly <b>", days="7")
    listed = browser.get(TOKENS)
    robot = PlainBrowser(scene.http_port, browser.host)

    assert made.status == 200
    assert made.headers["Cache-Control"] == "no-store"
    assert "nightly <b>" in whole(made)
    assert secret_in(made) not in listed.text
    assert "nightly <b> robot this project" in whole(listed)
    assert robot.sign_in(secret_in(made)).status == 303
    assert robot.get(f"/{PROJECT}/audits").status == 200


def test_a_rotated_token_ends_and_its_successor_signs_in(scene):
    browser = scene.browser()
    add(browser, "wheel", "viewer")
    old = secret_in(make(browser, "wheel"))
    before = PlainBrowser(scene.http_port, browser.host)
    before.sign_in(old)

    rotated = browser.send(TOKENS, f"{TOKENS}/rotate", token=token_of(browser, "wheel"), overlap="0")

    assert secret_in(rotated) != old
    assert before.get(f"/{PROJECT}").status == 303
    assert PlainBrowser(scene.http_port, browser.host).sign_in(secret_in(rotated)).status == 303


def test_a_revoked_token_ends_its_sessions(scene):
    browser = scene.browser()
    add(browser, "leaver", "viewer")
    leaver = PlainBrowser(scene.http_port, browser.host)
    leaver.sign_in(secret_in(make(browser, "leaver")))

    seen = browser.send(TOKENS, f"{TOKENS}/revoke", token=token_of(browser, "leaver"))

    assert (seen.status, seen.headers["Location"]) == (303, TOKENS)
    assert leaver.get(f"/{PROJECT}").status == 303


@pytest.mark.parametrize(
    ("path", "fields", "said"),
    [
        ("", {"member": "ghost", "days": "9"}, "ghost has no role"),
        ("", {"member": "vera", "days": "400"}, "Days: expected 1 to 366, got 400"),
        ("", {"member": "vera", "days": "9" * 30}, "Days: expected 1 to 366"),
        ("", {"member": "vera", "days": "soon"}, "Days: expected a whole number, got 'soon'"),
        ("", {"member": "vera", "days": "9", "display_name": "x" * 500}, "What it is for: expected at most"),
        ("/revoke", {"token": "0" * 16}, "has no token 0"),
        ("/rotate", {"token": "0" * 16, "overlap": "0"}, "has no token 0"),
        ("/rotate", {"token": "0" * 16, "overlap": "-1"}, "When it ends: expected 0 to"),
        ("/revoke", {"token": "none"}, "Token: expected the name of a token"),
    ],
)
def test_a_mistake_with_tokens_is_told_in_words_and_what_was_typed_stays(scene, path, fields, said):
    seen = scene.browser().send(TOKENS, f"{TOKENS}{path}", **fields)

    assert seen.status == 400
    assert said in whole(seen)
    assert f'value="{fields.get("member", "")}"' in seen.text


@pytest.mark.long_after(3)
@pytest.mark.parametrize("who", ["vera", "otto"])
@pytest.mark.parametrize("path", ["", "/role", "/remove"])
def test_members_are_for_admins_alone(scene, who, path):
    browser = scene.browser(who)
    overview = browser.get(f"/{PROJECT}")

    looked = browser.get(MEMBERS)
    sent = browser.post(f"{MEMBERS}{path}", {"form_token": overview.form_token, "member": "vera", "role": "admin"})

    assert (looked.status, sent.status) == (403, 403)
    assert "Members" not in whole(overview)


@pytest.mark.parametrize("path", ["", "/rotate", "/revoke"])
def test_tokens_are_for_admins_alone(scene, path):
    browser = scene.browser("otto")
    sealed = browser.get(f"/{PROJECT}").form_token

    assert browser.get(TOKENS).status == 403
    assert browser.post(f"{TOKENS}{path}", {"form_token": sealed, "member": "otto"}).status == 403


@pytest.mark.parametrize("path", [MEMBERS, f"{MEMBERS}/remove", TOKENS, f"{TOKENS}/revoke"])
def test_a_form_of_another_site_changes_nothing(scene, path):
    browser = scene.browser()
    fields = {"member": "vera", "role": "admin", "days": "9"}

    unsealed = browser.post(path, fields)
    foreign = browser.post(
        path, {**fields, "form_token": browser.get(MEMBERS).form_token}, origin="http://evil.example"
    )

    assert (unsealed.status, foreign.status) == (403, 403)


def test_every_form_of_a_project_names_the_role_that_it_needs():
    forms = [page for page in PAGES if page.takes_form and "{project}" in page.path]

    assert len(forms) > 8
    assert [page.name for page in forms if page.needs is None] == []


def test_a_missing_role_is_told_before_a_mistake_in_the_form(scene):
    browser = scene.browser("vera")
    sealed = browser.get(f"/{PROJECT}").form_token

    for path in ("new-audit", "new-audit/cost", "audits/good/judge"):
        seen = browser.post(f"/{PROJECT}/{path}", {"form_token": sealed, "threshold": "much", "policy": "no policy"})
        assert seen.status == 403
        assert "this needs the role auditor" in whole(seen).lower()


def test_a_session_counts_as_a_use_of_its_token_once_a_minute(scene):
    browser = scene.browser("otto")
    hour = datetime.now(UTC) - timedelta(hours=1)

    async def used(at: datetime | None = None) -> datetime:
        async with scene.store._engine.begin() as connection:
            if at is not None:
                await connection.execute(
                    text("UPDATE tokens SET last_used_time = :at WHERE principal = 'otto'"), {"at": at}
                )
            return await connection.scalar(text("SELECT last_used_time FROM tokens WHERE principal = 'otto'"))

    scene.run(used(hour))
    browser.get(f"/{PROJECT}/audits")
    first = scene.run(used())
    browser.get(f"/{PROJECT}/audits")

    assert first > hour + timedelta(minutes=59)
    assert scene.run(used()) == first


class TestInABrowser:
    """By keyboard and on a phone."""

    pytestmark = pytest.mark.acceptance

    def test_an_admin_adds_a_member_and_hands_out_a_token(self, page):
        page.set_viewport_size({"width": 390, "height": 844})
        sign_in(page)
        page.get_by_role("link", name="Members").click()
        page.get_by_label("Name", exact=True).fill("phone")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="New token of phone").click()

        assert page.get_by_label("Member", exact=True).input_value() == "phone"
        page.get_by_label("What it is for").fill("a walk")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="The new token of phone").wait_for()
        page.get_by_role("link", name="Done").click()
        row = page.get_by_role("row").filter(has_text="a walk")
        row.get_by_text("Revoke").first.focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")

        row.wait_for(state="detached")
