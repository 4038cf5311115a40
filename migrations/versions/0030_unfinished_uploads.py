"""Uploads that are not finished, and whose they are."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0030"
down_revision: str | None = "0029"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

NAME = sa.String(collation="C")


def upgrade() -> None:
    op.create_table(
        "unfinished_uploads",
        sa.Column("project", NAME, nullable=False),
        sa.Column("digest", NAME, nullable=False),
        sa.Column("principal", NAME, nullable=False, comment="who began it, or went on with it last"),
        sa.Column(
            "size_bytes", sa.BigInteger(), nullable=False, comment="announced while it goes on, then what it left"
        ),
        sa.Column(
            "used_time",
            sa.DateTime(timezone=True),
            server_default=sa.func.now(),
            nullable=False,
            comment="when it began, went on or broke",
        ),
        sa.PrimaryKeyConstraint("project", "digest", name=op.f("unfinished_uploads_pkey")),
        sa.ForeignKeyConstraint(
            ["project"], ["projects.name"], name=op.f("unfinished_uploads_project_fkey"), ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    op.drop_table("unfinished_uploads")
