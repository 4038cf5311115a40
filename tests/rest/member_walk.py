"""The part of the walk through every method that gives principals roles and tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.rest.both_doors_walk import Walker


async def of_members(walker: Walker) -> None:
    """Give a principal a role in the project, change it and take it away, and ask for what is refused."""
    call, project = walker.call, walker.project
    vera = {"parent": project, "memberId": "vera", "member": {"role": "ROLE_VIEWER"}}
    await call("CreateMember", vera)
    await call("CreateMember", vera)
    await call("CreateMember", {**vera, "member": {"role": "ROLE_ADMIN"}})
    await call("CreateMember", {**vera, "memberId": "No one!"})
    await call("CreateMember", {**vera, "member": {}})
    await call("CreateMember", vera, caller="auditor")
    await call("ListMembers", {"parent": project, "pageSize": 2})
    await call("ListMembers", {"parent": project}, caller="viewer")
    await call("SetMemberRole", {"name": f"{project}/members/vera", "role": "ROLE_AUDITOR"})
    await call("SetMemberRole", {"name": f"{project}/members/nobody", "role": "ROLE_AUDITOR"})
    await call("SetMemberRole", {"name": f"{project}/members/admin", "role": "ROLE_VIEWER"})
    await call("DeleteMember", {"name": f"{project}/members/admin"})
    await call("DeleteMember", {"name": f"{project}/members/vera"})
    await call("DeleteMember", {"name": f"{project}/members/vera"})


async def of_tokens(walker: Walker) -> None:
    """Make, renew and revoke a token, and ask for what is refused."""
    call, project = walker.call, walker.project
    wanted = {"principal": walker.name("viewer"), "displayName": "nightly"}
    name = (await call("CreateToken", {"parent": project, "token": wanted}))["token"]["name"]
    await call("CreateToken", {"parent": project, "token": {**wanted, "principal": "nobody"}})
    await call("CreateToken", {"parent": project, "token": {**wanted, "expireTime": "2020-01-01T00:00:00Z"}})
    await call("CreateToken", {"parent": project, "token": wanted}, caller="viewer")
    listed = await call("ListTokens", {"parent": project})
    await call("ListTokens", {"parent": project}, caller="auditor")
    shared = next(one["name"] for one in listed["tokens"] if one["principal"] == "admin")
    await call("DeleteToken", {"name": shared})
    await call("RotateToken", {"name": shared})
    rotated = (await call("RotateToken", {"name": name, "overlapSeconds": 60}))["token"]["name"]
    await call("RotateToken", {"name": name, "overlapSeconds": -1})
    await call("DeleteToken", {"name": rotated})
    await call("DeleteToken", {"name": rotated})
