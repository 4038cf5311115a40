"""A spot of one picture is tried on another: composed at the door, scored by a worker, shown on a page."""

import asyncio
import io
import re
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial

import numpy as np
import pytest
from modicum_server.domain.audits import AuditFailure, Stage
from modicum_server.domain.findings import Subset
from modicum_server.domain.searches import Canvas
from modicum_server.domain.spot_swaps import VIEWS, SwapScore, SwapView
from modicum_server.domain.spots import SpotKind, SpotPlace
from modicum_server.errors import FieldInvalid, ShareExceeded
from modicum_server.images.pictures import canvas_array
from modicum_server.settings import Settings
from modicum_server.usecases.limit_errors import ProjectFull
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.request_ids import CreateOptions
from modicum_server.usecases.side_by_side import Side
from modicum_server.usecases.spot_swaps import MOST_OPEN, AskedSwap
from modicum_server.usecases.swapped_pictures import check_canvas, composed
from PIL import Image

from tests.measures.example_audit import INPUT
from tests.pages.page_reading import marked, whole
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
        scene.run(
            scene.succeed(audit, changes=lambda place, held=digests: {"image_digest": held[place], **found(place)})
        )
    return f"left={PROJECT}/audits/tried-left&right={PROJECT}/audits/tried-right"


def found(place: int) -> dict[str, Subset]:
    """The subset of the first picture is one pixel, in row 6 and column 5."""
    return {"subset": Subset(np.packbits(np.arange(64) == 6 * 8 + 5).tobytes(), 8, 8, 1)} if place == 0 else {}


def digest_of(scene, item: int) -> str:
    return scene.run(scene.hold(picture(item)))


def asked(scene, **changed: str) -> dict[str, str]:
    fields = {"other": digest_of(scene, 1), "top": "1", "left_edge": "2", "height": "3", "width": "2"}
    return {**fields, **changed}


def begun(scene, pair: str, **changed: str):
    """Send the form; returns what came."""
    browser = scene.browser("otto")
    form = f"/{PROJECT}/new-swap?{pair}&source={digest_of(scene, 0)}"
    return browser, browser.send(form, form, **asked(scene, **changed))


def drawn(browser, swap: str, place: int) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(browser.get(f"{swap}/pictures/{place}").body))).astype(int)


async def said(scene, swap: str, version: str, classes: list[int]) -> None:
    """Let a version say what it sees, as a worker would."""
    scores = [
        SwapScore(view, number, 0.25 * place) for place, (view, number) in enumerate(zip(VIEWS, classes, strict=True))
    ]
    async with scene.store.transaction() as transaction:
        await transaction.spot_swaps.add_scores(swap.removeprefix("/"), version, scores)


def test_the_form_proposes_where_the_subset_lies(scene, pair):
    browser = scene.browser("otto")
    links = re.findall(r'href="(/[^"]+/new-swap[^"]+)"', browser.get(f"/{PROJECT}/side-by-side?{pair}").text)

    (first,) = [link for link in links if digest_of(scene, 0) in link]
    form = browser.get(first.replace("&amp;", "&"))

    assert form.status == 200
    assert len(links) == 5
    names = ("height", "width", "top", "left_edge")
    values = [int(re.search(rf'name="{name}" value="(\d+)"', form.text)[1]) for name in names]
    assert values == [2, 2, 5, 4]  # a quarter of the canvas of 8 x 8, over the only pixels of the subset
    assert len(re.findall(r"<option", form.text)) == 4


def test_the_pictures_are_composed_on_the_canvas(scene, pair):
    browser, sent = begun(scene, pair)
    swap = sent.headers["Location"]
    canvas = scene.run(scene.services.use_cases.audits.get(ADA, f"{PROJECT}/audits/tried-left")).specification.canvas
    source, other = [
        (canvas_array(picture(place), INPUT, canvas) * 255).round().astype(int).transpose(1, 2, 0) for place in (0, 1)
    ]

    covered, pasted = source.copy(), other.copy()
    covered[1:4, 2:4], pasted[1:4, 2:4] = other[1:4, 2:4], source[1:4, 2:4]
    for place, expected in enumerate((source, covered, other, pasted)):
        np.testing.assert_allclose(drawn(browser, swap, place), expected, atol=1)
    assert (covered != source).any()


def test_what_each_version_says_is_shown_as_it_comes(scene, pair):
    browser, sent = begun(scene, pair, top="0")
    swap = sent.headers["Location"]
    waiting = browser.get(swap)
    left, right = TINY, f"{PROJECT}/models/tried/versions/1"

    scene.run(said(scene, swap, left, [0, 1, 1, 0]))
    half, part = whole(browser.get(swap)), browser.get(f"{swap}/progress").text
    nothing_new = browser.get(f"{swap}/progress?after=1").status
    scene.run(said(scene, swap, right, [0, 0, 1, 1]))

    async def end() -> None:
        async with scene.store.transaction() as transaction:
            await transaction.spot_swaps.succeed(swap.removeprefix("/"))

    scene.run(end())
    done = browser.get(swap)

    assert 'hx-trigger="every 2s"' in waiting.text
    assert "tiny version 1: not yet" in whole(waiting)
    assert "The spot pasted onto the other picture tiny version 1: cat ; confidence in cat: 0.750" in half
    assert "tried version 1: not yet" in half
    assert part.strip().startswith('<div id="swap" hx-get=')
    assert "Pasting the spot makes it see cat. With the spot covered it no longer sees cat." in half
    assert nothing_new == 204  # so the focus stays where it is
    assert "tried version 1: dog ; confidence in cat: 0.750" in whole(done)
    assert "every 2s" not in done.text
    assert "Pasting the spot changes nothing: it sees dog before and after." in whole(done)
    assert "With the spot covered it still sees cat." in whole(done)


def test_a_swap_can_be_cancelled_and_leaves_no_work(scene, pair):
    browser, sent = begun(scene, pair, top="2")
    swap = sent.headers["Location"]

    browser.send(swap, f"{swap}/cancel")

    async def left() -> int:
        async with scene.store.transaction() as transaction:
            return await transaction.shards.remaining(swap.removeprefix("/"), Stage.SWAP)

    assert "It was cancelled." in whole(browser.get(swap))
    assert scene.run(left()) == 0


def test_swaps_are_listed_and_an_admin_deletes_one_with_its_pictures(scene, pair):
    browser, sent = begun(scene, pair, top="0", left_edge="0", height="2", width="5")  # pictures of no other swap
    swap = sent.headers["Location"]
    plan = scene.run(scene.services.use_cases.spot_swaps.get(ADA, swap.removeprefix("/"))).plan
    browser.send(swap, f"{swap}/cancel")
    admin = scene.browser("ada")
    listed = admin.get(f"/{PROJECT}/swaps")

    refused = browser.post(f"{swap}/delete", {"form_token": browser.get(f"/{PROJECT}/new-audit").form_token})
    admin.send(swap, f"{swap}/delete")

    async def held(digest: str) -> bool:
        async with scene.store.transaction() as transaction:
            return await transaction.artifacts.get(PROJECT, digest) is not None

    assert swap in listed.text
    assert refused.status == 403
    assert browser.get(swap).status == 404
    assert swap not in admin.get(f"/{PROJECT}/swaps").text
    assert not scene.run(held(plan.pictures[VIEWS.index(SwapView.PASTED)]))


def test_a_version_is_not_deleted_under_an_open_swap(scene, pair):
    browser, sent = begun(scene, pair, top="5")
    swap = sent.headers["Location"].removeprefix("/")

    async def referrers() -> list[str]:
        async with scene.store.transaction() as transaction:
            return await transaction.models.audits_of(f"{PROJECT}/models/tried/versions/1")

    waiting = scene.run(referrers())
    browser.send(f"/{swap}", f"/{swap}/cancel")

    assert swap in waiting
    assert swap not in scene.run(referrers())


def test_composed_pictures_are_not_deleted_under_a_swap(scene, pair):
    _, sent = begun(scene, pair, left_edge="3")
    swap = sent.headers["Location"].removeprefix("/")
    plan = scene.run(scene.services.use_cases.spot_swaps.get(ADA, swap)).plan

    async def referrers(digest: str) -> list[str]:
        async with scene.store.transaction() as transaction:
            return await transaction.artifacts.referrers(PROJECT, digest)

    assert swap in scene.run(referrers(plan.pictures[1]))


@pytest.mark.long
def test_many_swaps_at_once_stay_within_the_bound(scene, pair):
    """Swaps of other tests count, too."""
    swaps = scene.services.use_cases.spot_swaps
    side = Side(f"{PROJECT}/audits/tried-left")
    source, other = digest_of(scene, 0), digest_of(scene, 1)

    async def one(number: int) -> bool:
        place = SpotPlace(SpotKind.WINDOW, 1, 1, number // 8, number % 8)
        try:
            await swaps.create(ADA, AskedSwap(side, side, source, other, place), CreateOptions())
        except ShareExceeded:
            return False
        return True

    async def all_at_once() -> tuple[list[bool], int]:
        begun = await asyncio.gather(*(one(number) for number in range(MOST_OPEN + 8)))
        async with scene.store.transaction() as transaction:
            return begun, await transaction.spot_swaps.open_count(PROJECT)

    async def cancel_all() -> None:
        for swap in (await swaps.page(ADA, PROJECT, PageRequest(100))).rows:
            await swaps.cancel(ADA, swap.name)

    begun, count = scene.run(all_at_once())
    scene.run(cancel_all())

    assert count == MOST_OPEN
    assert not all(begun)


def test_pictures_are_composed_one_swap_at_a_time_and_not_on_the_loop(scene, pair, monkeypatch):
    """They may take a gigabyte, and seconds in which the loop would answer nobody."""
    swaps, loop = scene.services.use_cases.spot_swaps, scene.run(threads_name())
    side, place = Side(f"{PROJECT}/audits/tried-left"), SpotPlace(SpotKind.WINDOW, 2, 7, 0, 0)
    asked = AskedSwap(side, side, digest_of(scene, 2), digest_of(scene, 3), place)
    threads: set[str] = set()
    done: list[str] = []
    stored = swaps._held.hold_made

    def noted(*what: object) -> Iterator[bytes]:
        threads.add(threading.current_thread().name)
        done.append("composed")
        return composed(*what)

    async def noted_too(*what: object) -> None:
        await stored(*what)
        done.append("stored")

    monkeypatch.setattr("modicum_server.usecases.spot_swaps.composed", noted)
    monkeypatch.setattr(swaps._held, "hold_made", noted_too)

    async def three() -> None:
        for swap in await asyncio.gather(*(swaps.create(ADA, asked, CreateOptions()) for _ in range(3))):
            await swaps.cancel(ADA, swap.name)

    scene.run(three())

    assert loop not in threads
    assert done == ["composed", "stored"] * 3


async def threads_name() -> str:
    return threading.current_thread().name


def test_a_swap_that_a_project_has_no_room_for_is_refused_and_stores_nothing(scene, pair, monkeypatch):
    swaps = scene.services.use_cases.spot_swaps
    side, place = Side(f"{PROJECT}/audits/tried-left"), SpotPlace(SpotKind.WINDOW, 7, 2, 0, 0)
    asked = AskedSwap(side, side, digest_of(scene, 3), digest_of(scene, 4), place)
    stored = partial(scene.services.use_cases.artifacts.stored_bytes, ADA, PROJECT)
    before = scene.run(stored())
    monkeypatch.setattr(swaps._held, "_settings", Settings(max_project_bytes=before + 1))

    with pytest.raises(ProjectFull, match="with this artifact it would store"):
        scene.run(swaps.create(ADA, asked, CreateOptions()))

    assert scene.run(stored()) == before


def test_a_swap_counts_for_whoever_began_it(scene, pair):
    side, place = Side(f"{PROJECT}/audits/tried-left"), SpotPlace(SpotKind.WINDOW, 6, 2, 0, 0)
    asked = AskedSwap(side, side, digest_of(scene, 1), digest_of(scene, 4), place)

    async def counted() -> int:
        async with scene.store.transaction() as transaction:
            return await transaction.artifacts.stored_bytes_of(ADA.name, [PROJECT])

    before = scene.run(counted())
    swap = scene.run(scene.services.use_cases.spot_swaps.create(ADA, asked, CreateOptions()))
    scene.run(scene.services.use_cases.spot_swaps.cancel(ADA, swap.name))

    assert scene.run(counted()) - before > 2 * 8 * 8 * 3  # two pictures of 8 x 8 that no other swap has


@pytest.mark.parametrize(("channels", "allowed"), [(4, True), (5, False)])
def test_a_canvas_whose_pictures_would_be_too_large_is_refused(channels, allowed):
    with nullcontext() if allowed else pytest.raises(FieldInvalid, match="at most 16,777,216 values, got 2048 x 2048"):
        check_canvas(Canvas(channels, 2048, 2048))


def test_a_swap_that_failed_says_why(scene, pair):
    browser, sent = begun(scene, pair, top="3")
    swap = sent.headers["Location"]

    async def fail() -> None:
        async with scene.store.transaction() as transaction:
            await transaction.spot_swaps.fail(swap.removeprefix("/"), AuditFailure("MODEL_DIED", "its process ended"))

    scene.run(fail())

    assert "Its process ended. MODEL_DIED" in whole(browser.get(swap))


def test_a_form_that_is_sent_twice_makes_one_swap(scene, pair):
    request = "7e6a8d8e-7a30-4b5c-9d1a-1a2b3c4d5e6f"

    _, first = begun(scene, pair, request_id=request)
    _, again = begun(scene, pair, request_id=request)

    assert first.headers["Location"] == again.headers["Location"]


@pytest.mark.long_after(1)
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


def test_all_numbers_of_a_place_that_cannot_be_read_are_marked_at_once(scene, pair):
    _, came = begun(scene, pair, top="high", width="wide")

    assert marked(came) == ["top", "width"]


def test_a_picture_is_not_tried_on_itself(scene, pair):
    _, came = begun(scene, pair, other=digest_of(scene, 0))

    assert "The other picture: expected another picture" in whole(came)


def test_only_members_see_a_swap_and_only_auditors_begin_one(scene, pair):
    _, sent = begun(scene, pair, left_edge="0")
    swap = sent.headers["Location"]
    form = f"/{PROJECT}/new-swap?{pair}&source={digest_of(scene, 0)}"

    assert scene.browser("vera").get(swap).status == 200
    assert scene.browser("vera").get(form).status == 403
    assert scene.browser("eve").get(swap).status == 404
    assert scene.browser("vera").get(f"{swap}/pictures/4").status == 404
    assert scene.browser("vera").get(f"/{PROJECT}/swaps/none").status == 404
