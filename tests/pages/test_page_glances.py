"""What pages show at a glance: small trends, the newest data set, and the last pictures of an audit that runs."""

import re
from contextvars import ContextVar
from dataclasses import replace

import pytest
from modicum_server.domain.audits import AuditState, Stage
from modicum_server.domain.projects import Principal, Role
from modicum_server.transports.http.pages.rendering import rendered
from modicum_server.transports.http.pages.words import element_id
from modicum_server.usecases.overviews import Work
from modicum_server.usecases.pages import PageRequest
from sqlalchemy import event

from tests.measures.example_audit import LABELS
from tests.pages.browsing import sign_in
from tests.pages.page_reading import pages_of, whole
from tests.pages.pages_stage import OTHER, PROJECT, PlainBrowser
from tests.reports.spot_rows import FINDINGS, outcomes, rows
from tests.tokens import add_token

EMPTY = "projects/empty"
GLANCED, RISING, SINGLE = (f"{PROJECT}/models/{name}" for name in ("a-glanced", "a-rising", "a-single"))


@pytest.fixture(scope="module")
def audited(scene):
    """Three models: of one, the newest audit has another threshold; one has more audits than are shown; one has one."""
    few = scene.run(scene.dataset("glanced"))
    for model, thresholds in (("a-glanced", (0.9, 0.9, 0.95)), ("a-rising", (0.9,) * 10), ("a-single", (0.9,))):
        for place, threshold in enumerate(thresholds):
            version = scene.run(scene.model(model, labels=(*LABELS, *"abcdefghijk"[:place])))
            audit = scene.run(scene.audit(f"{model}-{place}", version, few, threshold=threshold))
            scene.run(scene.succeed(audit, 3 + 10 * place))


def drawn(seen, model: str) -> str:
    return seen.text.split(f'id="{element_id(model)}"')[1].split("</div>")[0]


def test_each_model_of_the_overview_has_a_small_trend_of_its_last_audits(scene, audited):
    browser = scene.browser("vera")

    overview, trends = browser.get(f"/{PROJECT}"), browser.get(f"/{PROJECT}/trends", HX_Request="true")

    assert f'hx-get="/{PROJECT}/trends"' in overview.text
    assert f'id="{element_id(GLANCED)}"' in overview.text
    glanced, rising = drawn(trends, GLANCED), drawn(trends, RISING)
    assert (glanced.count("<circle"), glanced.count('class="line"')) == (3, 1)
    assert (rising.count("<circle"), rising.count('class="line"')) == (8, 7)
    assert 'aria-label="Overinterpretation rate, by audit: a-rising version 3' in rising
    assert "a-rising version 10" in rising
    assert re.search(r"Overinterpretation rate \d+%", rising)
    assert f'id="{element_id(SINGLE)}"' not in trends.text  # one audit is no trend


@pytest.mark.long
def test_what_was_found_on_an_earlier_version_is_not_told_of_the_newest(scene):
    def card() -> str:
        seen = scene.browser("vera").get(f"/{PROJECT}")
        (own,) = (one for one in seen.text.split("<li>") if f'id="{element_id(f"{PROJECT}/models/a-renewed")}"' in one)
        return own

    few = scene.run(scene.dataset("renewed"))
    first = scene.run(scene.model("a-renewed"))
    scene.run(scene.succeed(scene.run(scene.audit("renewed-first", first, few)), 3))
    assert "earlier version" not in card()

    scene.run(scene.model("a-renewed", labels=(*LABELS, "more")))

    assert '<p class="found"><span class="quiet">An earlier version:</span> ' in card()
    assert ", of an earlier version" in card()


def test_a_model_on_a_spot_that_nobody_judged_is_marked_and_needs_a_person(scene):
    audit = scene.run(
        scene.audit(
            "decisive-1",
            scene.run(scene.model("a-decisive")),
            scene.run(scene.dataset("decisive", count=len(FINDINGS))),
        )
    )
    (spots,) = rows().values()
    scene.run(scene.succeed(audit, changes=by_halves, spots=spots))

    def needed(seen) -> str:
        return seen.text.partition('<ul class="needs">')[2].partition("</ul>")[0]

    browser = scene.browser("vera")
    seen = browser.get(f"/{PROJECT}")
    (card,) = (one for one in seen.text.split("<li>") if f'id="{element_id(f"{PROJECT}/models/a-decisive")}"' in one)
    listed = "".join(one.text for one in pages_of(browser, f"/{PROJECT}/audits?state=SUCCEEDED"))
    (line,) = (one for one in listed.split("<tr>") if f'href="/{audit.name}"' in one)

    said = re.search(r'<p class="found">(<span class="mark decisive">.*?DECISIVE</span>) ([^<]+)</p>', card)
    headline = said[2].removesuffix(".")
    assert 10 < len(headline) < 100
    assert f"{said[1]} {headline}</td>" in line
    assert f'<a href="/{audit.name}">a-decisive: nobody judged what the newest audit found</a>' in needed(seen)

    scene.run(scene.judge(scene.run(scene.services.use_cases.audits.get(scene.principals[PROJECT], audit.name))))
    assert "a-decisive: nobody judged" not in needed(browser.get(f"/{PROJECT}"))


@pytest.mark.long
def test_a_newer_audit_without_a_finding_leaves_an_older_one_that_nobody_judged(scene):
    version = scene.run(scene.model("seen-before"))
    few = scene.run(scene.dataset("seen-before", count=len(FINDINGS)))
    (found,), (nothing,) = rows().values(), rows(follow=False).values()
    enough = [replace(one, trials=(replace(one.trials[0], covered=outcomes(follow=False)),)) for one in found[1:]]
    audits = [scene.run(scene.audit(f"seen-before-{name}", version, few)) for name in ("found", "nothing")]

    def needed() -> str:
        seen = whole(scene.browser("vera").get(f"/{PROJECT}"))
        return seen[seen.index("Needs a person") : seen.index("At work")]

    scene.run(scene.succeed(audits[0], changes=by_halves, spots=[found[0], *enough]))
    assert "seen-before: nobody judged what the newest audit found SUFFICIENT: " in needed()

    scene.run(scene.succeed(audits[1], changes=by_halves, spots=nothing))
    assert "seen-before: nobody judged what an older audit of the version found" in needed()
    assert "seen-before: nobody judged what the newest audit found" not in needed()

    scene.run(scene.judge(scene.run(scene.services.use_cases.audits.get(scene.principals[PROJECT], audits[1].name))))
    assert "seen-before: nobody judged" not in needed()


def by_halves(place: int) -> dict[str, int]:
    """What the model says of a picture of the spot test: the first half are cats, the second dogs."""
    half = FINDINGS[place].predicted_class
    return {"predicted_class": half, "target_class": half, "label": half}


def test_trends_are_those_of_the_page_that_is_shown_and_of_ones_own_projects(scene, audited):
    browser = scene.browser("vera")

    assert browser.get(f"/{PROJECT}/trends?page=nonsense").status == 400
    assert browser.get(f"/{OTHER}/trends").status == 404


@pytest.mark.long
def test_the_overview_asks_as_much_of_the_database_for_many_models_as_for_one(scene, audited):
    able = scene.services.use_cases
    statements: ContextVar[list[str] | None] = ContextVar("statements", default=None)

    async def asked(size: int) -> int:
        counted: list[str] = []
        statements.set(counted)  # in this task alone: the server has work of its own in the background
        page = (await able.overviews.of(scene.principals[PROJECT], PROJECT, PageRequest(size))).models
        assert len(page.rows) == size
        return len(counted)

    def count(_connection, _cursor, statement: str, *_: object) -> None:
        if (counted := statements.get()) is not None:
            counted.append(statement)

    event.listen(scene.store._engine.sync_engine, "before_cursor_execute", count)
    try:
        scene.run(asked(1))
        one, three = scene.run(asked(1)), scene.run(asked(3))
    finally:
        event.remove(scene.store._engine.sync_engine, "before_cursor_execute", count)

    assert one == three > 0


def test_the_form_of_a_new_audit_offers_the_newest_data_set_first(scene):
    scene.run(scene.dataset("zebra"))
    newest = scene.run(scene.dataset("middle"))

    page = scene.browser("otto").get(f"/{PROJECT}/new-audit")

    offered = re.findall(r'<option value="([^"]*)"', page.text.split('name="dataset"')[1].split("</select>")[0])
    assert offered[:2] == [newest, f"{PROJECT}/datasets/zebra"]
    assert f"{PROJECT}/datasets/few" in offered


def test_an_audit_that_runs_shows_its_last_pictures_with_size_and_confidence(scene):
    browser = scene.browser("vera")

    page = browser.get(f"/{PROJECT}/audits/going")
    news = browser.get(f"/{PROJECT}/audits/going/progress?after=0", HX_Request="true")

    assert "The last pictures so far" in whole(page)
    assert re.search(r"cat, confidence 0\.970, subset [\d.]+% image-2\.png", whole(page))
    assert [news.text.index(f"image-{place}.png</span>") for place in (2, 1, 0)] == sorted(
        news.text.index(f"image-{place}.png</span>") for place in range(3)
    )
    assert news.text.count('<img src="/') == 3
    assert "The last pictures so far" not in browser.get(f"/{PROJECT}/audits/good").text
    assert "The last pictures so far" not in browser.get(f"/{PROJECT}/audits/queued").text


def test_an_empty_overview_is_loaded_anew_once_there_is_something(scene):
    async def found() -> None:
        async with scene.store.transaction() as transaction:
            await transaction.projects.create(EMPTY, admin="noa")
            await add_token(transaction, "token-of-noa", principal="noa", project=EMPTY, role=Role.ADMIN)

    scene.run(found())
    scene.principals[EMPTY] = Principal("noa", {EMPTY: Role.ADMIN})
    browser = PlainBrowser(scene.http_port, f"127.0.0.1:{scene.http_port}")
    browser.sign_in("token-of-noa")

    page, before = browser.get(f"/{EMPTY}"), browser.get(f"/{EMPTY}/begun", HX_Request="true")
    scene.run(scene.model(project=EMPTY))
    after = browser.get(f"/{EMPTY}/begun", HX_Request="true")

    assert f'hx-get="/{EMPTY}/begun" hx-trigger="every 5s"' in page.text
    assert (before.status, before.headers["HX-Refresh"]) == (204, None)
    assert after.headers["HX-Refresh"] == "true"
    assert f"/{EMPTY}/begun" not in browser.get(f"/{EMPTY}").text
    assert browser.get(f"/{OTHER}/begun").status == 404


def test_two_links_of_the_work_have_a_space_between_them():
    shown = rendered(
        "work.html.j2",
        project=PROJECT,
        work=Work((), (), {}),
        counts={state.value: 5 for state in AuditState},
        may_audit=True,
    )

    assert re.search(r"5 audits have succeeded\.</a>\s<a [^>]+>Start an audit", shown)


def test_an_audit_that_has_just_begun_does_not_count_to_none(scene):
    audit = scene.run(scene.audit("begun", f"{PROJECT}/models/tiny/versions/1", f"{PROJECT}/datasets/judged", seed=8))
    scene.run(scene.begin(audit, 0))

    said = whole(scene.browser().get(f"/{audit.name}"))

    assert "Images none of 12 has ended yet" in said


@pytest.mark.long
def test_an_audit_that_is_scored_says_that_its_searches_are_done(scene):
    few = scene.run(scene.dataset("scored"))
    audit = scene.run(scene.audit("scored", f"{PROJECT}/models/tiny/versions/1", few, seed=9))
    scene.run(scene.begin(audit, audit.item_count))

    async def score() -> None:
        async with scene.store.transaction() as transaction:
            await transaction.audits.start(audit.name, Stage.SCORE)

    def said() -> list[str]:
        pages = (whole(scene.browser().get(f"/{path}")) for path in (audit.name, PROJECT))
        return [page for page in pages if "searched; scoring runs" in page]

    assert said() == []
    scene.run(score())
    assert len(said()) == 2


@pytest.mark.long
def test_a_card_says_that_its_verdict_is_on_an_earlier_audit(scene):
    version, few = scene.run(scene.model("a-judged-before")), scene.run(scene.dataset("judged-before"))
    first, second = (scene.run(scene.audit(f"judged-before-{name}", version, few)) for name in ("first", "second"))
    named = element_id(f"{PROJECT}/models/a-judged-before")

    def card() -> str:
        seen = scene.browser().get(f"/{PROJECT}").text
        return next(one for one in seen.split("<li>") if f'id="{named}"' in one)

    scene.run(scene.succeed(first, 3))
    scene.run(scene.judge(scene.run(scene.services.use_cases.audits.get(scene.principals[PROJECT], first.name))))
    assert "on an earlier audit" not in card()

    scene.run(scene.succeed(second, 3))
    assert "on an earlier audit" in card()


class TestInABrowser:
    """What comes later is put into its place."""

    pytestmark = pytest.mark.acceptance

    @pytest.mark.long
    def test_small_trends_come_into_the_cards_of_their_models(self, page, audited):
        sign_in(page, "vera")

        card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="a-rising", exact=True))
        card.get_by_role("img").wait_for()

        assert "Overinterpretation rate, by audit" in card.get_by_role("img").get_attribute("aria-label")
