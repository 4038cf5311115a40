"""What a reviewer does: takes a link, looks at one picture after another, answers each once.

A reviewer is known by a secret in a cookie and needs no token. It learns nothing but pictures and options: not which
kind a picture is, not of which audit, not whether an answer was right.
"""

import hashlib
import hmac
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from modicum_server.domain.audits import Audit
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.reviews import PictureKind, Review, Reviewer, ReviewPicture, Seat
from modicum_server.errors import (
    ArtifactNotFound,
    FieldInvalid,
    FindingNotFound,
    PageNotFound,
)
from modicum_server.measures.masks import subset_mask
from modicum_server.ports import ArtifactStore, ReportRenderer, Store, Transaction
from modicum_server.settings import Settings
from modicum_server.usecases.access import token_digest
from modicum_server.usecases.audits import require_audit
from modicum_server.usecases.reports import Reports
from modicum_server.usecases.resource_names import project_of
from modicum_server.usecases.review_errors import ReviewerUnknown, ReviewLinkUsed
from modicum_server.usecases.review_plans import random_mask
from modicum_server.usecases.sessions import new_secret
from modicum_server.usecases.stored_results import read_whole
from modicum_server.usecases.threads_in_turn import ThreadsInTurn
from modicum_server.usecases.versions import require_version

ID_DIGITS = 32
GONE = "the files behind this picture are no longer stored"


@dataclass(frozen=True, slots=True)
class Shown:
    """The picture that a reviewer is to answer: its opaque id, its number from 1 of how many, and the options."""

    picture_id: str
    number: int
    count: int
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Session:
    """A reviewer with its review."""

    seat: Seat
    review: Review
    reviewer: Reviewer

    @property
    def place(self) -> int:
        """Of the picture that is to be answered."""
        return len(self.reviewer.answers)

    @property
    def picture(self) -> ReviewPicture:
        """The picture that is to be answered."""
        return self.reviewer.pictures[self.place]

    @property
    def options(self) -> tuple[int, ...]:
        """The classes to choose from."""
        return self.review.plan.images[self.picture.image].options


class Reviewing:
    """Serves reviewers."""

    def __init__(
        self,
        store: Store,
        artifacts: ArtifactStore,
        renderer: ReportRenderer,
        reports: Reports,
        threads: ThreadsInTurn,
        *,
        settings: Settings,
    ) -> None:
        self._store = store
        self._artifacts = artifacts
        self._renderer = renderer
        self._reports = reports
        self._threads = threads
        self._max_pixels = settings.max_image_pixels

    async def take_link(self, link_secret: str) -> str:
        """Use up a link; returns the secret that stands for its reviewer from now on.

        Raises:
            ReviewLinkUsed
        """
        secret = new_secret()
        async with self._store.transaction() as transaction:
            if not await transaction.reviews.take_link(token_digest(link_secret), token_digest(secret)):
                raise ReviewLinkUsed
        return secret

    async def knows(self, secret: str) -> bool:
        """Whether this secret stands for a reviewer."""
        async with self._store.transaction() as transaction:
            return bool(secret) and await transaction.reviews.seat(token_digest(secret)) is not None

    async def now(self, secret: str) -> Shown | None:
        """Return what is to be answered now; None at the end.

        Raises:
            ReviewerUnknown
        """
        async with self._store.transaction() as transaction:
            session = await _session(transaction, secret)
            if session.reviewer.is_done:
                return None
            version = await require_version(transaction, session.review.plan.model_version)
        return Shown(
            picture_id=_picture_id(secret, session.place),
            number=session.place + 1,
            count=len(session.reviewer.pictures),
            options=tuple(version.class_labels[option] for option in session.options),
        )

    async def answer(self, secret: str, picture_id: str, option: int | None) -> None:
        """Store the answer to a picture: the number of an option from 1, or None for "nothing there".

        A picture that has an answer keeps it, so a repeated answer changes nothing.

        Raises:
            ReviewerUnknown, FieldInvalid
            PageNotFound: this reviewer has no such picture, or it is not its turn.
        """
        async with self._store.transaction() as transaction:
            session = await _session(transaction, secret)
            if picture_id in {_picture_id(secret, place) for place in range(session.place)}:
                return
            _require_turn(session, secret, picture_id)
            options = session.options
            if option is not None and not 1 <= option <= len(options):
                raise FieldInvalid("option", f"expected 0, or 1 to {len(options)}, got {option}")
            choice = None if option is None else options[option - 1]
            await transaction.reviews.add_answer(session.seat, session.place, choice)

    async def picture(self, secret: str, picture_id: str) -> bytes:
        """Return the picture that is to be answered, as PNG. No other one is given away.

        Raises:
            ReviewerUnknown, FindingNotFound
            PageNotFound: this reviewer has no such picture, or it is not its turn.
        """
        async with self._store.transaction() as transaction:
            session = await _session(transaction, secret)
            _require_turn(session, secret, picture_id)
            audit = await require_audit(transaction, session.review.audit)
            finding = await transaction.findings.get(_finding_name(audit, session))
        if finding is None or finding.subset is None:
            raise FindingNotFound(GONE)
        mask: NDArray[np.bool_] | None = None
        height, width = finding.subset.height, finding.subset.width
        if session.picture.kind is PictureKind.SUBSET:
            mask = subset_mask(finding.subset)
        elif session.picture.kind is PictureKind.RANDOM:
            mask = random_mask(session.review.plan, session.picture.image, height=height, width=width)
        draw = partial(
            self._renderer.review_picture,
            framing=await self._reports.framing(audit),
            canvas=audit.specification.canvas,
            mask=mask,
            fill=audit.specification.searches[session.review.plan.search_index].fill,
            max_pixels=self._max_pixels,
        )
        return await self._threads.run_on(_as_principal(session), partial(self._file, finding.image_digest), draw)

    async def _file(self, digest: str) -> bytes:
        """Return the file of an image. A reviewer does not learn the digest of one that is gone."""
        try:
            return await read_whole(self._artifacts, digest)
        except ArtifactNotFound as error:
            raise FindingNotFound(GONE) from error


async def _session(transaction: Transaction, secret: str) -> _Session:
    seat = await transaction.reviews.seat(token_digest(secret)) if secret else None
    review = None if seat is None else await transaction.reviews.get(seat.review)
    if seat is None or review is None or seat.number >= len(review.reviewers):  # it may be deleted meanwhile
        raise ReviewerUnknown
    return _Session(seat, review, review.reviewers[seat.number])


def _as_principal(session: _Session) -> Principal:
    """The reviewer as one who takes turns beside members of the project."""
    project = project_of("review", session.seat.review)
    return Principal(f"reviewer {session.seat.number} of {session.seat.review}", {project: Role.VIEWER})


def _require_turn(session: _Session, secret: str, picture_id: str) -> None:
    if session.reviewer.is_done or picture_id != _picture_id(secret, session.place):
        raise PageNotFound("this page is out of date: the review has moved on to another picture. Load the page again")


def _picture_id(secret: str, place: int) -> str:
    """An id that says nothing of its picture, and that another reviewer does not have."""
    return hmac.new(secret.encode(), f"picture {place}".encode(), hashlib.sha256).hexdigest()[:ID_DIGITS]


def _finding_name(audit: Audit, session: _Session) -> str:
    plan = session.review.plan
    version = audit.specification.model_versions.index(plan.model_version)
    position = plan.images[session.picture.image].position
    return f"{audit.reused_from or audit.name}/findings/{version}-{plan.search_index}-{position}"
