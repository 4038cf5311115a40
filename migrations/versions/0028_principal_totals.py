"""Who brought an artifact to a project, how many bytes each principal stores there, and for what a shard waits."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0028"
down_revision: str | None = "0027"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

NAME = sa.String(collation="C")


def upgrade() -> None:
    op.add_column(
        "artifacts",
        sa.Column(
            "principal",
            NAME,
            server_default="",
            nullable=False,
            comment="who uploaded it, and whose bytes it counts among; empty for results",
        ),
    )
    op.create_table(
        "principal_totals",
        sa.Column("project", NAME, nullable=False),
        sa.Column("principal", NAME, nullable=False),
        sa.Column("artifact_bytes", sa.BigInteger(), nullable=False, comment="that it uploaded to the project"),
        sa.PrimaryKeyConstraint("project", "principal", name=op.f("principal_totals_pkey")),
        sa.ForeignKeyConstraint(
            ["project"], ["projects.name"], name=op.f("principal_totals_project_fkey"), ondelete="CASCADE"
        ),
    )
    op.add_column(
        "shards",
        sa.Column(
            "away_reason", sa.Text(), server_default="", nullable=False, comment="what is away, in words for people"
        ),
    )


def downgrade() -> None:
    op.drop_column("shards", "away_reason")
    op.drop_table("principal_totals")
    op.drop_column("artifacts", "principal")
