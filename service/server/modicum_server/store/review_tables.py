"""The declared tables of blind reviews."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

from modicum_server.store.table_parts import NAME, TIME, created, metadata

reviews = Table(
    "reviews",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", NAME, nullable=False, unique=True),
    Column("audit", NAME, ForeignKey("audits.name"), nullable=False),
    Column("plan", JSONB, nullable=False, comment="what its pictures are made of"),
    Column("principal", Text, nullable=False),
    created(),
    Index(None, "audit", "id"),
)

reviewers = Table(
    "reviewers",
    metadata,
    Column("review_id", BigInteger, ForeignKey("reviews.id", ondelete="CASCADE"), nullable=False),
    Column("number", SmallInteger, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("pictures", JSONB, nullable=False, comment="of the session, in their order"),
    Column("link_digest", NAME, unique=True, comment="SHA-256 of what is in the link; null once it was used"),
    Column("secret_digest", NAME, unique=True, comment="SHA-256 of what is in the cookie"),
    Column("expire_time", TIME, nullable=False, comment="end of link and session"),
    PrimaryKeyConstraint("review_id", "number"),
)

review_answers = Table(
    "review_answers",
    metadata,
    Column("review_id", BigInteger, nullable=False),
    Column("number", SmallInteger, nullable=False, comment="of the reviewer"),
    Column("place", SmallInteger, nullable=False, comment="of the picture in the session"),
    Column("choice", Integer, comment="a class; null: nothing there"),
    created(),
    PrimaryKeyConstraint("review_id", "number", "place"),
    ForeignKeyConstraint(["review_id", "number"], ["reviewers.review_id", "reviewers.number"], ondelete="CASCADE"),
)
