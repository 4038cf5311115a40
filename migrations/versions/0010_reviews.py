"""Blind reviews: their plans, reviewers and answers."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

NAME = sa.String(collation="C")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "reviews",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("audit", NAME, nullable=False),
        sa.Column("plan", postgresql.JSONB(), nullable=False, comment="what its pictures are made of"),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("create_time", TIME, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["audit"], ["audits.name"], name="reviews_audit_fkey"),
        sa.PrimaryKeyConstraint("id", name="reviews_pkey"),
        sa.UniqueConstraint("name", name="reviews_name_key"),
    )
    op.create_index("reviews_audit_id_idx", "reviews", ["audit", "id"])
    op.create_table(
        "reviewers",
        sa.Column("review_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("pictures", postgresql.JSONB(), nullable=False, comment="of the session, in their order"),
        sa.Column("link_digest", NAME, nullable=True, comment="SHA-256 of what is in the link; null once it was used"),
        sa.Column("secret_digest", NAME, nullable=True, comment="SHA-256 of what is in the cookie"),
        sa.Column("expire_time", TIME, nullable=False, comment="end of link and session"),
        sa.ForeignKeyConstraint(["review_id"], ["reviews.id"], name="reviewers_review_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("review_id", "number", name="reviewers_pkey"),
        sa.UniqueConstraint("link_digest", name="reviewers_link_digest_key"),
        sa.UniqueConstraint("secret_digest", name="reviewers_secret_digest_key"),
    )
    op.create_table(
        "review_answers",
        sa.Column("review_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False, comment="of the reviewer"),
        sa.Column("place", sa.SmallInteger(), nullable=False, comment="of the picture in the session"),
        sa.Column("choice", sa.Integer(), nullable=True, comment="a class; null: nothing there"),
        sa.Column("create_time", TIME, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["review_id", "number"],
            ["reviewers.review_id", "reviewers.number"],
            name="review_answers_review_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("review_id", "number", "place", name="review_answers_pkey"),
    )


def downgrade() -> None:
    for table in ("review_answers", "reviewers", "reviews"):
        op.drop_table(table)
