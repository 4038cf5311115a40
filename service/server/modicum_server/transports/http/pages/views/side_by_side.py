"""Two versions beside each other."""

from urllib.parse import urlencode

from starlette.responses import Response

from modicum_server.errors import FieldInvalid
from modicum_server.transports.http.pages.page import Page
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.usecases.rules import shown
from modicum_server.usecases.side_by_side import IMAGES_LOOKED_AT, Side, version_of

PICTURES_SHOWN = 60


async def _side_by_side(visit: Visit) -> Response:
    left, right = (side_of(visit, name) for name in ("left", "right"))
    if visit.query("by") == "age":
        left, right = await _by_age(visit, left, right)
    both = await visit.use_cases.comparing.of(visit.principal, left, right)
    return visit.render(
        "side-by-side.html.j2",
        both=both,
        pictures=both.pictures[:PICTURES_SHOWN],
        differing=sum(pair.differs for pair in both.pictures),
        looked_at=IMAGES_LOOKED_AT,
        is_cut=max(both.left.item_count, both.right.item_count) > IMAGES_LOOKED_AT,
        sides=sides_query(Side(both.left.name, both.versions[0]), Side(both.right.name, both.versions[1])),
    )


async def _by_age(visit: Visit, *sides: Side) -> list[Side]:
    """Return the sides with the older on the left: the lower version of one model, else the audit made first."""
    audits = [await visit.use_cases.audits.get(visit.principal, side.audit) for side in sides]
    versions = [version_of(side, audit).split("/versions/") for side, audit in zip(sides, audits, strict=True)]
    (model, first), (other, second) = versions
    numbers = (int(first), int(second)) if model == other else (0, 0)
    ages = [(number, audit.create_time) for number, audit in zip(numbers, audits, strict=True)]
    return [sides[place] for place in sorted((0, 1), key=ages.__getitem__)]


def sides_query(left: Side, right: Side) -> str:
    """Return the query by which a page names two sides."""
    return urlencode(
        {
            "left": left.audit,
            "left_version": left.model_version,
            "right": right.audit,
            "right_version": right.model_version,
        },
        safe="/",
    )


def side_of(visit: Visit, name: str) -> Side:
    """Return a side that the query names: an audit of the project, and perhaps a version.

    Raises:
        FieldInvalid
    """
    audit = visit.query(name)
    if not audit.startswith(f"{visit.project}/audits/"):
        got = shown(audit) if audit else "none. Choose two audits on the page of a data set or of an audit"
        raise FieldInvalid(name, f"expected an audit of {visit.project}, got {got}")
    return Side(audit, visit.query(f"{name}_version"))


PAGES = (Page("side_by_side", "/projects/{project}/side-by-side", _side_by_side),)
