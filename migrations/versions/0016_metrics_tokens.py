"""Tokens that read the metrics of all projects, and nothing else."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0016"
down_revision: str | None = "0015"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column(
        "tokens",
        sa.Column(
            "reads_metrics",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="it carries no role, and shows all names in /metrics",
        ),
    )


def downgrade() -> None:
    # without the column they would carry all grants of their principals
    op.execute("DELETE FROM tokens WHERE reads_metrics")
    op.drop_column("tokens", "reads_metrics")
