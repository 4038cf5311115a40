"""Pages that are there only once something was done: an erasure, a swap with a result, an audit that was cancelled."""

import json
import re

from modicum_server.domain.spot_swaps import VIEWS, SwapScore
from modicum_server.usecases.request_ids import CreateOptions

from tests.measures.example_audit import LABELS
from tests.pages.pages_stage import ADA, PROJECT, PlainBrowser, Scene, picture
from tests.pages.reviewing import OpenReview, ReviewerBrowser, audited, picture_id_in


def prepared_pages(scene: Scene, name: str) -> list[str]:
    """The addresses of such pages, made of what `name` names."""
    pictures = scene.run(scene.dataset(f"{name}-pictures", 4))
    versions = [scene.run(scene.model(f"{name}-{side}")) for side in ("left", "right")]
    audits = [f"{name}-{side}" for side in ("left", "right")]
    digests = [scene.run(scene.hold(picture(place))) for place in range(4)]
    for audit, version in zip(audits, versions, strict=True):
        made = scene.run(scene.audit(audit, version, pictures))
        scene.run(scene.succeed(made, changes=lambda place: {"image_digest": digests[place]}))
    cancelled = scene.run(scene.audit(f"{name}-cancelled", versions[0], pictures, seed=7))
    scene.run(scene.services.use_cases.audits.cancel(ADA, cancelled.name))
    browser = scene.browser()
    beside = f"/{PROJECT}/side-by-side?" + "&".join(
        f"{side}={PROJECT}/audits/{audit}" for side, audit in zip(("left", "right"), audits, strict=True)
    )
    form = re.search(r'href="(/[^"]+/new-swap[^"]+)"', browser.get(beside).text)[1].replace("&amp;", "&")
    return [
        form,
        _swapped(scene, browser, form, versions),
        *_erased(scene, browser, name),
        f"/{cancelled.name}",
        f"/{pictures}?seen_by={PROJECT}/audits/{audits[0]}",
    ]


def _swapped(scene: Scene, browser: PlainBrowser, form: str, versions: list[str]) -> str:
    """A swap of which both versions said what they see."""
    other = re.search(r'<option value="([0-9a-f]{64})"', browser.get(form).text)[1]
    sent = browser.send(form, form, other=other, top="1", left_edge="2", height="3", width="2")
    swap = sent.headers["Location"]

    async def end() -> None:
        async with scene.store.transaction() as transaction:
            for version in versions:
                scores = [SwapScore(view, place % 2, 0.25 * place) for place, view in enumerate(VIEWS)]
                await transaction.spot_swaps.add_scores(swap.removeprefix("/"), version, scores)
            await transaction.spot_swaps.succeed(swap.removeprefix("/"))

    scene.run(end())
    return swap


def _erased(scene: Scene, browser: PlainBrowser, name: str) -> list[str]:
    """The receipt of an erasure that is under way, with a result that is made anew, and of one that is done."""
    receipts = []
    for state in ("going", "done"):
        dataset = pictures_of_its_own(scene, f"{name}-{state}")
        version = scene.run(scene.model(f"{name}-{state}"))
        scene.run(scene.succeed(scene.run(scene.audit(f"{name}-{state}", version, dataset))))
        at = f"/{PROJECT}/erase"
        sent = browser.send(f"{at}?dataset={dataset}&item=0.png", at, dataset=dataset, item="0.png", sure="yes")
        receipts.append(sent.headers["Location"])

    async def end() -> None:
        async with scene.store.transaction() as transaction:
            await transaction.erasures.end(receipts[-1].removeprefix("/"))

    scene.run(end())
    return receipts


def pictures_of_its_own(scene: Scene, name: str) -> str:
    """A data set of pictures that no other has: equal ones would be erased with them."""

    async def made() -> str:
        rows = []
        for place in range(2):
            image = await scene.hold(picture(place) + f"of {name}".encode())  # what follows a PNG's end is not read
            rows.append(json.dumps({"item": f"{place}.png", "image": image, "label": LABELS[place]}))
        manifest = await scene.hold("\n".join(rows).encode())
        able = scene.services.use_cases.datasets
        return (await able.create(ADA, PROJECT, name, manifest, CreateOptions())).name

    return scene.run(made())


def answered_review(scene: Scene, name: str) -> dict[str, str]:
    """The cookies of a reviewer who has answered all pictures."""
    reviewer = ReviewerBrowser.of(scene, OpenReview.about(scene, audited(scene, name)).link())
    while 'src="/review/pictures/' in (text := reviewer.page().text):
        reviewer.answer(picture_id_in(text), "0")
    return reviewer.plain.cookies
