"""The trail: entries, their seals, and which entries wait for one."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

NAME = sa.String(collation="C")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "trail_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("time", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("project", NAME, nullable=False, comment="empty for what belongs to no project"),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("token_id", NAME, nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("resource", NAME, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("client_address", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("trail_entries_pkey")),
        sa.CheckConstraint("outcome IN ('DONE', 'REFUSED')", name=op.f("trail_entries_outcome_check")),
        sa.CheckConstraint("attempts > 0", name=op.f("trail_entries_attempts_check")),
    )
    op.create_index("trail_entries_project_id_idx", "trail_entries", ["project", "id"])
    op.create_table(
        "trail_seals",
        sa.Column("project", NAME, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False, comment="from 1 in each project, without gaps"),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("hash", NAME, nullable=False, comment="SHA-256 of the entry and of the hash before"),
        sa.Column("create_time", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("project", "sequence", name=op.f("trail_seals_pkey")),
        sa.UniqueConstraint("entry_id", name=op.f("trail_seals_entry_id_key")),
    )
    op.create_table(
        "trail_pending",
        sa.Column(
            "entry_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="of an entry that is not sealed yet",
        ),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("trail_pending_pkey")),
    )


def downgrade() -> None:
    op.drop_table("trail_pending")
    op.drop_table("trail_seals")
    op.drop_table("trail_entries")
