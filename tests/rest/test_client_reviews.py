"""Blind reviews from Python, on a real server."""

from collections.abc import AsyncIterator

import pytest
from modicum import AsyncClient, FailedPrecondition, NotFound, PermissionDenied, PictureKind, ReviewOutcome
from modicum.reviews import review_value
from modicum.v1 import review_pb2
from modicum_server.domain.findings import Subset
from modicum_server.reports.renderer import Renderer
from modicum_server.settings import Settings
from modicum_server.usecases.reports import Reports
from modicum_server.usecases.reviewing import Reviewing
from modicum_server.usecases.threads_in_turn import ThreadsInTurn

from tests.rest.rest_stage import TOKENS, Served


@pytest.fixture
async def audit(served: Served) -> str:
    """An audit whose images have subsets of one pixel."""
    name = await served.audit()
    small = {"predicted_class": 1, "target_class": 1, "subset": Subset(b"\x80" + bytes(31), 16, 16, 1)}
    await served.succeed(name, findings=20, each=small)
    return name


@pytest.fixture
async def auditor(served: Served) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(f"127.0.0.1:{served.grpc_port}", token=TOKENS["auditor"]) as client:
        yield client


async def test_a_review_is_created_invited_to_answered_and_read(served, audit, auditor):
    review = await auditor.reviews.create(audit, seed=3)
    invitation = await auditor.reviews.invite(review, display_name="Ada")
    threads = ThreadsInTurn("reports", 1)
    reports = Reports(served.store, served.artifact_store, Renderer(), threads, settings=Settings())
    able = Reviewing(served.store, served.artifact_store, Renderer(), reports, threads, settings=Settings())
    secret = await able.take_link(invitation.path.partition("#")[2])
    shown = await able.now(secret)
    await able.answer(secret, shown.picture_id, None)
    again = await auditor.reviews.invite(review, reviewer=invitation.reviewer)
    read = await auditor.reviews.get(review.name)

    assert (review.image_count, review.seed, review.outcome) == (20, 3, ReviewOutcome.INCONCLUSIVE)
    assert (read.reviewers[0].display_name, read.reviewers[0].answer_count) == ("Ada", 1)
    assert sum(share.n for share in read.nothing.values()) == 1
    assert read.digest != review.digest
    assert secret not in repr(invitation)
    assert (again.reviewer.number, again.path != invitation.path, len(read.reviewers)) == (0, True, 1)
    assert [one.name async for one in auditor.reviews.list("first")] == [review.name]
    with pytest.raises(PermissionDenied):
        await auditor.reviews.delete(review.name)
    async with AsyncClient(f"127.0.0.1:{served.grpc_port}", token=TOKENS["admin"]) as admin:
        await admin.reviews.delete(review.name)
    with pytest.raises(NotFound):
        await auditor.reviews.get(review.name)


@pytest.mark.long
async def test_the_version_of_a_review_may_be_named_as_briefly_as_elsewhere(auditor, audit):
    names = ("projects/default/models/net/versions/1", "net/1", "net")

    reviews = [await auditor.reviews.create(audit, version=name, validate_only=True) for name in names]

    assert {review.model_version for review in reviews} == {names[0]}


@pytest.mark.long
async def test_what_cannot_be_reviewed_is_told(served, auditor):
    name = await served.audit()
    await served.succeed(name)

    with pytest.raises(FailedPrecondition, match="nothing to review") as caught:
        await auditor.reviews.create(name)
    assert caught.value.reason == "REVIEW_IMPOSSIBLE"


def test_outcomes_and_kinds_of_a_later_release_confirm_nothing():
    later = review_pb2.Review(figures=review_pb2.Review.Figures(outcome=9, shares=[{"kind": 9}, {"kind": 1}]))

    assert review_value(later).outcome is ReviewOutcome.INCONCLUSIVE
    assert set(review_value(later).named) == {PictureKind.SUBSET}
