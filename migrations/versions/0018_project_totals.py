"""How many bytes each project stores, in a row of its own."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0018"
down_revision: str | None = "0017"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

NAME = sa.String(collation="C")


def upgrade() -> None:
    op.create_table(
        "project_totals",
        sa.Column("project", NAME, nullable=False),
        sa.Column("artifact_bytes", sa.BigInteger(), nullable=False, comment="of all its artifacts together"),
        sa.PrimaryKeyConstraint("project", name=op.f("project_totals_pkey")),
        sa.ForeignKeyConstraint(
            ["project"], ["projects.name"], name=op.f("project_totals_project_fkey"), ondelete="CASCADE"
        ),
    )
    op.execute(
        "INSERT INTO project_totals (project, artifact_bytes) "
        "SELECT project, sum(size_bytes) FROM artifacts GROUP BY project"
    )


def downgrade() -> None:
    op.drop_table("project_totals")
