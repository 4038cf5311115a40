"""What is held as evidence is neither deleted nor erased, and the refusal says who holds it, why, and what to do."""

from dataclasses import replace

import pytest
from modicum_server.domain.verdicts import Verdict, VerdictOutcome
from modicum_server.errors import AuditNotFound, FieldInvalid, ModelVersionNotFound, RoleInsufficient, VerdictNotFound
from modicum_server.ports import HoldExists, HoldNotFound, ResourceHeld, TrailFilter
from modicum_server.usecases.erasing import ErasedPicture, Erasing
from modicum_server.usecases.holds import Holds
from modicum_server.usecases.pages import PageRequest

from tests.borders.filling import filled
from tests.usecases.usecases_stage import ADMIN, AUDITOR, PROJECT, Place, digest_of

IMAGE = digest_of(b"image 1")
REASON = "evidence of incident 12"
SAID = (
    "held as evidence: {held} by projects/default/holds/incident of ada \\(evidence of incident 12\\). An admin "
    "can release it with `modicum holds release`"
)


@pytest.fixture
def hold(place: Place):
    async def held(name: str, hold_id: str = "incident", reason: str = REASON):
        return await Holds(place.store).create(ADMIN, PROJECT, hold_id, held=name, reason=reason)

    return held


async def erase(place: Place):
    return await Erasing(place.store).erase(ADMIN, PROJECT, ErasedPicture(IMAGE))


async def ended(place: Place, audit_draft) -> str:
    audit = await place.audit(audit_draft)
    await place.audits.cancel(AUDITOR, audit.name)
    return audit.name


@pytest.mark.long
async def test_no_picture_of_a_held_data_set_is_erased(place, audit_draft, hold):
    name = audit_draft.specification.dataset
    await hold(name)

    with pytest.raises(ResourceHeld, match=SAID.format(held=name)):
        await erase(place)

    async with place.store.transaction() as transaction:
        assert await transaction.artifacts.get(PROJECT, IMAGE) is not None


@pytest.mark.long
async def test_no_picture_of_a_held_audit_is_erased(place, audit_draft, hold):
    name = await ended(place, audit_draft)
    await hold(name)

    with pytest.raises(ResourceHeld, match=SAID.format(held=name)):
        await erase(place)


async def test_what_is_held_is_not_deleted(place, audit_draft, hold):
    name, dataset = await ended(place, audit_draft), await place.dataset("others", count=2)
    await hold(name)
    await hold(dataset, "other")

    with pytest.raises(ResourceHeld):
        await place.audits.delete(ADMIN, name)
    with pytest.raises(ResourceHeld):
        await place.datasets.delete(ADMIN, dataset)

    assert (await place.audits.get(ADMIN, name)).name == name
    assert (await place.datasets.get(ADMIN, dataset)).name == dataset


@pytest.mark.long
async def test_what_was_released_is_erased_and_deleted(place, audit_draft, hold):
    name = await ended(place, audit_draft)
    made = await hold(name)

    await Holds(place.store).release(ADMIN, made.name)

    assert (await erase(place)).image_digest == IMAGE
    await place.audits.delete(ADMIN, name)


@pytest.mark.long
async def test_another_hold_on_the_same_still_holds(place, audit_draft, hold):
    name = audit_draft.specification.dataset
    made, _ = await hold(name), await hold(name, "second")

    await Holds(place.store).release(ADMIN, made.name)

    with pytest.raises(ResourceHeld, match="projects/default/holds/second"):
        await erase(place)


@pytest.mark.long
async def test_holds_on_other_audits_stand_in_nobodys_way(place, audit_draft, hold):
    await hold(await place.dataset("others", count=1))

    assert (await erase(place)).image_digest == IMAGE


async def test_only_an_admin_holds_lists_and_releases(place, audit_draft):
    holds, held = Holds(place.store), audit_draft.specification.dataset

    for refused in (
        holds.create(AUDITOR, PROJECT, "incident", held=held, reason=REASON),
        holds.page(AUDITOR, PROJECT, PageRequest()),
        holds.release(AUDITOR, f"{PROJECT}/holds/incident"),
    ):
        with pytest.raises(RoleInsufficient):
            await refused


@pytest.mark.long
async def test_an_equal_hold_is_returned_and_another_of_that_name_is_refused(place, audit_draft, hold):
    name = audit_draft.specification.dataset
    made = await hold(name)

    assert await hold(name) == made
    with pytest.raises(HoldExists, match="exists and holds projects/default/datasets/photos"):
        await hold(name, reason="another reason")


@pytest.mark.parametrize(
    ("name", "error"),
    [
        (f"{PROJECT}/audits/none", AuditNotFound),
        (f"{PROJECT}/models/net", FieldInvalid),
        (f"{PROJECT}/models/net/versions/1", ModelVersionNotFound),
        (f"{PROJECT}/verdicts/none", VerdictNotFound),
        ("projects/elsewhere/audits/one", FieldInvalid),
    ],
    ids=["gone", "a model", "no version", "no verdict", "of another project"],
)
async def test_what_cannot_be_held_is_refused(place, hold, name, error):
    with pytest.raises(error):
        await hold(name)


async def test_a_hold_that_is_gone_cannot_be_released(place):
    with pytest.raises(HoldNotFound, match="modicum holds list"):
        await Holds(place.store).release(ADMIN, f"{PROJECT}/holds/none")


@pytest.mark.long
async def test_the_trail_says_who_held_and_released_what(place, audit_draft, hold):
    name = audit_draft.specification.dataset
    made, _ = await hold(name), await hold(name)
    await Holds(place.store).release(ADMIN, made.name)

    async with place.store.transaction() as transaction:
        rows = await transaction.trail.page(PROJECT, TrailFilter(), after="", limit=2)
    assert [(entry.verb, entry.resource, entry.detail) for _, entry in rows] == [
        ("DeleteHold", made.name, f"{name}: {REASON}"),
        ("CreateHold", made.name, f"{name}: {REASON}"),
    ]
    assert (await Holds(place.store).page(ADMIN, PROJECT, PageRequest())).rows == ()


@pytest.mark.long
async def test_a_held_version_and_its_model_are_not_deleted(place, hold):
    version = await place.register()
    made = await hold(version.name)

    with pytest.raises(ResourceHeld, match=SAID.format(held=version.name)):
        await place.versions.delete(ADMIN, version.name)
    with pytest.raises(ResourceHeld, match=SAID.format(held=version.name)):
        await place.models.delete(ADMIN, f"{PROJECT}/models/net")

    await Holds(place.store).release(ADMIN, made.name)
    await place.models.delete(ADMIN, f"{PROJECT}/models/net")


async def verdict(place: Place, audit: str, *, name: str = "one", baseline: str = "") -> str:
    """A stored verdict on an audit."""
    stored = replace(
        filled(Verdict), name=f"{PROJECT}/verdicts/{name}", audit=audit, baseline=baseline, outcome=VerdictOutcome.PASS
    )
    async with place.store.transaction() as transaction:
        await transaction.verdicts.create(stored)
    return stored.name


@pytest.mark.long
async def test_a_held_verdict_is_not_deleted(place, audit_draft, hold):
    name = await verdict(place, await ended(place, audit_draft))
    made = await hold(name)

    with pytest.raises(ResourceHeld, match=SAID.format(held=name)):
        await place.verdicts.delete(ADMIN, name)

    await Holds(place.store).release(ADMIN, made.name)
    await place.verdicts.delete(ADMIN, name)


@pytest.mark.long_after(1)
@pytest.mark.parametrize("role", ["audit", "baseline"])
async def test_no_picture_goes_from_what_a_held_verdict_was_judged_from(place, audit_draft, hold, role):
    used = await ended(place, audit_draft)
    others = await place.dataset("others", count=1)
    async with place.store.transaction() as transaction:
        unused = await transaction.audits.get(used)
        other = replace(
            unused, name=f"{PROJECT}/audits/other", specification=replace(unused.specification, dataset=others)
        )
        await transaction.audits.create(other, ())
    roles = (used, "") if role == "audit" else (other.name, used)
    name = await verdict(place, roles[0], baseline=roles[1])
    held = await hold(name)

    with pytest.raises(ResourceHeld, match=SAID.format(held=name)):
        await erase(place)

    await Holds(place.store).release(ADMIN, held.name)
    assert (await erase(place)).image_digest == IMAGE
