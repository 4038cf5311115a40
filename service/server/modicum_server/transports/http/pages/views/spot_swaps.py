"""Swaps of a spot: the form, and a swap as it stands."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from starlette.responses import Response

from modicum_server.domain.projects import Role
from modicum_server.domain.spot_swaps import VIEWS, SpotSwap, SwapView
from modicum_server.domain.spots import SpotKind, SpotPlace
from modicum_server.errors import FieldInvalid, ModelVersionNotFound, ModicumError, PageNotFound
from modicum_server.transports.http.pages import headers
from modicum_server.transports.http.pages.forms import Form, Reading
from modicum_server.transports.http.pages.mistakes import Mistake, mistake
from modicum_server.transports.http.pages.page import Page
from modicum_server.transports.http.pages.swap_words import SaidOfSwap
from modicum_server.transports.http.pages.views.side_by_side import side_of, sides_query
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.request_ids import CreateOptions
from modicum_server.usecases.side_by_side import Side, SideBySide
from modicum_server.usecases.spot_swaps import AskedSwap

PICTURES_OFFERED = 100
SWAPS_SHOWN = 50
LABELS = {
    "source": "The picture with the spot",
    "other": "The other picture",
    "top": "From the top",
    "left_edge": "From the left",
    "height": "Height",
    "width": "Width",
    "right": "The right version",
}
TITLES: Mapping[SwapView, str] = {
    SwapView.SOURCE: "The picture with the spot",
    SwapView.COVERED: "The spot covered by pixels of the other picture",
    SwapView.OTHER: "The other picture",
    SwapView.PASTED: "The spot pasted onto the other picture",
}


async def _form(visit: Visit) -> Response:
    left, right = side_of(visit, "left"), side_of(visit, "right")
    place = await visit.use_cases.spot_swaps.proposed_place(visit.principal, left, visit.query("source"))
    typed = {"top": place.top, "left_edge": place.left, "height": place.height, "width": place.width}
    return await _page(visit, left, right, typed={key: str(value) for key, value in typed.items()}, place=place)


async def _create(visit: Visit) -> Response:
    left, right = side_of(visit, "left"), side_of(visit, "right")
    form = visit.form
    options = CreateOptions(request_id=form.text("request_id"))
    try:
        place = _place(form)
        asked = AskedSwap(left, right, visit.query("source"), form.text("other"), place)
        swap = await visit.use_cases.spot_swaps.create(visit.principal, asked, options)
    except ModicumError as error:
        typed = {key: form.text(key) for key in ("top", "left_edge", "height", "width", "other")}
        return await _page(visit, left, right, typed=typed, problem=mistake(error, LABELS))
    return visit.redirect_to(f"/{swap.name}")


def _place(form: Form) -> SpotPlace:
    """Return the window of a form.

    Raises:
        FieldInvalid
    """
    read = Reading(form)
    height, width, top, left = (read.whole(name) for name in ("height", "width", "top", "left_edge"))
    read.end()
    return SpotPlace(SpotKind.WINDOW, height, width, top, left)


async def _page(
    visit: Visit,
    left: Side,
    right: Side,
    *,
    typed: Mapping[str, str],
    place: SpotPlace | None = None,
    problem: Mistake | None = None,
) -> Response:
    both = await visit.use_cases.comparing.of(visit.principal, left, right)
    source = next((pair for pair in both.pictures if pair.image_digest == visit.query("source")), None)
    if source is None:
        raise FieldInvalid("source", f"expected a picture that both audits took, got {visit.query('source')[:80]!r}")
    others = sorted(
        (pair for pair in both.pictures if pair is not source),
        key=lambda pair: pair.left.predicted == source.left.predicted,  # another class comes first: it can change
    )[:PICTURES_OFFERED]
    return visit.render(
        "new-swap.html.j2",
        status=HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK,
        both=both,
        sides=_sides(both),
        source=source,
        others=others,
        canvas=both.left.specification.canvas,
        typed={"other": "", **typed},
        place=place,
        problem=problem,
        request_id=str(uuid4()),
    )


def _sides(both: SideBySide) -> str:
    return sides_query(Side(both.left.name, both.versions[0]), Side(both.right.name, both.versions[1]))


async def _swap(visit: Visit) -> Response:
    return visit.render("swap.html.j2", **await _shown(visit))


async def _progress(visit: Visit) -> Response:
    """Return what is new as a part for htmx; nothing where nothing is, so that the focus stays."""
    shown = await _shown(visit)
    swap: SpotSwap = shown["swap"]
    if swap.is_open and visit.query("after") == str(len(swap.scores)):
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return visit.render("swap-state.html.j2", **shown)


async def _shown(visit: Visit) -> Mapping[str, Any]:
    swap = await visit.use_cases.spot_swaps.get(visit.principal, _name(visit))
    said = [
        SaidOfSwap.of(swap, version, await _labels(visit, version), target)
        for version, target in zip(swap.plan.model_versions, swap.plan.target_classes, strict=True)
    ]
    rows = [(place, view, TITLES[view]) for place, view in enumerate(VIEWS)]
    return {"swap": swap, "rows": rows, "said": said, "place": swap.plan.place, "canvas": swap.plan.canvas}


async def _labels(visit: Visit, version: str) -> Sequence[str]:
    """Return the class labels of a version; none where it was deleted since."""
    try:
        return (await visit.use_cases.versions.get(visit.principal, version)).class_labels
    except ModelVersionNotFound:
        return ()


async def _list(visit: Visit) -> Response:
    asked = PageRequest(SWAPS_SHOWN, visit.query("page"))
    page = await visit.use_cases.spot_swaps.page(visit.principal, visit.project, asked)
    return visit.render("swaps.html.j2", page=page, first=not visit.query("page"))


async def _delete(visit: Visit) -> Response:
    await visit.use_cases.spot_swaps.delete(visit.principal, _name(visit))
    return visit.redirect_to(f"/{visit.project}/swaps")


async def _cancel(visit: Visit) -> Response:
    await visit.use_cases.spot_swaps.cancel(visit.principal, _name(visit))
    return visit.redirect_to(f"/{_name(visit)}")


async def _picture(visit: Visit) -> Response:
    text = visit.request.path_params["place"]
    if not (text.isascii() and text.isdigit() and len(text) == 1):
        raise PageNotFound(f"a swap has the pictures 0 to {len(VIEWS) - 1}")
    drawn = await visit.use_cases.spot_swaps.picture(visit.principal, _name(visit), int(text))
    return Response(drawn, headers=headers.PICTURE, media_type="image/png")


def _name(visit: Visit) -> str:
    return visit.named("swaps", "swap")


_NEW, _SWAP = "/projects/{project}/new-swap", "/projects/{project}/swaps/{swap}"
PAGES = (
    Page("new_swap_form", _NEW, _form, needs=Role.AUDITOR),
    Page("new_swap", _NEW, _create, takes_form=True, needs=Role.AUDITOR),
    Page("swaps", "/projects/{project}/swaps", _list),
    Page("swap", _SWAP, _swap),
    Page("swap_delete", f"{_SWAP}/delete", _delete, takes_form=True, needs=Role.ADMIN),
    Page("swap_progress", f"{_SWAP}/progress", _progress),
    Page("swap_cancel", f"{_SWAP}/cancel", _cancel, takes_form=True, needs=Role.AUDITOR),
    Page("swap_picture", f"{_SWAP}/pictures/{{place}}", _picture),
)
