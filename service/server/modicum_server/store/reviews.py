"""Blind reviews, their reviewers and answers. Plans and answers are only added. All times are the database's."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, Row, Select, delete, func, insert, literal, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.documents import REVIEW_PICTURE, REVIEW_PLAN, document_of, value_of
from modicum_server.domain.reviews import Review, ReviewAnswer, Reviewer, Seat
from modicum_server.ports import Keyed
from modicum_server.store import tables

REFERRERS = 10
_REVIEWS = tables.reviews.c
_REVIEWERS = tables.reviewers.c
_ANSWERS = tables.review_answers.c


class PostgresReviews:
    """`ports.Reviews`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, name: str) -> Review | None:
        """Get a review."""
        return await self._one(select(tables.reviews).filter_by(name=name))

    async def lock(self, name: str) -> Review | None:
        """Get a review and lock it."""
        return await self._one(select(tables.reviews).filter_by(name=name).with_for_update())

    async def page(self, audit: str, *, after: str, limit: int) -> list[Keyed[Review]]:
        """List the reviews of an audit, newest first."""
        query = select(tables.reviews).where(_REVIEWS.audit == audit).order_by(_REVIEWS.id.desc()).limit(limit)
        if after:
            query = query.where(_REVIEWS.id < int(after))
        rows = (await self._connection.execute(query)).all()
        return [(str(row.id), review) for row, review in zip(rows, await self._whole(rows), strict=True)]

    async def create(self, review: Review) -> Review | None:
        """Store it; None when its audit is gone."""
        # FOR SHARE: a deletion locks the audit's row before it looks which reviews are about it.
        audit = select(tables.audits.c.id).filter_by(name=review.audit).with_for_update(read=True)
        if await self._connection.scalar(audit) is None:
            return None
        values = {
            "name": review.name,
            "audit": review.audit,
            "plan": document_of(REVIEW_PLAN, review.plan),
            "principal": review.principal,
        }
        row = (await self._connection.execute(insert(tables.reviews).values(values).returning(tables.reviews))).one()
        return _review(row, ())

    async def of_audit(self, audit: str) -> list[str]:
        """Names of at most 10 reviews of an audit."""
        query = select(_REVIEWS.name).where(_REVIEWS.audit == audit).order_by(_REVIEWS.id).limit(REFERRERS)
        return list((await self._connection.scalars(query)).all())

    async def delete(self, name: str) -> None:
        """Delete it, with its reviewers and answers."""
        await self._connection.execute(delete(tables.reviews).filter_by(name=name))

    async def add_reviewer(self, name: str, reviewer: Reviewer, link_digest: str, *, seconds: float) -> datetime:
        """Store a reviewer and its link; returns when both end."""
        values = {
            "review_id": select(_REVIEWS.id).where(_REVIEWS.name == name).scalar_subquery(),
            "number": reviewer.number,
            "display_name": reviewer.display_name,
            "pictures": [document_of(REVIEW_PICTURE, picture) for picture in reviewer.pictures],
            "link_digest": link_digest,
            "expire_time": _after(seconds),
        }
        end: datetime = (
            await self._connection.execute(insert(tables.reviewers).values(values).returning(_REVIEWERS.expire_time))
        ).scalar_one()
        return end

    async def renew_link(self, seat: Seat, link_digest: str, *, seconds: float) -> datetime:
        """Store another link of a reviewer; returns when it ends. Its earlier link and secret end."""
        review = select(_REVIEWS.id).where(_REVIEWS.name == seat.review).scalar_subquery()
        renewed = (
            update(tables.reviewers)
            .where(_REVIEWERS.review_id == review, _REVIEWERS.number == seat.number)
            .values(link_digest=link_digest, secret_digest=None, expire_time=_after(seconds))
            .returning(_REVIEWERS.expire_time)
        )
        end: datetime = (await self._connection.execute(renewed)).scalar_one()
        return end

    async def take_link(self, link_digest: str, secret_digest: str) -> bool:
        """Use up a link; False when there is no link any more."""
        taken = (
            update(tables.reviewers)
            .where(_REVIEWERS.link_digest == link_digest, _still_good())
            .values(link_digest=None, secret_digest=secret_digest)
            .returning(_REVIEWERS.number)
        )
        return await self._connection.scalar(taken) is not None

    async def seat(self, secret_digest: str) -> Seat | None:
        """Who this secret stands for; None when it has ended."""
        query = (
            select(_REVIEWS.name, _REVIEWERS.number)
            .join(tables.reviewers, _REVIEWERS.review_id == _REVIEWS.id)
            .where(_REVIEWERS.secret_digest == secret_digest, _still_good())
        )
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else Seat(row.name, row.number)

    async def add_answer(self, seat: Seat, place: int, choice: int | None) -> None:
        """Store an answer. One that is there stays, and a review that is gone, or going, gets none."""
        answer = (literal(place, Integer).label("place"), literal(choice, Integer).label("choice"))
        known = (
            select(_REVIEWERS.review_id, _REVIEWERS.number, *answer)
            .join(tables.reviews, _REVIEWERS.review_id == _REVIEWS.id)
            .where(_REVIEWS.name == seat.review, _REVIEWERS.number == seat.number)
            .with_for_update(key_share=True, read=True, of=tables.reviewers)
        )
        row = postgresql.insert(tables.review_answers).from_select(["review_id", "number", "place", "choice"], known)
        await self._connection.execute(row.on_conflict_do_nothing())

    async def _one(self, query: Select[Any]) -> Review | None:
        rows = (await self._connection.execute(query)).all()
        return next(iter(await self._whole(rows)), None)

    async def _whole(self, rows: Sequence[Row[Any]]) -> list[Review]:
        """The reviews of rows, with reviewers and answers: two queries, however many rows."""
        ids = [row.id for row in rows]
        people = select(tables.reviewers).where(_REVIEWERS.review_id.in_(ids)).order_by(_REVIEWERS.number)
        told = select(tables.review_answers).where(_ANSWERS.review_id.in_(ids)).order_by(_ANSWERS.place)
        answers: dict[tuple[int, int], list[int | None]] = {}
        for one in await self._connection.execute(told):
            answers.setdefault((one.review_id, one.number), []).append(one.choice)
        reviewers: dict[int, list[Reviewer]] = {}
        for one in await self._connection.execute(people):
            given = answers.get((one.review_id, one.number), [])
            reviewers.setdefault(one.review_id, []).append(_reviewer(one, given))
        return [_review(row, reviewers.get(row.id, ())) for row in rows]


def _after(seconds: float) -> ColumnElement[datetime]:
    """The time so many seconds from now."""
    return func.now() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def _still_good() -> ColumnElement[bool]:
    return _REVIEWERS.expire_time > func.now()


def _reviewer(row: Row[Any], choices: Sequence[int | None]) -> Reviewer:
    pictures = tuple(value_of(REVIEW_PICTURE, picture) for picture in row.pictures)
    answered = zip(pictures[: len(choices)], choices, strict=True)
    answers = tuple(ReviewAnswer(picture, choice) for picture, choice in answered)
    return Reviewer(row.number, row.display_name, pictures, answers)


def _review(row: Row[Any], reviewers: Sequence[Reviewer]) -> Review:
    return Review(
        name=row.name,
        audit=row.audit,
        plan=value_of(REVIEW_PLAN, row.plan),
        reviewers=tuple(reviewers),
        principal=row.principal,
        create_time=row.create_time,
    )
