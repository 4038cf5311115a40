"""Server-sent events that tell a page of an audit's news: when they come, how many there may be, and when they end."""

import http.client
import re
from contextlib import ExitStack, closing, contextmanager

import pytest
from modicum_server.domain.projects import NOWHERE
from modicum_server.errors import SessionMissing
from modicum_server.usecases.audit_news import MOST_OF_A_SESSION, AuditNews

from tests.pages.pages_stage import PATIENCE_SECONDS, PROJECT, TOKENS, PlainBrowser
from tests.waiting import eventually

GOING, GOOD = f"{PROJECT}/audits/going", f"{PROJECT}/audits/good"


@contextmanager
def stream(browser: PlainBrowser, audit: str, after: int = 0, **headers: str):
    """The response to a browser that listens to an audit."""
    with closing(http.client.HTTPConnection("127.0.0.1", browser.port, timeout=PATIENCE_SECONDS)) as connection:
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        given = {
            "Host": browser.host,
            "Cookie": cookie,
            **{name.replace("_", "-"): one for name, one in headers.items()},
        }
        connection.request("GET", f"/{audit}/events?after={after}", headers=given)
        yield connection.getresponse()


def message(response) -> dict[str, str]:
    """The next message; empty for one that only says that the server is still there."""
    lines = []
    while line := response.readline().decode().rstrip("\n"):
        lines.append(line)
    return dict(line.split(": ", 1) if ": " in line else (line.rstrip(":"), "") for line in lines if line[0] != ":")


def running(scene, name: str, seed: int):
    audit = scene.run(scene.audit(name, f"{PROJECT}/models/tiny/versions/1", f"{PROJECT}/datasets/few", seed=seed))
    scene.run(scene.begin(audit))
    return scene.run(scene.services.use_cases.audits.get(scene.principals[PROJECT], audit.name))


async def progress(scene, audit) -> None:
    async with scene.store.transaction() as transaction:
        await transaction.audits.add_progress(audit.name, passes_done=2_710)


async def cancel(scene, audit) -> None:
    await scene.services.use_cases.audits.cancel(scene.principals[PROJECT], audit.name)


def test_news_come_as_events_until_the_audit_has_ended(scene):
    audit = running(scene, "news-told", 71)

    with stream(scene.browser("vera"), audit.name) as response:
        first = message(response)
        scene.run(progress(scene, audit))
        second = message(response)
        scene.run(cancel(scene, audit))
        told = [message(response)]
        while told[-1].get("event") != "end":
            told.append(message(response))
        rest = response.read()

    assert response.getheader("Content-Type").startswith("text/event-stream")
    assert response.getheader("Cache-Control") == "no-store"
    assert (first["event"], int(first["id"])) == ("news", audit.sequence)
    assert (second["event"], int(second["id"]) > audit.sequence) == ("news", True)
    assert rest == b""


@pytest.mark.parametrize("by", ["header", "query"])
@pytest.mark.long
def test_what_a_browser_has_seen_is_not_told_again(scene, by):
    audit = running(scene, f"news-seen-by-{by}", 72 if by == "header" else 73)
    last = {"Last_Event_ID": str(audit.sequence)} if by == "header" else {}

    with stream(scene.browser(), audit.name, audit.sequence if by == "query" else 0, **last) as response:
        first = message(response)
        scene.run(progress(scene, audit))
        second = message(response)

    assert first == {}
    assert second["event"] == "news"
    scene.run(cancel(scene, audit))


def test_the_end_of_an_audit_is_always_told(scene):
    with stream(scene.browser(), GOOD, after=10**6) as response:
        assert message(response)["event"] == "end"


def test_a_session_has_few_streams_and_gets_another_when_one_has_ended(scene):
    browser = scene.browser()
    with ExitStack() as stack:
        opened = [stack.enter_context(stream(browser, GOING)) for _ in range(MOST_OF_A_SESSION)]
        assert [message(one)["event"] for one in opened] == ["news"] * MOST_OF_A_SESSION
        refused, other = browser.get(f"/{GOING}/events"), stack.enter_context(stream(scene.browser(), GOING))

        assert refused.status == 429
        assert "this browser already has 4 pages open" in refused.text.lower()
        assert other.status == 200


@pytest.mark.parametrize("path", ["/projects/secret/audits/kept/events", f"/{PROJECT}/audits/none/events"])
def test_a_stream_of_what_one_may_not_see_is_refused_as_its_page_is(scene, path):
    assert scene.browser().get(path).status == 404


def test_a_stranger_gets_no_stream(scene):
    seen = PlainBrowser(scene.http_port, f"127.0.0.1:{scene.http_port}").get(f"/{GOING}/events")

    assert (seen.status, seen.headers["Location"][:8]) == (303, "/sign-in")


def news_of(scene) -> AuditNews:
    able = scene.services.use_cases
    return AuditNews(able.watching, able.sessions, heartbeat_seconds=0.05, pause_seconds=0)


def test_a_stream_ends_with_its_session_and_gives_its_place_back(scene):
    async def listen() -> int:
        sessions, ada = scene.services.use_cases.sessions, scene.principals[PROJECT]
        secret = await sessions.sign_in(TOKENS["ada"], NOWHERE)
        told = news_of(scene).of(await sessions.principal(secret), secret, GOING)
        while await anext(told) is None:
            pass  # on a busy machine the first news takes longer than the pause between two signs of life
        assert await anext(told) is None
        await sessions.sign_out(ada, secret)
        with pytest.raises(SessionMissing):
            async for _ in told:
                pass
        return watching.count

    watching = scene.services.use_cases.watching
    eventually(lambda: watching.count == 0, "the streams of earlier tests have ended")

    assert scene.run(listen()) == 0


def listening(page, scene, name: str, seed: int):
    """An audit that runs, and a window on its page."""
    audit = running(scene, name, seed)
    page.goto(f"/sign-in#{scene.link()}")
    page.wait_for_url(re.compile(f"/{PROJECT}$"))
    return audit


@pytest.mark.long
def test_a_page_shows_news_as_they_come_and_the_end_without_asking_in_between(page, scene):
    audit, asked = listening(page, scene, "news-watched", 74), []
    page.on("request", lambda request: asked.append(request.url.rsplit("/", 1)[1]))

    with page.expect_response(re.compile("/events")) as opened:
        page.goto(f"/{audit.name}")
    scene.run(progress(scene, audit))
    page.get_by_text("2,710 of at most").wait_for()
    pictures = page.locator("#progress .pictures img").count()
    scene.run(cancel(scene, audit))
    page.get_by_text("The audit was cancelled").wait_for()

    assert opened.value.status == 200
    assert pictures == 3
    assert len([one for one in asked if one.startswith("progress")]) <= 4
    assert len([one for one in asked if one.startswith("events")]) == 1


@pytest.mark.long
def test_a_page_that_gets_no_stream_asks_every_few_seconds(page, scene):
    audit = listening(page, scene, "news-polled", 75)
    page.route("**/events*", lambda route: route.fulfill(status=429, body="too many"))

    page.goto(f"/{audit.name}")
    scene.run(progress(scene, audit))
    page.get_by_text("2,710 of at most").wait_for()
    scene.run(cancel(scene, audit))

    page.get_by_text("The audit was cancelled").wait_for()
