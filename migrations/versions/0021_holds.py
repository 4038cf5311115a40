"""Holds on audits and data sets that are evidence."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0021"
down_revision: str | None = "0020"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

NAME = sa.String(collation="C")


def upgrade() -> None:
    op.create_table(
        "holds",
        sa.Column("name", NAME, nullable=False),
        sa.Column("project", NAME, nullable=False),
        sa.Column("held", NAME, nullable=False, comment="the audit or the data set"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("creator", sa.Text(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("holds_pkey")),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name=op.f("holds_project_fkey"), ondelete="CASCADE"),
    )
    op.create_index("holds_held_idx", "holds", ["held"])


def downgrade() -> None:
    op.drop_table("holds")
