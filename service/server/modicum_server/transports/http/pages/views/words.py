"""What the words of the pages mean."""

from starlette.responses import Response

from modicum_server.domain.projects import Role
from modicum_server.transports.http.pages.glossary import JUDGING, MEASURING, OUTCOMES
from modicum_server.transports.http.pages.page import Page
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.usecases.access import authorise

SECTIONS = {"Measuring": MEASURING, "What an audit finds": OUTCOMES, "Judging": JUDGING}


async def _words(visit: Visit) -> Response:
    authorise(visit.principal, visit.project, Role.VIEWER)
    return visit.render("words.html.j2", sections=SECTIONS)


PAGES = (Page("words", "/projects/{project}/words", _words),)
