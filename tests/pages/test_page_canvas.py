"""Pictures of a data set as the models of an audit saw them."""

import io
import re

import numpy as np
import pytest
from modicum_server.images.pictures import canvas_array
from PIL import Image

from tests.measures.example_audit import INPUT
from tests.pages.page_reading import whole
from tests.pages.pages_stage import ADA, OTHER, PROJECT, picture

TINY = f"{PROJECT}/models/tiny/versions/1"


@pytest.fixture(scope="module")
def seen(scene):
    """An audit that succeeded, and the address of its data set."""
    pictures = scene.run(scene.dataset("on-canvas", 5))
    audit = scene.run(scene.audit("canvassed", TINY, pictures))
    scene.run(scene.succeed(audit))
    return scene.run(scene.services.use_cases.audits.get(ADA, audit.name)), pictures


def test_a_picture_is_shown_on_the_canvas_of_an_audit(scene, seen):
    audit, pictures = seen
    browser = scene.browser("vera")
    page = browser.get(f"/{pictures}?seen_by={audit.name}")

    (first, *_) = re.findall(r'href="([^"]+)"><img [^>]*alt="cat/0.png on the canvas"', page.text)
    shown = browser.get(first)

    drawn = np.asarray(Image.open(io.BytesIO(shown.body)))
    expected = canvas_array(picture(0), INPUT, audit.specification.canvas) * 255
    assert f"on a canvas of {audit.specification.canvas.height}" in whole(page)
    assert shown.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    np.testing.assert_allclose(drawn, expected.transpose(1, 2, 0), atol=0.51)


def test_a_data_set_links_to_what_each_audit_saw_of_it(scene, seen):
    audit, pictures = seen
    browser = scene.browser("vera")

    (link,) = re.findall(rf'href="([^"]+seen_by={audit.name})"', browser.get(f"/{pictures}").text)

    assert "As they were uploaded" in whole(browser.get(link))


@pytest.mark.parametrize(
    ("audit", "status", "said"),
    [
        ("good", 400, f"seen_by: expected an audit of {PROJECT}/datasets/on-canvas that succeeded, got"),
        ("nothing", 404, f"{PROJECT}/audits/nothing: there is no audit with this name"),
    ],
)
def test_an_audit_that_did_not_see_the_data_set_is_refused(scene, seen, audit, status, said):
    _, pictures = seen

    refused = scene.browser("vera").get(f"/{pictures}?seen_by={PROJECT}/audits/{audit}")

    assert refused.status == status
    assert whole(refused).count(said) == 1


def test_what_cannot_be_drawn_is_not_found(scene, seen):
    audit, _ = seen
    text = scene.run(scene.hold(b"no picture"))
    foreign = scene.run(scene.hold(picture(3, side=20), OTHER))
    browser = scene.browser("vera")

    said = browser.get(f"/{audit.name}/pictures/{text}")

    within = browser.get(f"/{audit.name}/pictures/{text}", accept="image/avif,image/webp,*/*")

    assert said.status == within.status == 404
    assert "Expected a complete picture" in whole(said)
    assert within.headers["Content-Type"] == "image/svg+xml"
    assert "cannot be shown" in within.text
    assert browser.get(f"/{audit.name}/pictures/{foreign}").status == 404
    assert browser.get(f"/{PROJECT}/audits/none/pictures/{text}").status == 404
