"""Nothing tells a reviewer what a picture is: no address, size, header, text, order or chunk of a file."""

import asyncio
import re
import struct

import pytest
from modicum_server.domain.reviews import PictureKind
from modicum_server.transports.http.compression import Compression
from starlette.responses import Response

from tests.pages.pages_stage import Scene
from tests.pages.reviewing import OpenReview, ReviewerBrowser, audited, picture_id_in

LONG = 10_000
"""Bytes. Shorter responses are never packed."""
CHANGING = {"date", "x-request-id"}


@pytest.fixture(scope="module")
def asked(scene: Scene) -> OpenReview:
    return OpenReview.about(scene, audited(scene, "leaks"))


def walked(asked: OpenReview) -> list[tuple[PictureKind, str, object, object]]:
    """Answer a whole session: of each picture its kind, its id, its page and its file."""
    browser = ReviewerBrowser.of(asked.scene, asked.link())
    seen = []
    for planned in asked.planned():
        page = browser.page()
        picture_id = picture_id_in(page.text)
        seen.append((planned.kind, picture_id, page, browser.picture(picture_id, Accept_Encoding="gzip")))
        assert browser.answer(picture_id, "0").status == 303
    assert "Thank you" in browser.page().text
    return seen


@pytest.fixture(scope="module")
def session(asked: OpenReview):
    return walked(asked)


def test_all_kinds_are_in_the_session_and_whole_pictures_at_its_end(session):
    kinds = [kind for kind, *_ in session]

    assert kinds[-4:] == [PictureKind.WHOLE] * 4
    assert set(kinds[:20]) == {PictureKind.SUBSET, PictureKind.RANDOM}


def test_pages_differ_in_the_number_and_in_ids_alone(session):
    def even(text: str) -> str:
        text = re.sub(r'name="form_token" value="[^"]+"', "SEAL", text)
        text = re.sub(r"Picture \d+ of 24", "PLACE", re.sub(r'value="\d+" max="24"', "PLACE", text))
        return re.sub(r"\b[0-9a-f]{32}\b", "ID", text)

    assert len({even(page.text) for _, _, page, _ in session}) == 1


@pytest.mark.long
def test_ids_are_random_and_another_reviewer_has_others(asked: OpenReview, session):
    ids = [picture_id for _, picture_id, *_ in session]
    others = [picture_id for _, picture_id, *_ in walked(asked)]

    assert len({*ids, *others}) == len(ids) + len(others)
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in (*ids, *others))


def test_files_have_one_length_also_for_a_browser_that_takes_gzip(session):
    files = [file for *_, file in session]

    assert {file.status for file in files} == {200}
    assert len({len(file.body) for file in files}) == 1
    assert {file.headers["Content-Encoding"] for file in files} == {None}


@pytest.mark.parametrize(("media_type", "is_packed"), [("image/png", False), ("text/html", True)])
def test_pictures_too_long_for_a_small_canvas_are_not_packed_either(media_type, is_packed):
    sent = []

    async def send(message):
        sent.append(message)

    async def serve() -> None:
        scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"accept-encoding", b"gzip")]}
        await Compression(Response(bytes(LONG), media_type=media_type))(scope, None, send)

    asyncio.run(serve())
    length = sum(len(message.get("body", b"")) for message in sent)

    assert (length < LONG) == is_packed


def test_files_have_the_same_chunks_of_the_same_lengths(session):
    def chunks(data: bytes) -> tuple[tuple[bytes, int], ...]:
        found, place = [], 8
        while place < len(data):
            length = struct.unpack(">I", data[place : place + 4])[0]
            found.append((data[place + 4 : place + 8], length))
            place += 12 + length
        return tuple(found)

    kinds = {chunks(file.body) for *_, file in session}

    assert len(kinds) == 1
    assert [name for name, _ in kinds.pop()] == [b"IHDR", b"IDAT", b"IEND"]


def test_headers_are_the_same_and_nothing_is_kept(session):
    told = [{name.lower(): value for name, value in file.headers.items()} for *_, file in session]
    same = [{name: value for name, value in one.items() if name not in CHANGING} for one in told]

    assert all(one == same[0] for one in same)
    assert same[0]["cache-control"] == "no-store"
    assert not {"etag", "last-modified", "content-disposition"} & set(same[0])


def test_only_the_picture_whose_turn_it_is_is_served(asked: OpenReview):
    browser, other = (ReviewerBrowser.of(asked.scene, asked.link()) for _ in range(2))
    first = browser.picture_id()
    browser.answer(first, "0")
    second = browser.picture_id()

    assert browser.picture(second).status == 200
    assert [browser.picture(one).status for one in (first, "0" * 32)] == [404, 404]
    assert other.picture(second).status == 404
    assert asked.scene.browser("ada").get(f"/review/pictures/{second}").status == 404


def test_a_reviewer_sees_nothing_of_the_project(asked: OpenReview):
    browser = ReviewerBrowser.of(asked.scene, asked.link())
    page = browser.page().text.lower()

    assert not any(word in page for word in ("leaks", "projects/", "tiny", "subset", "predicted", "model"))
    for path in (asked.name, asked.review.audit, "projects/default"):
        seen = browser.plain.get(f"/{path}")
        assert (seen.status, seen.headers["Location"].partition("?")[0]) == (303, "/sign-in")
    asked_in_vain = browser.plain.get(f"/v1/{asked.name}")
    assert asked_in_vain.status == 401
