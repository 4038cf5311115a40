"""Members of a project: the list, and forms that add, change and remove them. For its admins."""

from http import HTTPStatus
from urllib.parse import quote

from starlette.responses import Response

from modicum_server.domain.projects import Role
from modicum_server.errors import MemberExists
from modicum_server.transports.http.pages.forms import Form
from modicum_server.transports.http.pages.mistakes import Mistake, telling
from modicum_server.transports.http.pages.page import Page
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.usecases.pages import PageRequest

MEMBERS_SHOWN = 50
LABELS = {"member": "Name", "member_id": "Name", "role": "Role", "name": "Member"}


async def _list(visit: Visit) -> Response:
    return await _page(visit)


async def _add(visit: Visit) -> Response:
    member = visit.form.text("member")
    try:
        await visit.use_cases.members.add(visit.principal, visit.project, member, _role(visit.form))
    except MemberExists as error:
        held = f"{member} has the role {error.metadata['role']} already. Change it in the row of {member}."
        return await _page_as_typed(visit, problem=Mistake(held, "member"))
    return visit.redirect_to(f"{_path(visit)}?added={quote(member)}")


async def _change(visit: Visit) -> Response:
    await visit.use_cases.members.set_role(visit.principal, _member(visit), _role(visit.form))
    return visit.redirect_to(_path(visit))


async def _remove(visit: Visit) -> Response:
    await visit.use_cases.members.remove(visit.principal, _member(visit))
    return visit.redirect_to(_path(visit))


async def _page(visit: Visit, *, problem: Mistake | None = None, member: str = "", role: str = Role.VIEWER) -> Response:
    request = PageRequest(MEMBERS_SHOWN, visit.query("page"))
    page = await visit.use_cases.members.page(visit.principal, visit.project, request)
    return visit.render(
        "members.html.j2",
        status=HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK,
        page=page,
        added=next((one for one in page.rows if one.principal == visit.query("added")), None),
        roles=[role.value for role in Role],
        problem=problem,
        member=member,
        role=role,
        first=not visit.query("page"),
    )


async def _page_as_typed(visit: Visit, *, problem: Mistake) -> Response:
    """Show the page with the name and the role of a member who was to be added."""
    return await _page(visit, problem=problem, member=visit.form.text("member"), role=visit.form.text("role"))


def _member(visit: Visit) -> str:
    return f"{visit.project}/members/{visit.form.text('member')}"


def _role(form: Form) -> Role | None:
    """Return the role that was chosen; None for another text."""
    chosen = form.text("role")
    return Role(chosen) if chosen in set(Role) else None


def _path(visit: Visit) -> str:
    return f"/{visit.project}/members"


_MEMBERS = "/projects/{project}/members"
PAGES = (
    Page("members", _MEMBERS, _list, needs=Role.ADMIN),
    Page("add_member", _MEMBERS, telling(_add, _page_as_typed, LABELS), takes_form=True, needs=Role.ADMIN),
    Page("change_member", f"{_MEMBERS}/role", telling(_change, _page, LABELS), takes_form=True, needs=Role.ADMIN),
    Page("remove_member", f"{_MEMBERS}/remove", telling(_remove, _page, LABELS), takes_form=True, needs=Role.ADMIN),
)
