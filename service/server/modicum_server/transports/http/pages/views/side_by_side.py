"""Two versions beside each other."""

from urllib.parse import urlencode

from starlette.responses import Response

from modicum_server.errors import FieldInvalid
from modicum_server.transports.http.pages.page import Page
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.usecases.rules import shown
from modicum_server.usecases.side_by_side import IMAGES_LOOKED_AT, Side

PICTURES_SHOWN = 60


async def _side_by_side(visit: Visit) -> Response:
    left, right = (side_of(visit, name) for name in ("left", "right"))
    both = await visit.use_cases.comparing.of(visit.principal, left, right)
    return visit.render(
        "side-by-side.html.j2",
        both=both,
        pictures=both.pictures[:PICTURES_SHOWN],
        differing=sum(pair.differs for pair in both.pictures),
        looked_at=IMAGES_LOOKED_AT,
        sides=sides_query(Side(both.left.name, both.versions[0]), Side(both.right.name, both.versions[1])),
    )


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
