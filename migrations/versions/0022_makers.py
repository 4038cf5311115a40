"""Who registered a version, and who created a data set."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0022"
down_revision: str | None = "0021"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

TABLES = ("model_versions", "datasets")


def upgrade() -> None:
    for table in TABLES:
        principal = sa.Column(
            "principal",
            sa.Text(),
            server_default=sa.text("''::text"),
            nullable=False,
            comment="who made it; empty before that was stored",
        )
        op.add_column(table, principal)


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "principal")
