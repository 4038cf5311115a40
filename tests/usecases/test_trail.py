"""The trail: each act leaves an entry in the transaction that does it, and admins read those of their project."""

from dataclasses import replace

import psycopg
import pytest
from modicum_server.domain.projects import Origin, Role
from modicum_server.domain.trail import SERVER, TrailOutcome, Verb
from modicum_server.errors import FilterInvalid, ProjectNotFound, RoleInsufficient
from modicum_server.ports import TrailFilter
from modicum_server.usecases.audit_creation import AuditOptions
from modicum_server.usecases.members import Members, Tokens
from modicum_server.usecases.operator_tokens import OperatorTokens, admit_local
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.request_ids import CreateOptions
from modicum_server.usecases.sessions import Sessions
from modicum_server.usecases.trail import AskedEntries, Trail

from tests.usecases.usecases_stage import ADMIN, AUDITOR, PROJECT, VIEWER, Place


async def entries_of(place: Place, project: str = PROJECT):
    """All entries, oldest first."""
    async with place.store.transaction() as transaction:
        rows = await transaction.trail.page(project, TrailFilter(), after="", limit=1000)
    return [entry for _, entry in reversed(rows)]


async def verbs_of(place: Place, project: str = PROJECT):
    return [entry.verb for entry in await entries_of(place, project)]


async def test_an_entry_says_who_did_what_in_which_request_from_where(place):
    who = replace(AUDITOR, token_id="0123456789abcdef", origin=Origin("request-7", "10.0.0.7"))

    await place.models.create(who, PROJECT, "net", CreateOptions())

    (entry,) = await entries_of(place)
    assert (entry.project, entry.principal, entry.token_id) == (PROJECT, "otto", "0123456789abcdef")
    assert (entry.verb, entry.resource, entry.outcome) == ("CreateModel", f"{PROJECT}/models/net", TrailOutcome.DONE)
    assert (entry.request_id, entry.client_address, entry.attempts) == ("request-7", "10.0.0.7", 1)


async def test_models_versions_data_sets_audits_and_their_end_are_entries(place, audit_draft):
    audit = await place.audit(audit_draft)
    await place.audits.cancel(AUDITOR, audit.name)
    await place.audits.delete(AUDITOR, audit.name)
    specification = audit_draft.specification
    await place.datasets.delete(ADMIN, specification.dataset)
    await place.versions.delete(ADMIN, specification.model_versions[0])
    await place.models.delete(ADMIN, f"{PROJECT}/models/net")

    seen = [(entry.principal, entry.verb) for entry in await entries_of(place) if entry.verb != "UploadArtifact"]

    assert seen == [
        ("otto", "CreateModel"),
        ("otto", "CreateModelVersion"),
        ("otto", "CreateDataset"),
        ("otto", "CreateAudit"),
        ("otto", "CancelAudit"),
        ("otto", "DeleteAudit"),
        ("ada", "DeleteDataset"),
        ("ada", "DeleteModelVersion"),
        ("ada", "DeleteModel"),
    ]


async def test_a_version_and_a_data_set_name_who_made_them(place):
    version, dataset = await place.register(), await place.dataset(count=2)

    assert (version.principal, (await place.datasets.get(VIEWER, dataset)).principal) == ("otto", "otto")


@pytest.mark.long
async def test_what_changes_nothing_leaves_no_entry(place, audit_draft):
    before = await verbs_of(place)

    await place.models.create(AUDITOR, PROJECT, "net", CreateOptions())  # it exists
    await place.models.create(AUDITOR, PROJECT, "other", CreateOptions(validate_only=True))
    await place.upload(b"weights")  # held already
    audit = await place.audit(audit_draft)
    await place.audits.cancel(AUDITOR, audit.name)
    await place.audits.cancel(AUDITOR, audit.name)  # it has ended

    assert (await verbs_of(place))[len(before) :] == ["CreateAudit", "CancelAudit"]


@pytest.mark.long
async def test_a_repeated_request_is_one_entry(place, audit_draft):
    options = AuditOptions(request_id="0f8fad5b-d9cb-469f-a165-70867728950e")

    for _ in range(2):
        await place.creation.create(AUDITOR, PROJECT, audit_draft, options)

    assert (await verbs_of(place)).count("CreateAudit") == 1


async def test_roles_and_tokens_are_entries_that_name_the_role_and_the_member(place):
    members, tokens = Members(place.store), Tokens(place.store)
    await members.add(ADMIN, PROJECT, "ci", Role.VIEWER)
    await members.add(ADMIN, PROJECT, "ci", Role.VIEWER)  # it has that role already
    await members.set_role(ADMIN, f"{PROJECT}/members/ci", Role.AUDITOR)
    made = await tokens.create(ADMIN, PROJECT, "ci", display_name="", expire_time=None)
    name = f"{PROJECT}/tokens/{made.token.id}"
    newer = await tokens.rotate(ADMIN, name, 60)
    await tokens.delete(ADMIN, name)
    await members.remove(ADMIN, f"{PROJECT}/members/ci")

    seen = [(entry.verb, entry.resource, entry.detail) for entry in await entries_of(place)]

    assert seen == [
        ("CreateMember", f"{PROJECT}/members/ci", "viewer"),
        ("SetMemberRole", f"{PROJECT}/members/ci", "auditor"),
        ("CreateToken", name, "ci"),
        ("RotateToken", name, f"ci, now {newer.token.id}"),
        ("DeleteToken", name, "ci"),
        ("DeleteMember", f"{PROJECT}/members/ci", ""),
    ]
    assert made.secret not in repr(await entries_of(place))


async def test_what_the_operator_does_is_in_the_trail_of_the_project_or_of_the_server(place):
    operator = OperatorTokens(place.store)
    made = await operator.create("ci", PROJECT, Role.AUDITOR)
    await operator.revoke_principal("ci")

    here, there = await entries_of(place), await entries_of(place, SERVER)

    assert [entry.verb for entry in here] == ["CreateMember", "CreateToken", "DeleteMember"]
    assert [(entry.verb, entry.resource) for entry in there] == [("DeleteToken", f"tokens/{made.token.id}")]
    assert {entry.principal for entry in here + there} == {"system:operator"}


async def test_the_start_of_a_local_server_is_an_entry_when_its_token_is_new(place):
    for _ in range(2):
        await admit_local(place.store, "modicum_secret")

    assert await verbs_of(place) == ["CreateMember", "CreateToken"]


async def test_a_sign_in_is_an_entry_with_its_address(place):
    made = await OperatorTokens(place.store).create("ann", PROJECT, Role.VIEWER)

    await Sessions(place.store).sign_in(made.secret, Origin("r", "192.0.2.1"))

    last = (await entries_of(place))[-1]
    assert (last.verb, last.principal, last.client_address) == (Verb.SIGN_IN, "ann", "192.0.2.1")
    assert last.resource == f"{PROJECT}/tokens/{made.token.id}"


async def test_nothing_is_done_where_the_trail_cannot_be_written(place, database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE trail_entries ADD CONSTRAINT refuses CHECK (verb <> 'CreateModel')")

    with pytest.raises(Exception, match="refuses"):
        await place.models.create(AUDITOR, PROJECT, "net", CreateOptions())

    assert (await place.models.page(AUDITOR, PROJECT, PageRequest())).rows == ()


async def test_admins_read_the_trail_of_their_project_by_filter_and_page(place):
    for name in ("a", "b", "c"):
        await place.models.create(AUDITOR, PROJECT, name, CreateOptions())
    await place.models.delete(ADMIN, f"{PROJECT}/models/b")
    trail = Trail(place.store)

    newest = await trail.page(ADMIN, PROJECT, AskedEntries(), PageRequest(size=2))
    rest = await trail.page(ADMIN, PROJECT, AskedEntries(), PageRequest(size=2, token=newest.next_token))
    found = await trail.page(
        ADMIN, PROJECT, AskedEntries(f'verb = CreateModel AND resource = "{PROJECT}/models/b"'), PageRequest()
    )

    assert [entry.verb for entry in newest.rows] == ["DeleteModel", "CreateModel"]
    assert [entry.resource[-1] for entry in rest.rows] == ["b", "a"]
    assert [(entry.verb, entry.principal) for entry in found.rows] == [("CreateModel", "otto")]
    assert (await trail.page(ADMIN, PROJECT, AskedEntries("outcome = REFUSED"), PageRequest())).rows == ()


@pytest.mark.parametrize(("who", "refusal"), [(AUDITOR, RoleInsufficient), (VIEWER, RoleInsufficient)])
async def test_only_admins_read_the_trail(place, who, refusal):
    with pytest.raises(refusal):
        await Trail(place.store).page(who, PROJECT, AskedEntries(), PageRequest())


async def test_the_trail_of_another_project_is_not_shown(place):
    with pytest.raises(ProjectNotFound):
        await Trail(place.store).page(ADMIN, "projects/other", AskedEntries(), PageRequest())


async def test_a_filter_of_another_field_is_refused(place):
    with pytest.raises(FilterInvalid, match="principal, verb, resource or outcome"):
        await Trail(place.store).page(ADMIN, PROJECT, AskedEntries("time = now"), PageRequest())


async def test_a_new_project_does_not_show_the_trail_of_one_that_had_its_name(place):
    owner = replace(ADMIN, name="ann")
    name = "projects/vision"
    await place.projects.create(owner, "vision", CreateOptions())
    await place.projects.delete(replace(owner, roles={name: Role.ADMIN}), name)
    await place.projects.create(ADMIN, "vision", CreateOptions())

    seen = await Trail(place.store).page(replace(ADMIN, roles={name: Role.ADMIN}), name, AskedEntries(), PageRequest())

    assert [(entry.verb, entry.principal) for entry in seen.rows] == [("CreateProject", "ada")]
