"""Workers that are there, and what each can build."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0026"
down_revision: str | None = "0025"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "workers",
        sa.Column("name", sa.String(collation="C"), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "seen_time", sa.DateTime(timezone=True), nullable=False, comment="when it last said that it is there"
        ),
        sa.Column(
            "families",
            postgresql.JSONB(),
            comment="the architectures that it can build; null until it has looked",
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("workers_pkey")),
    )


def downgrade() -> None:
    op.drop_table("workers")
