"""What one principal and one project may use at once."""

import asyncio

import pytest
from modicum_server.domain.projects import Principal, Role
from modicum_server.errors import ShareExceeded, TooManyWatchers
from modicum_server.usecases.shares import (
    BURST_SECONDS,
    CALLS_WAITING,
    CallRates,
    CallTurns,
    Share,
    Shares,
)
from modicum_server.usecases.watching import Watching

from tests.usecases.usecases_stage import AUDITOR, OTHER_AUDITOR, PROJECT, VIEWER

ELSEWHERE = "projects/elsewhere"


def shares(of_principal: int = 2, of_project: int = 3) -> Shares:
    return Shares(Share("open things", of_principal, of_project))


def rates(of_principal: float = 1000.0, of_project: float = 1000.0) -> CallRates:
    return CallRates(of_principal=of_principal, of_project=of_project)


def test_a_principal_has_its_share_and_others_theirs():
    held = shares()

    with held.taken(AUDITOR, PROJECT), held.taken(AUDITOR, PROJECT):
        with (
            pytest.raises(ShareExceeded, match="otto may have at most 2 open things"),
            held.taken(AUDITOR, PROJECT),
        ):
            pass
        with held.taken(VIEWER, PROJECT):
            pass


def test_a_project_has_its_share_however_many_principals_ask():
    held = shares()

    with held.taken(AUDITOR, PROJECT, 2), held.taken(VIEWER, PROJECT):
        with pytest.raises(ShareExceeded, match="projects/default may have at most 3"):
            held.taken(OTHER_AUDITOR, PROJECT).__enter__()
        with held.taken(OTHER_AUDITOR, ELSEWHERE):
            pass


def test_what_was_let_go_can_be_taken_again_also_after_a_refusal():
    held = shares()
    for _ in range(3):
        with held.taken(AUDITOR, PROJECT, 2), pytest.raises(ShareExceeded):
            held.taken(AUDITOR, PROJECT).__enter__()

    with held.taken(AUDITOR, PROJECT, 2):
        pass


def test_a_token_of_another_project_with_the_same_name_has_a_share_of_its_own():
    held, call_rates = shares(), rates(1.0)
    namesake = Principal(AUDITOR.name, {ELSEWHERE: Role.ADMIN})
    for _ in range(int(BURST_SECONDS)):
        call_rates.admit(namesake)

    with held.taken(namesake, ELSEWHERE, 2), held.taken(AUDITOR, PROJECT, 2):
        call_rates.admit(AUDITOR)


def test_calls_beyond_the_pace_are_refused_and_others_go_on():
    call_rates = rates(0.001)  # a burst of 5 ms: none

    with pytest.raises(ShareExceeded, match=r"otto makes more than 0\.001 calls a second"):
        call_rates.admit(AUDITOR)
    call_rates = rates(1000.0)
    for _ in range(100):
        call_rates.admit(AUDITOR)


def test_a_project_has_its_calls_however_many_principals_make_them():
    call_rates = rates(of_project=1.0)
    for principal in (AUDITOR, VIEWER, OTHER_AUDITOR, AUDITOR, VIEWER):
        call_rates.admit_in(principal, PROJECT)

    with pytest.raises(ShareExceeded, match="projects/default, with all its callers, makes more than 1 calls"):
        call_rates.admit_in(OTHER_AUDITOR, PROJECT)
    call_rates.admit_in(Principal("otto", {ELSEWHERE: Role.VIEWER}), ELSEWHERE)


def test_calls_of_who_has_no_role_in_a_project_take_none_of_its_calls():
    call_rates = rates(of_project=1.0)
    stranger = Principal("mallory", {ELSEWHERE: Role.ADMIN})

    for _ in range(100):
        call_rates.admit_in(stranger, PROJECT)

    call_rates.admit_in(AUDITOR, PROJECT)


async def test_one_viewer_cannot_take_the_watches_of_everybody(place, audit_draft):
    audit = await place.audit(audit_draft)
    limits = {"max_watchers": 10, "max_watchers_per_principal": 2, "max_watchers_per_project": 3}
    watching = Watching(place.store, place.changes, place.settings.model_copy(update=limits))
    watches = [watching.watch(VIEWER, audit.name, 0) for _ in range(3)]

    for watch in watches[:2]:
        await anext(watch)
    with pytest.raises(TooManyWatchers, match="vera"):
        await anext(watches[2])
    other = watching.watch(AUDITOR, audit.name, 0)
    await anext(other)

    for watch in (*watches, other):
        await watch.aclose()
    assert watching.count == 0


async def test_calls_of_a_principal_and_of_a_project_take_turns_and_those_of_another_project_go_on():
    turns, let_go, begun = CallTurns(), asyncio.Event(), []

    async def call(principal: Principal) -> None:
        async with turns.taken(principal, reads=False):
            begun.append(principal.name)
            await let_go.wait()

    stranger = Principal("saul", {ELSEWHERE: Role.VIEWER})
    crowd = [asyncio.create_task(call(AUDITOR)) for _ in range(8 + CALLS_WAITING)]
    crowd += [asyncio.create_task(call(VIEWER)) for _ in range(8)]
    await asyncio.sleep(0)
    with pytest.raises(ShareExceeded, match="otto makes more than 508 calls at once"):
        await call(AUDITOR)
    single = asyncio.create_task(call(stranger))
    for _ in range(3):
        await asyncio.sleep(0)

    assert begun == [AUDITOR.name] * 8 + [VIEWER.name] * 4 + ["saul"]
    let_go.set()
    await asyncio.gather(*crowd, single)
    assert turns._changes._of_principals._turns == turns._changes._of_projects._turns == {}


def test_what_grows_is_held_until_its_end_and_without_a_project_counts_for_the_principal_alone():
    held = shares(of_principal=3, of_project=2)

    with held.growing(AUDITOR, "") as take:
        take(1)
        take(2)
        with pytest.raises(ShareExceeded, match="otto may have at most 3 open things"):
            take(1)
        with held.taken(VIEWER, "", 3):
            pass

    with held.taken(AUDITOR, PROJECT, 2):
        pass
