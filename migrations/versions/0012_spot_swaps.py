"""Swaps of a spot, and the kind of shards that works on them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

BEFORE = "stage IN ('CHECK', 'SEARCH', 'SCORE', 'SUMMARISE')"
SINCE = "stage IN ('CHECK', 'SWAP', 'SEARCH', 'SCORE', 'SUMMARISE')"
OWNER_BEFORE = "empty for the check of a version"
OWNER_SINCE = "the audit or the swap of a spot; empty for the check of a version"


def upgrade() -> None:
    op.create_table(
        "spot_swaps",
        sa.Column("name", sa.String(collation="C"), nullable=False),
        sa.Column("project", sa.String(collation="C"), nullable=False),
        sa.Column("plan", postgresql.JSONB(), nullable=False, comment="pictures, place and versions"),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column(
            "scores",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="by version",
        ),
        sa.Column("failure_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("failure_detail", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("spot_swaps_pkey")),
        sa.CheckConstraint(
            "state IN ('QUEUED', 'SUCCEEDED', 'FAILED', 'CANCELLED')", name=op.f("spot_swaps_state_check")
        ),
    )
    op.create_index("spot_swaps_open_idx", "spot_swaps", ["project"], postgresql_where=sa.text("state = 'QUEUED'"))
    _owner_of_shards(SINCE, comment=OWNER_SINCE, before=OWNER_BEFORE)


def downgrade() -> None:
    op.execute("DELETE FROM shards WHERE stage = 'SWAP'")
    _owner_of_shards(BEFORE, comment=OWNER_BEFORE, before=OWNER_SINCE)
    op.drop_table("spot_swaps")


def _owner_of_shards(stages: str, *, comment: str, before: str) -> None:
    for table in ("audits", "shards"):
        op.drop_constraint(op.f(f"{table}_stage_check"), table, type_="check")
        op.create_check_constraint(op.f(f"{table}_stage_check"), table, stages)
    op.alter_column(
        "shards",
        "audit",
        existing_type=sa.String(collation="C"),
        existing_nullable=False,
        comment=comment,
        existing_comment=before,
    )
