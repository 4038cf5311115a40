"""Thumbnails of pictures and arrays of every kind, and what stands in the place of what cannot be shown."""

import io
import json
import re

import numpy as np
import pytest
from modicum_server.usecases.drawn_pictures import LARGEST_BYTES, THUMBNAIL_SIDE
from modicum_server.usecases.request_ids import CreateOptions
from PIL import Image

from tests.pages.browsing import sign_in, widths_of
from tests.pages.page_reading import whole
from tests.pages.pages_stage import ADA, PROJECT, picture

TINY = f"{PROJECT}/models/tiny/versions/1"
IMAGES = "image/avif,image/webp,*/*"
"""What a browser accepts for a picture within a page."""


def encoded(form: str) -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(picture(1))).save(file, form)
    return file.getvalue()


def array(channels: int) -> bytes:
    file = io.BytesIO()
    np.save(file, np.random.default_rng(channels).random((24, 36, channels), dtype=np.float32))
    return file.getvalue()


FILES = {
    "photograph.png": picture(0),
    "photograph.tif": encoded("TIFF"),
    "photograph.ppm": encoded("PPM"),
    "photograph.heic": picture(2),
    "array-0.npy": array(3),
    "channels.npy": array(7),
    "notes.png": b"no picture",
}
"""By the name of the item. The client turns HEIC into PNG and keeps the name."""


@pytest.fixture(scope="module")
def mixed(scene) -> str:
    """A data set of every kind of file."""

    async def made() -> str:
        rows = [{"item": item, "image": await scene.hold(data), "label": "cat"} for item, data in FILES.items()]
        manifest = await scene.hold("\n".join(map(json.dumps, rows)).encode())
        dataset = await scene.services.use_cases.datasets.create(ADA, PROJECT, "mixed", manifest, CreateOptions())
        return dataset.name

    return scene.run(made())


def test_every_kind_of_picture_has_a_thumbnail_that_leads_to_the_whole_one(scene, mixed):
    browser = scene.browser("vera")

    shown = {
        item: (large, small)
        for large, small, item in re.findall(
            r'<a href="([^"]+)"><img src="([^"]+)" alt="([^"]+)" loading="lazy"', browser.get(f"/{mixed}").text
        )
    }

    assert shown.keys() == FILES.keys()
    for item, (large, small) in shown.items():
        for path in (large, small):
            seen = browser.get(path, accept=IMAGES)
            assert seen.status == (404 if item == "notes.png" else 200), (item, path)
            if seen.status == 200:
                assert seen.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
                assert max(Image.open(io.BytesIO(seen.body)).size) <= (THUMBNAIL_SIDE if path == small else 1600)


def test_what_is_no_picture_says_so_within_the_page_and_why_by_itself(scene, mixed):
    browser, digest = scene.browser("vera"), scene.run(scene.hold(FILES["notes.png"]))

    within = browser.get(f"/{PROJECT}/thumbnails/{digest}", accept=IMAGES)
    alone = browser.get(f"/{PROJECT}/pictures/{digest}")

    assert (within.status, within.headers["Content-Type"]) == (404, "image/svg+xml")
    assert "cannot be shown" in within.text
    assert "Expected a complete picture" in whole(alone)


def test_a_picture_that_is_gone_says_so(scene):
    seen = scene.browser("vera").get(f"/{PROJECT}/thumbnails/{'0' * 64}", accept=IMAGES)

    assert (seen.status, seen.headers["Cache-Control"]) == (404, "no-store")
    assert "no longer stored" in seen.text


def test_a_browser_keeps_a_thumbnail_and_is_not_sent_it_again(scene, mixed):
    browser, digest = scene.browser("vera"), scene.run(scene.hold(FILES["photograph.tif"]))

    first = browser.get(f"/{PROJECT}/thumbnails/{digest}")
    again = browser.get(f"/{PROJECT}/thumbnails/{digest}", if_none_match=first.headers["ETag"])

    assert first.headers["Cache-Control"] == "private, max-age=3600"
    assert (again.status, again.body) == (304, b"")


def test_a_file_that_is_too_large_is_not_read(scene):
    size = LARGEST_BYTES + 1
    digest = scene.run(scene.hold(FILES["photograph.tif"] + b"and more", size_bytes=size))

    seen = scene.browser("vera").get(f"/{PROJECT}/pictures/{digest}")

    assert seen.status == 404
    assert f"got a file of {size:,} bytes" in whole(seen)


def test_thumbnails_of_another_project_are_not_shown(scene, mixed):
    digest = scene.run(scene.hold(FILES["photograph.tif"]))

    assert scene.browser("eve").get(f"/{PROJECT}/thumbnails/{digest}").status == 404


def test_a_running_audit_shows_its_pictures_on_the_canvas(scene):
    audit = scene.run(scene.audit("on-its-canvas", TINY, f"{PROJECT}/datasets/few", seed=7))
    scene.run(scene.begin(audit))
    browser = scene.browser("vera")

    page, digest = browser.get(f"/{audit.name}").text, scene.run(scene.hold(FILES["photograph.tif"]))

    assert f'src="/{audit.name}/thumbnails/' in page
    assert browser.get(f"/{audit.name}/thumbnails/{digest}").status == 200


@pytest.mark.long
def test_a_browser_draws_all_thumbnails(scene, mixed, page):
    sign_in(page)
    page.goto(f"/{mixed}")
    pictures = page.locator(".pictures img:not([alt='notes.png'])")

    assert all(width > 0 for width in widths_of(pictures))
