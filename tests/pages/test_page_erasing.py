"""Erasing a picture in the browser: only for admins, asked for once more before, with the receipt after."""

import json

import pytest
from modicum_server.usecases.request_ids import CreateOptions

from tests.pages.page_reading import marked, whole
from tests.pages.pages_stage import LABELS, PROJECT, Scene

ERASE = f"/{PROJECT}/erase"
ITEM = "hall/<b>0412</b>.png"
FEW = f"{PROJECT}/datasets/few"


def dataset(scene: Scene, name: str) -> str:
    """A data set of one picture that no audit uses."""

    async def made() -> str:
        image = await scene.hold(f"the picture of {name}".encode())
        manifest = await scene.hold(json.dumps({"item": ITEM, "image": image}).encode())
        able = scene.services.use_cases.datasets
        return (await able.create(scene.principals[PROJECT], PROJECT, name, manifest, CreateOptions())).name

    return scene.run(made())


def erase(browser, held: str, **sent: str):
    return browser.send(f"{ERASE}?dataset={held}&item={ITEM}", ERASE, dataset=held, item=ITEM, **sent)


def test_a_picture_is_erased_from_the_page_of_its_data_set_and_the_receipt_is_shown(scene):
    browser, held = scene.browser(), dataset(scene, "faces")

    shown = browser.get(f"/{held}")
    asked = browser.get(f"{ERASE}?dataset={held}&item={ITEM}")
    erased = erase(browser, held, sure="yes")
    receipt = browser.get(erased.headers["Location"])

    assert f'href="{ERASE}?dataset={held}&amp;item=hall/%3Cb%3E0412%3C/b%3E.png"' in shown.text
    assert f"Erase {ITEM}" in whole(asked)
    assert f'src="/{PROJECT}/thumbnails/' in asked.text
    assert "<b>0412</b>" not in asked.text
    assert erased.status == 303
    assert "RUNNING" in whole(receipt)
    assert "by ada" in whole(receipt)
    assert f"{ITEM} of faces" in whole(receipt)
    assert "0 findings, 0 predictions, 0 blind reviews, 0 swaps, 1 file" in whole(receipt)


@pytest.mark.long
def test_nothing_is_erased_before_the_box_is_ticked(scene):
    browser, held = scene.browser(), dataset(scene, "doubtful")

    answer = erase(browser, held)
    again = erase(browser, held, sure="yes")

    assert answer.status == 400
    assert marked(answer) == ["sure"]
    assert "does not come back" in whole(answer)
    assert again.status == 303


def test_what_stands_in_the_way_is_told_on_the_page(scene):
    browser, at = scene.browser(), f"{ERASE}?dataset={FEW}&item=x"

    used = browser.send(at, ERASE, dataset=FEW, item=f"{LABELS[0]}/0.png", sure="yes")
    unknown = browser.send(at, ERASE, dataset=FEW, item="none", sure="yes")

    assert used.status == unknown.status == 400
    assert f"{PROJECT}/audits/going" in whole(used)
    assert "Wait for it or cancel it, then erase again" in whole(used)
    assert "Picture: expected the name of an item" in whole(unknown)


@pytest.mark.long_after(1)
@pytest.mark.parametrize("who", ["otto", "vera"])
def test_only_an_admin_is_offered_it_and_may(scene, who):
    browser, held = scene.browser(who), dataset(scene, "guarded")
    sealed = browser.get(f"/{PROJECT}").form_token

    sent = browser.post(ERASE, {"form_token": sealed, "dataset": held, "item": ITEM, "sure": "yes"})

    assert browser.get(f"{ERASE}?dataset={held}&item={ITEM}").status == sent.status == 403
    assert "/erase?" not in browser.get(f"/{held}").text
