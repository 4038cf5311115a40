"""A spot of one picture is tried on another: composed at the door, scored by a worker, shown on a page."""

import asyncio
import io
import re

import numpy as np
import pytest
from modicum_server.domain.audits import AuditFailure, Stage
from modicum_server.domain.spot_trials import VIEWS, TrialScore, TrialView
from modicum_server.domain.spots import SpotKind, SpotPlace
from modicum_server.errors import TooManyTrials
from modicum_server.images.pictures import canvas_array
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.request_ids import CreateOptions
from modicum_server.usecases.side_by_side import Side
from modicum_server.usecases.spot_trials import MOST_OPEN, AskedTrial
from PIL import Image

from tests.measures.example_audit import INPUT
from tests.pages.page_reading import whole
from tests.pages.pages_stage import ADA, PROJECT, picture

TINY = f"{PROJECT}/models/tiny/versions/1"


@pytest.fixture(scope="module")
def pair(scene):
    """Two audits of one data set, the second of another model; returns the query that names both."""
    pictures = scene.run(scene.dataset("tried", 5))
    second = scene.run(scene.model("tried"))
    for name, version in (("tried-left", TINY), ("tried-right", second)):
        audit = scene.run(scene.audit(name, version, pictures))
        digests = [digest_of(scene, place) for place in range(5)]
        scene.run(scene.succeed(audit, changes=lambda place, held=digests: {"image_digest": held[place]}))
    return f"left={PROJECT}/audits/tried-left&right={PROJECT}/audits/tried-right"


def digest_of(scene, item: int) -> str:
    return scene.run(scene.hold(picture(item)))


def asked(scene, **changed: str) -> dict[str, str]:
    fields = {"other": digest_of(scene, 1), "top": "1", "left_edge": "2", "height": "3", "width": "2"}
    return {**fields, **changed}


def begun(scene, pair: str, **changed: str):
    """Send the form; returns what came."""
    browser = scene.browser("otto")
    form = f"/{PROJECT}/new-trial?{pair}&source={digest_of(scene, 0)}"
    return browser, browser.send(form, form, **asked(scene, **changed))


def drawn(browser, trial: str, place: int) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(browser.get(f"{trial}/pictures/{place}").body))).astype(int)


async def said(scene, trial: str, version: str, classes: list[int]) -> None:
    """Let a version say what it sees, as a worker would."""
    scores = [
        TrialScore(view, number, 0.25 * place) for place, (view, number) in enumerate(zip(VIEWS, classes, strict=True))
    ]
    async with scene.store.transaction() as transaction:
        await transaction.spot_trials.add_scores(trial.removeprefix("/"), version, scores)


def test_the_form_proposes_where_the_subset_lies(scene, pair):
    browser = scene.browser("otto")
    links = re.findall(r'href="(/[^"]+/new-trial[^"]+)"', browser.get(f"/{PROJECT}/side-by-side?{pair}").text)

    form = browser.get(links[0].replace("&amp;", "&"))

    assert form.status == 200
    assert len(links) == 5
    values = [int(re.search(rf'name="{name}" value="(\d+)"', form.text)[1]) for name in ("height", "width", "top")]
    assert values[:2] == [2, 2]  # a quarter of the canvas of 8 x 8
    assert len(re.findall(r"<option", form.text)) == 4


def test_the_pictures_are_composed_on_the_canvas(scene, pair):
    browser, sent = begun(scene, pair)
    trial = sent.headers["Location"]
    canvas = scene.run(scene.services.use_cases.audits.get(ADA, f"{PROJECT}/audits/tried-left")).specification.canvas
    source, other = [
        (canvas_array(picture(place), INPUT, canvas) * 255).round().astype(int).transpose(1, 2, 0) for place in (0, 1)
    ]

    covered, pasted = source.copy(), other.copy()
    covered[1:4, 2:4], pasted[1:4, 2:4] = other[1:4, 2:4], source[1:4, 2:4]
    for place, expected in enumerate((source, covered, other, pasted)):
        np.testing.assert_allclose(drawn(browser, trial, place), expected, atol=1)
    assert (covered != source).any()


def test_what_each_version_says_is_shown_as_it_comes(scene, pair):
    browser, sent = begun(scene, pair, top="0")
    trial = sent.headers["Location"]
    waiting = browser.get(trial)
    left, right = TINY, f"{PROJECT}/models/tried/versions/1"

    scene.run(said(scene, trial, left, [0, 1, 1, 0]))
    half, part = whole(browser.get(trial)), browser.get(f"{trial}/progress").text
    nothing_new = browser.get(f"{trial}/progress?after=1").status
    scene.run(said(scene, trial, right, [0, 0, 1, 1]))

    async def end() -> None:
        async with scene.store.transaction() as transaction:
            await transaction.spot_trials.succeed(trial.removeprefix("/"))

    scene.run(end())
    done = browser.get(trial)

    assert 'hx-trigger="every 2s"' in waiting.text
    assert "tiny version 1: not yet" in whole(waiting)
    assert "The spot pasted onto the other picture tiny version 1: cat ; confidence in cat: 75%" in half
    assert "tried version 1: not yet" in half
    assert part.strip().startswith('<div id="trial" hx-get=')
    assert "Pasting the spot makes it see cat. With the spot covered it no longer sees cat." in half
    assert nothing_new == 204  # so the focus stays where it is
    assert "tried version 1: dog ; confidence in cat: 75%" in whole(done)
    assert "every 2s" not in done.text
    assert "Pasting the spot changes nothing: it sees dog before and after." in whole(done)
    assert "With the spot covered it still sees cat." in whole(done)


def test_a_trial_can_be_cancelled_and_leaves_no_work(scene, pair):
    browser, sent = begun(scene, pair, top="2")
    trial = sent.headers["Location"]

    browser.send(trial, f"{trial}/cancel")

    async def left() -> int:
        async with scene.store.transaction() as transaction:
            return await transaction.shards.remaining(trial.removeprefix("/"), Stage.TRIAL)

    assert "It was cancelled." in whole(browser.get(trial))
    assert scene.run(left()) == 0


def test_trials_are_listed_and_an_admin_deletes_one_with_its_pictures(scene, pair):
    browser, sent = begun(scene, pair, top="0", left_edge="0", height="2", width="5")  # pictures of no other trial
    trial = sent.headers["Location"]
    plan = scene.run(scene.services.use_cases.spot_trials.get(ADA, trial.removeprefix("/"))).plan
    browser.send(trial, f"{trial}/cancel")
    admin = scene.browser("ada")
    listed = admin.get(f"/{PROJECT}/trials")

    refused = browser.post(f"{trial}/delete", {"form_token": listed_token(browser, pair)})
    admin.send(trial, f"{trial}/delete")

    async def held(digest: str) -> bool:
        async with scene.store.transaction() as transaction:
            return await transaction.artifacts.get(PROJECT, digest) is not None

    assert trial in listed.text
    assert refused.status == 403
    assert browser.get(trial).status == 404
    assert trial not in admin.get(f"/{PROJECT}/trials").text
    assert not scene.run(held(plan.pictures[VIEWS.index(TrialView.PASTED)]))


def listed_token(browser, pair: str) -> str:
    """A seal of a form of this browser."""
    return browser.get(f"/{PROJECT}/new-audit").form_token


def test_a_version_is_not_deleted_under_an_open_trial(scene, pair):
    browser, sent = begun(scene, pair, top="5")
    trial = sent.headers["Location"].removeprefix("/")

    async def referrers() -> list[str]:
        async with scene.store.transaction() as transaction:
            return await transaction.models.audits_of(f"{PROJECT}/models/tried/versions/1")

    waiting = scene.run(referrers())
    browser.send(f"/{trial}", f"/{trial}/cancel")

    assert trial in waiting
    assert trial not in scene.run(referrers())


def test_composed_pictures_are_not_deleted_under_a_trial(scene, pair):
    _, sent = begun(scene, pair, left_edge="3")
    trial = sent.headers["Location"].removeprefix("/")
    plan = scene.run(scene.services.use_cases.spot_trials.get(ADA, trial)).plan

    async def referrers(digest: str) -> list[str]:
        async with scene.store.transaction() as transaction:
            return await transaction.artifacts.referrers(PROJECT, digest)

    assert trial in scene.run(referrers(plan.pictures[1]))


def test_many_trials_at_once_stay_within_the_bound(scene, pair):
    """In a project of its own the bound is counted exactly; here others have trials, too."""
    trials = scene.services.use_cases.spot_trials
    side = Side(f"{PROJECT}/audits/tried-left")
    source, other = digest_of(scene, 0), digest_of(scene, 1)

    async def one(number: int) -> bool:
        place = SpotPlace(SpotKind.WINDOW, 1, 1, number // 8, number % 8)
        try:
            await trials.create(ADA, AskedTrial(side, side, source, other, place), CreateOptions())
        except TooManyTrials:
            return False
        return True

    async def all_at_once() -> tuple[list[bool], int]:
        begun = await asyncio.gather(*(one(number) for number in range(MOST_OPEN + 8)))
        async with scene.store.transaction() as transaction:
            return begun, await transaction.spot_trials.open_count(PROJECT)

    async def cancel_all() -> None:
        for trial in (await trials.page(ADA, PROJECT, PageRequest(100))).rows:
            await trials.cancel(ADA, trial.name)

    begun, count = scene.run(all_at_once())
    scene.run(cancel_all())

    assert count == MOST_OPEN
    assert not all(begun)


def test_a_trial_that_failed_says_why(scene, pair):
    browser, sent = begun(scene, pair, top="3")
    trial = sent.headers["Location"]

    async def fail() -> None:
        async with scene.store.transaction() as transaction:
            await transaction.spot_trials.fail(trial.removeprefix("/"), AuditFailure("MODEL_DIED", "its process ended"))

    scene.run(fail())

    assert "Its process ended. MODEL_DIED" in whole(browser.get(trial))


def test_a_form_that_is_sent_twice_makes_one_trial(scene, pair):
    request = "7e6a8d8e-7a30-4b5c-9d1a-1a2b3c4d5e6f"

    _, first = begun(scene, pair, request_id=request)
    _, again = begun(scene, pair, request_id=request)

    assert first.headers["Location"] == again.headers["Location"]


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"top": "7"}, "Height: expected a window inside the canvas of 8 x 8 pixels, got 3 x 2 at 7 from the top"),
        ({"width": "0"}, "Width: expected a window inside"),
        ({"height": "tall"}, "Height: expected a whole number, got 'tall'"),
        ({"other": "0" * 64}, "The other picture: expected the digest of a picture that"),
    ],
)
def test_a_mistake_is_told_and_what_was_typed_stays(scene, pair, changed, text):
    _, came = begun(scene, pair, **changed)

    (typed,) = changed.values()
    assert came.status == 400
    assert text in whole(came)
    assert typed in came.text or "other" in changed


def test_a_picture_is_not_tried_on_itself(scene, pair):
    _, came = begun(scene, pair, other=digest_of(scene, 0))

    assert "The other picture: expected another picture" in whole(came)


def test_only_members_see_a_trial_and_only_auditors_begin_one(scene, pair):
    _, sent = begun(scene, pair, left_edge="0")
    trial = sent.headers["Location"]
    form = f"/{PROJECT}/new-trial?{pair}&source={digest_of(scene, 0)}"

    assert scene.browser("vera").get(trial).status == 200
    assert scene.browser("vera").get(form).status == 403
    assert scene.browser("eve").get(trial).status == 404
    assert scene.browser("vera").get(f"{trial}/pictures/4").status == 404
    assert scene.browser("vera").get(f"/{PROJECT}/trials/none").status == 404
