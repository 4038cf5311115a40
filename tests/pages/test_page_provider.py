"""Signing in at a provider: the whole way, and what keeps other people's sign-ins out."""

import re
from collections.abc import Iterator
from dataclasses import fields, replace

import pytest
from modicum_server.domain.projects import Role
from modicum_server.domain.trail import SERVER, TrailOutcome
from modicum_server.ports import TrailFilter
from modicum_server.settings import Settings
from modicum_server.transports.http.pages.cookies import set_flow
from modicum_server.transports.http.pages.sign_in_page import signed_in
from modicum_server.transports.http.pages.views.provider_signing import _is_encrypted
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.usecases.provider_sign_in import MOST_SESSIONS
from sqlalchemy import text
from starlette.requests import Request

from tests.openid_provider import OpenIdProvider, way_back
from tests.pages.browsing import objections, window_on
from tests.pages.page_reading import whole
from tests.pages.pages_stage import PROJECT, PlainBrowser, Scene, Seen

NAME = re.compile(r"oidc-[0-9a-f]{32}")


@pytest.fixture(autouse=True)
def untouched(provider: OpenIdProvider) -> Iterator[None]:
    """Put the provider back to what it was: an honest one."""
    before = replace(provider, claims={}, more={}, back={}, replies={}, forms=[])
    yield
    for one in fields(provider):
        setattr(provider, one.name, getattr(before, one.name))


def stranger(scene: Scene) -> PlainBrowser:
    return PlainBrowser(scene.http_port, f"127.0.0.1:{scene.http_port}")


def begin(browser: PlainBrowser, path: str = "/") -> str:
    """Go to the provider and come back as far as the address that leads here."""
    away = browser.get(f"/sign-in/provider?next={path}")
    assert away.status == 303, away.text
    return way_back(away.headers["Location"])


def sign_in(scene: Scene, provider: OpenIdProvider, subject: str, path: str = "/") -> tuple[PlainBrowser, Seen]:
    """A browser in which a person has signed in, and the response that ended it."""
    provider.person = {"sub": subject}
    browser = stranger(scene)
    return browser, browser.get(begin(browser, path))


def name_of(browser: PlainBrowser) -> str:
    return NAME.search(browser.get("/projects").text)[0]


def admit(scene: Scene, name: str, role: str = "viewer") -> None:
    """Let an admin give somebody a role."""
    admin = scene.browser()
    assert admin.send(f"/{PROJECT}/members", f"/{PROJECT}/members", member=name, role=role).status == 303


def rows(scene: Scene, query: str, **values: str) -> list[tuple]:
    async def ask() -> list[tuple]:
        async with scene.store._engine.begin() as connection:
            return [tuple(row) for row in await connection.execute(text(query), values)]

    return scene.run(ask())


def entries(scene: Scene, project: str, principal: str) -> list:
    async def read() -> list:
        async with scene.store.transaction() as transaction:
            found = await transaction.trail.page(project, TrailFilter(principal=principal), after="", limit=50)
        return [entry for _, entry in found]

    return scene.run(read())


def test_the_provider_is_offered_beside_the_token(provided):
    seen = stranger(provided).get("/sign-in?next=/projects/default")

    assert f'href="http://127.0.0.1:{provided.http_port}/sign-in/provider?next=/projects/default"' in seen.text
    assert "Sign in with Octo" in whole(seen)
    assert 'name="token"' in seen.text


def test_a_server_without_a_provider_offers_none(scene):
    browser = stranger(scene)

    assert "Sign in with" not in whole(browser.get("/sign-in"))
    assert browser.get("/sign-in/provider").status == 404
    assert browser.get("/sign-in/callback?state=x&code=y").status == 404


def test_a_person_without_a_role_learns_their_name_and_has_what_members_give_them(provided, provider):
    browser, back = sign_in(provided, provider, "newcomer", f"/{PROJECT}")
    before = browser.get(f"/{PROJECT}").status
    told = browser.get("/projects")
    name = name_of(browser)
    admit(provided, name)

    assert (back.status, back.headers["Location"]) == (303, f"/{PROJECT}")
    assert before == 404
    assert "You have no role in any project." in whole(told)
    assert f"modicum members add {name} viewer" in whole(told)
    assert browser.get(f"/{PROJECT}").status == 200
    assert browser.get(f"/{PROJECT}/members").status == 403


def test_the_same_person_has_the_same_name_and_another_one_another(provided, provider):
    names = [name_of(sign_in(provided, provider, subject)[0]) for subject in ("one", "one", "One")]

    assert names[0] == names[1] != names[2]


@pytest.mark.parametrize(
    "path",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:1", "/%0d%0aSet-Cookie:x", "x" * 600],
)
def test_the_way_back_leads_to_no_other_site(provided, provider, path):
    _, back = sign_in(provided, provider, "careful", path)

    assert (back.status, back.headers["Location"]) == (303, "/")


def test_the_cookie_of_a_sign_in_is_kept_for_ten_minutes_and_from_scripts_and_other_sites(provided):
    seen = stranger(provided).get("/sign-in/provider")

    (given,) = seen.headers.get_all("Set-Cookie")
    parts = set(given.split("; "))
    assert given.startswith(f"modicum_sign_in_{provided.http_port}=")
    assert {"HttpOnly", "SameSite=lax", "Path=/sign-in", "Max-Age=600"} <= parts


@pytest.mark.parametrize(
    ("address", "secure"), [("https://modicum.example.org", True), ("http://localhost:7401", False)]
)
def test_cookies_are_secure_where_people_open_the_pages_by_https(provided, address, secure):
    """The way back is no form with an Origin, and a proxy may speak http with the server."""
    request = Request(
        {"type": "http", "method": "GET", "path": "/", "scheme": "http", "query_string": b"", "headers": []}
    )
    visit = Visit(request, provided.services.use_cases, Settings(pages_url=address))

    response = signed_in(visit, "secret", "/", encrypted=_is_encrypted(visit))
    set_flow(request, response, "flow", seconds=600, encrypted=_is_encrypted(visit))

    given = [one.split("; ") for one in response.headers.getlist("set-cookie")]
    assert [("Secure" in parts) for parts in given] == [secure, secure]


def test_a_sign_in_gives_another_secret_and_takes_the_cookie_of_the_way(provided, provider):
    provider.person = {"sub": "tidy"}
    browser = stranger(provided)
    browser.get("/sign-in")
    before = browser.cookies[f"modicum_session_{provided.http_port}"]

    back = browser.get(begin(browser))

    given = back.headers.get_all("Set-Cookie")
    assert browser.cookies[f"modicum_session_{provided.http_port}"] != before
    assert any(one.startswith(f"modicum_sign_in_{provided.http_port}=") and "Max-Age=0" in one for one in given)


@pytest.mark.long
def test_a_response_for_another_browser_signs_nobody_in(provided, provider):
    """Login CSRF: an attacker lets somebody open the address that ends the attacker's own sign-in."""
    provider.person = {"sub": "attacker"}
    theirs = begin(stranger(provided))
    victim, _ = sign_in(provided, provider, "victim")
    name, asked = name_of(victim), provider.asked.count("/token")

    with_none, with_another = victim.get(theirs), stranger(provided)
    begin(with_another)
    another = with_another.get(theirs)

    for seen in (with_none, another):
        assert seen.status == 401
        assert "This browser did not start this sign-in" in whole(seen)
    assert name_of(victim) == name
    assert provider.asked.count("/token") == asked


@pytest.mark.long_after(1)
@pytest.mark.parametrize("state", ["", "0" * 64, "twice", "%C3%A9"])
def test_a_response_with_another_state_is_refused_before_the_provider_is_asked(provided, provider, state):
    browser, asked = stranger(provided), provider.asked.count("/token")
    back = begin(browser)
    kept = re.search(r"state=([0-9a-f]+)", back)[1]
    changed = f"{kept}&state={kept}" if state == "twice" else state

    seen = browser.get(back.replace(kept, changed))

    assert seen.status == 401
    assert provider.asked.count("/token") == asked


@pytest.mark.long
def test_a_sign_in_succeeds_once_even_where_the_provider_takes_a_code_twice(provided, provider):
    provider.person, provider.reuses_codes = {"sub": "repeated"}, True
    browser = stranger(provided)
    back = begin(browser)
    kept = dict(browser.cookies)
    first = browser.get(back)
    browser.cookies = kept

    again = browser.get(back)

    assert first.status == 303
    assert again.status == 401
    assert "This sign-in was already completed" in whole(again)


@pytest.mark.long
def test_a_sign_in_that_took_too_long_is_refused(provided, provider, monkeypatch):
    browser = stranger(provided)
    back = begin(browser)
    clock = provided.services.use_cases.provider_sign_in._clock
    monkeypatch.setattr(provided.services.use_cases.provider_sign_in, "_clock", lambda: clock() + 601)

    seen = browser.get(back)

    assert seen.status == 401
    assert "longer than 10 minutes" in whole(seen)


@pytest.mark.long
def test_another_path_in_the_cookie_is_another_sign_in(provided, provider):
    browser = stranger(provided)
    back = begin(browser)
    cookie = f"modicum_sign_in_{provided.http_port}"
    browser.cookies[cookie] = browser.cookies[cookie].replace("%2F", "%2Felsewhere")

    assert browser.get(back).status == 401


def test_a_refusal_of_the_provider_is_told_and_ends_no_session(provided, provider):
    browser, _ = sign_in(provided, provider, "undecided")
    provider.back = {"error": "access_denied", "error_description": "<script>alert(1)</script>", "code": None}

    seen = browser.get(begin(browser))

    assert seen.status == 401
    assert "Octo did not sign you in; it responded access_denied" in whole(seen)
    assert "alert(1)" not in seen.text
    assert browser.get("/projects").status == 200


@pytest.mark.long
def test_words_of_the_provider_that_are_no_code_are_not_shown(provided, provider):
    provider.back = {"error": "<b>call 555</b>", "code": None}
    browser = stranger(provided)

    assert "it responded an error" in whole(browser.get(begin(browser)))


def test_a_forged_identity_token_signs_nobody_in(provided, provider):
    provider.claims = {"nonce": "0" * 64}

    browser, seen = sign_in(provided, provider, "forger")

    assert seen.status == 401
    assert "The identity token belongs to another sign-in" in whole(seen)
    assert browser.get("/projects").status == 303


def test_while_the_provider_fails_the_page_says_so_and_takes_tokens(provided, provider):
    browser = stranger(provided)
    back = begin(browser)
    provider.replies = {"/token": (500, b"", {})}

    seen = browser.get(back)

    assert seen.status == 503
    assert "Octo does not respond as expected" in whole(seen)
    assert 'name="token"' in seen.text


def test_revoking_a_person_ends_their_sessions_and_a_new_one_has_no_role(provided, provider):
    browser, _ = sign_in(provided, provider, "revoked")
    name = name_of(browser)
    admit(provided, name)
    before = browser.get(f"/{PROJECT}").status

    async def revoke() -> None:
        async with provided.store.transaction() as transaction:
            await transaction.access.revoke(name)

    provided.run(revoke())
    after = browser.get(f"/{PROJECT}").status
    again, _ = sign_in(provided, provider, "revoked")

    assert (before, after) == (200, 303)
    assert again.get(f"/{PROJECT}").status == 404


def test_signing_out_ends_the_session_with_its_token_and_says_that_the_providers_goes_on(provided, provider):
    browser, _ = sign_in(provided, provider, "leaver")
    name, kept = name_of(browser), dict(browser.cookies)

    out = browser.send("/projects", "/sign-out")
    told = browser.get(out.headers["Location"])
    browser.cookies = kept

    assert "You have signed out here. Octo may still know you" in whole(told)
    assert f'href="{provider.address}/end?client_id=modicum"' in told.text
    assert browser.get("/projects").status == 303
    assert rows(provided, "SELECT id FROM tokens WHERE principal = :name", name=name) == []


def test_signing_out_of_a_session_by_token_says_nothing_of_a_provider(provided):
    assert provided.browser().send(f"/{PROJECT}", "/sign-out").headers["Location"] == "/sign-in"


@pytest.mark.long
def test_a_person_has_a_bounded_number_of_sessions_of_a_bounded_time(provided, provider):
    browser, _ = sign_in(provided, provider, "everywhere")
    name = name_of(browser)
    for _ in range(MOST_SESSIONS):
        sign_in(provided, provider, "everywhere")
    kept = rows(
        provided,
        "SELECT max(extract(epoch FROM expire_time - create_time)) FROM tokens WHERE principal = :name GROUP BY id",
        name=name,
    )

    assert [float(seconds) for (seconds,) in kept] == [24 * 3600.0] * MOST_SESSIONS
    assert browser.get("/projects").status == 303


def test_no_list_of_tokens_has_what_stands_behind_a_session(provided, provider):
    browser, _ = sign_in(provided, provider, "unlisted")
    name = name_of(browser)
    admit(provided, name)
    ((token,),) = rows(provided, "SELECT id FROM tokens WHERE principal = :name", name=name)
    admin = provided.browser()

    listed = admin.get(f"/{PROJECT}/tokens")
    rotated = admin.send(f"/{PROJECT}/tokens", f"/{PROJECT}/tokens/rotate", token=token)

    assert token not in listed.text
    assert "has no token" in whole(rotated)


@pytest.mark.long
def test_the_trail_says_who_signed_in_and_out_and_who_was_refused(provided, provider):
    browser, _ = sign_in(provided, provider, "written")
    name = name_of(browser)
    browser.send("/projects", "/sign-out")
    provider.claims = {"aud": "another"}
    sign_in(provided, provider, "written")
    provided.run(provided.services.refused.write())

    last, first = entries(provided, SERVER, name)
    (refused,) = [
        one for one in entries(provided, SERVER, "") if one.reason == "IDENTITY_TOKEN_INVALID" and not one.principal
    ][:1]

    assert (first.verb, first.detail) == ("SignIn", f"at {provider.address} as written")
    assert (last.verb, last.token_id) == ("SignOut", first.token_id)
    assert (refused.verb, refused.outcome) == ("provider_sign_in", TrailOutcome.REFUSED)


@pytest.mark.acceptance
def test_a_person_signs_in_and_out_in_a_browser(provided, provider, chromium):
    provider.person, provider.asks_first = {"sub": "walker"}, True
    page = window_on(chromium, provided)
    forbidden: list[str] = []
    page.on("console", lambda said: forbidden.append(said.text) if "Content Security" in said.text else None)

    page.goto(f"/{PROJECT}")
    objected = objections(page)
    page.get_by_role("link", name="Sign in with Octo").click()
    page.get_by_role("link", name="Continue").click()
    page.get_by_role("heading", name="Not Found").wait_for()
    page.get_by_role("link", name="To the overview").click()
    name = NAME.search(page.get_by_role("main").inner_text())[0]
    objected += objections(page)
    admit(provided, name, Role.AUDITOR)
    page.goto(f"/{PROJECT}")
    page.get_by_role("link", name="New audit").first.wait_for()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("status").filter(has_text="signed out").wait_for()
    objected += objections(page)
    page.get_by_role("link", name="Sign out of Octo, too").click()
    page.get_by_role("heading", name="Signed out of the provider").wait_for()
    page.context.close()

    assert forbidden == []
    assert objected == []
