"""Signing in and out, and what keeps other sites and other people out."""

import re

import pytest
from modicum_server.domain.projects import Role
from modicum_server.errors import ShareExceeded
from modicum_server.transports.call_limits import BOUNDS
from modicum_server.transports.http.pages.cookies import form_token, is_form_token
from modicum_server.usecases.access import token_digest
from sqlalchemy import text

from tests.pages.pages_stage import PROJECT, TOKENS, PlainBrowser
from tests.tokens import add_token


def stranger(scene, host=None) -> PlainBrowser:
    return PlainBrowser(scene.http_port, host or f"127.0.0.1:{scene.http_port}")


def test_a_stranger_is_led_to_the_sign_in_and_from_there_back(scene):
    browser = stranger(scene)

    away = browser.get(f"/{PROJECT}")
    back = browser.send(away.headers["Location"], "/sign-in", token=TOKENS["vera"], next=f"/{PROJECT}")

    assert (away.status, away.headers["Location"]) == (303, f"/sign-in?next=/{PROJECT}")
    assert (back.status, back.headers["Location"]) == (303, f"/{PROJECT}")
    assert browser.get(f"/{PROJECT}").status == 200


@pytest.mark.parametrize(
    ("path", "said"), [("/sign-in", "A link that signs you in needs a script."), ("/review", "needs a script.")]
)
def test_a_browser_without_scripts_is_told_that_a_link_needs_one(scene, path, said):
    seen = stranger(scene).get(path).text

    assert said in seen.split("<noscript>")[1].split("</noscript>")[0]


def test_a_wrong_token_is_refused_in_words(scene):
    seen = stranger(scene).sign_in("wrong")

    assert seen.status == 401
    assert "The bearer token is not known to this server, was revoked, or has expired." in seen.text


@pytest.mark.parametrize("form", [{"token": "wrong"}, {"link": "wrong"}], ids=["token", "link"])
def test_a_guess_waits(scene, form):
    scene.pauses.clear()

    seen = stranger(scene).send("/sign-in", "/sign-in/link" if "link" in form else "/sign-in", **form)

    assert seen.status == 401
    assert scene.pauses == [BOUNDS.guess_seconds]


def test_a_form_of_somebody_unknown_is_small(scene):
    browser = stranger(scene)
    unsealed = browser.post("/sign-in", {"token": "x" * 70_000})

    sealed = browser.send("/sign-in", "/sign-in", token="x" * 70_000)

    assert unsealed.status == 403
    assert sealed.status == 413


def test_a_look_at_the_sign_in_leaves_the_cookie_as_it_is(scene):
    """Behind a proxy such a look does not show that the browser speaks TLS, so the cookie would lose its mark."""
    browser = stranger(scene)

    first, again = browser.get("/sign-in"), browser.get("/sign-in")

    assert "Set-Cookie" in first.headers
    assert "Set-Cookie" not in again.headers


def test_what_was_asked_for_survives_the_sign_in(scene):
    away = stranger(scene).get(f"/{PROJECT}/audits?state=FAILED")

    assert away.headers["Location"] == f"/sign-in?next=/{PROJECT}/audits%3Fstate%3DFAILED"


def test_the_cookie_is_no_token_and_scripts_and_other_sites_do_not_get_it(scene):
    browser = stranger(scene)

    seen = browser.sign_in(TOKENS["ada"])

    (given,) = seen.headers.get_all("Set-Cookie")
    assert given.startswith(f"modicum_session_{scene.http_port}=")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(given.split("; "))
    assert TOKENS["ada"] not in given
    assert token_digest(TOKENS["ada"]) not in given


def test_the_cookie_is_secure_where_the_browser_speaks_tls(scene):
    browser = stranger(scene)
    sealed = browser.get("/sign-in").form_token

    seen = browser.post("/sign-in", {"form_token": sealed, "token": TOKENS["ada"]}, origin=f"https://{browser.host}")

    assert "Secure" in seen.headers["Set-Cookie"].split("; ")


def test_a_sign_in_changes_the_secret_of_the_browser(scene):
    browser = stranger(scene)
    browser.get("/sign-in")
    before = dict(browser.cookies)

    browser.sign_in(TOKENS["ada"])

    assert browser.cookies.keys() == before.keys()
    assert browser.cookies != before


def test_after_signing_out_the_cookie_of_before_is_worth_nothing(scene):
    browser = scene.browser()
    kept = dict(browser.cookies)

    browser.send(f"/{PROJECT}", "/sign-out")
    browser.cookies = kept

    assert browser.get(f"/{PROJECT}").status == 303


def test_a_session_ends_with_its_token(scene):
    async def add() -> None:
        async with scene.store.transaction() as transaction:
            await add_token(transaction, "short-lived", principal="guest", project=PROJECT, role=Role.VIEWER)

    async def revoke() -> None:
        async with scene.store.transaction() as transaction:
            await transaction.access.revoke("guest")

    scene.run(add())
    browser = stranger(scene)
    browser.sign_in("short-lived")

    before = browser.get(f"/{PROJECT}").status
    scene.run(revoke())

    assert (before, browser.get(f"/{PROJECT}").status) == (200, 303)


def test_a_link_signs_in_once(scene):
    secret = scene.link()

    first = stranger(scene).send("/sign-in", "/sign-in/link", link=secret)
    again = stranger(scene).send("/sign-in", "/sign-in/link", link=secret)

    assert (first.status, first.headers["Location"]) == (303, "/")
    assert again.status == 401
    assert "The sign-in link was used or is older than five minutes" in again.text
    assert "For a new link, end the command with Ctrl-C and start it again" in again.text


@pytest.mark.long
def test_a_link_and_a_session_end_with_their_time(scene):
    secret, browser = scene.link(), scene.browser()

    async def age() -> None:
        async with scene.store._engine.begin() as connection:
            for table in ("sessions", "sign_in_links"):
                await connection.execute(text(f"UPDATE {table} SET expire_time = now() WHERE true"))

    scene.run(age())

    assert stranger(scene).send("/sign-in", "/sign-in/link", link=secret).status == 401
    assert browser.get(f"/{PROJECT}").status == 303


HOUR = 3600.0


def hours_left(scene, browser: PlainBrowser, expire: str = "", latest: str = "") -> float:
    """The hours until the session of a browser ends; before, its times are set to SQL of a time."""
    digest = token_digest(next(iter(browser.cookies.values())))
    changes = {"expire_time": expire, "latest_end_time": latest}
    changed = ", ".join(f"{column} = {time}" for column, time in changes.items() if time) or "digest = digest"

    async def left() -> float:
        async with scene.store._engine.begin() as connection:
            query = f"UPDATE sessions SET {changed} WHERE digest = :digest RETURNING expire_time - now()"
            found = await connection.scalar(text(query), {"digest": digest})
            return found.total_seconds() / HOUR

    return scene.run(left())


def test_a_page_that_somebody_opens_prolongs_the_session(scene):
    browser = scene.browser()
    hours_left(scene, browser, "now() + interval '1 hour'")

    browser.get(f"/{PROJECT}")

    assert hours_left(scene, browser) == pytest.approx(12, abs=0.1)


@pytest.mark.long_after(1)
@pytest.mark.parametrize("headers", [{"hx_request": "true"}, {"accept": "text/event-stream"}], ids=["part", "events"])
def test_what_a_page_asks_by_itself_does_not_prolong_the_session(scene, headers):
    browser = scene.browser()
    hours_left(scene, browser, "now() + interval '1 hour'")

    path = f"/{PROJECT}/audits/good/events" if "accept" in headers else f"/{PROJECT}"
    assert browser.get(path, **headers).status == 200

    assert hours_left(scene, browser) == pytest.approx(1, abs=0.1)


def test_a_session_ends_a_week_after_its_sign_in_however_much_it_is_used(scene):
    browser = scene.browser()
    hours_left(scene, browser, "now() + interval '1 hour'", "now() + interval '2 hours'")

    browser.get(f"/{PROJECT}")

    assert hours_left(scene, browser) == pytest.approx(2, abs=0.1)
    assert hours_left(scene, scene.browser(), "latest_end_time") == pytest.approx(7 * 24, abs=0.1)


def test_a_session_is_not_written_anew_for_every_page(scene):
    browser = scene.browser()
    before = hours_left(scene, browser, "now() + interval '12 hours' - interval '4 minutes'")

    browser.get(f"/{PROJECT}")

    assert hours_left(scene, browser) <= before


def test_a_session_of_the_previous_release_ends_as_it_was_told(scene):
    browser = scene.browser()
    hours_left(scene, browser, "now() + interval '1 hour'", "NULL")

    assert browser.get(f"/{PROJECT}").status == 200

    assert hours_left(scene, browser) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("next_path", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:1"])
def test_a_sign_in_leads_to_no_other_site(scene, next_path):
    seen = stranger(scene).send("/sign-in", "/sign-in", token=TOKENS["ada"], next=next_path)

    assert seen.headers["Location"] == "/"


@pytest.mark.long_after(1)
@pytest.mark.parametrize("sealed", ["", "x", "0" * 32 + "." + "0" * 64])
def test_a_form_without_the_seal_of_its_session_is_refused(scene, sealed):
    browser = scene.browser()

    seen = browser.post("/sign-out", {"form_token": sealed})

    assert seen.status == 403
    assert browser.get(f"/{PROJECT}").status == 200


def test_a_form_of_another_session_is_refused(scene):
    sealed = scene.browser("vera").get(f"/{PROJECT}").form_token

    assert scene.browser("ada").post("/sign-out", {"form_token": sealed}).status == 403


def test_a_form_from_another_site_is_refused_even_with_a_seal(scene):
    browser = scene.browser()
    sealed = browser.get(f"/{PROJECT}").form_token

    assert browser.post("/sign-out", {"form_token": sealed}, origin="https://evil.example").status == 403


def test_no_two_forms_carry_the_same_seal():
    first, second = form_token("secret"), form_token("secret")

    assert first != second
    assert is_form_token(first, "secret")
    assert is_form_token(second, "secret")
    assert not is_form_token(first, "another")
    assert not is_form_token(form_token(""), "")


@pytest.mark.parametrize("path", ["/", "/sign-in", f"/{PROJECT}"])
def test_a_name_that_is_not_served_is_refused(scene, path):
    browser = scene.browser()
    browser.host = f"evil.example:{scene.http_port}"

    seen = browser.get(path)

    assert seen.status == 421
    assert "MODICUM_HTTP_HOSTS" in seen.text


@pytest.mark.parametrize("host", ["", "two words", "127.0.0.1:port", "127.0.0.1@evil.example"])
def test_a_name_that_is_none_is_refused(scene, host):
    assert stranger(scene, host or " ").get("/sign-in").status == 421


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
def test_names_of_loopback_are_served(scene, name):
    assert stranger(scene, f"{name}:{scene.http_port}").get("/sign-in").status == 200


def test_pages_forbid_what_they_do_not_need(scene):
    seen = scene.browser().get(f"/{PROJECT}")

    policy = dict(part.split(" ", 1) for part in seen.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert "unsafe" not in seen.headers["Content-Security-Policy"]
    assert seen.headers["X-Content-Type-Options"] == "nosniff"
    assert seen.headers["Cache-Control"] == "no-store"
    assert re.search(r"<[^>]* (style|on[a-z]+)=", seen.text) is None
    assert "<style" not in seen.text


def test_files_of_the_pages_are_kept_under_addresses_of_their_content(scene):
    browser = scene.browser()
    (address,) = re.findall(r'href="(/assets/[^"]+\.css)"', browser.get(f"/{PROJECT}").text)

    seen, another = browser.get(address), browser.get(address.replace("/assets/", "/assets/0"))

    assert (seen.status, seen.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in seen.headers["Cache-Control"]
    assert another.status == 404


def test_somebody_who_asks_for_too_many_pages_is_told_to_wait(scene, monkeypatch):
    def refuse(_principal: object) -> None:
        raise ShareExceeded

    browser = scene.browser()
    monkeypatch.setattr(scene.services.call_rates, "admit", refuse)

    seen = browser.get(f"/{PROJECT}")

    assert seen.status == 429
    assert seen.headers["Retry-After"]
