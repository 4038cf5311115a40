"""When an artifact was last needed, the age of request ids, and what collections did."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0015"
down_revision: str | None = "0014"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column(
        "artifacts",
        sa.Column(
            "used_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="when it was last brought or asked for, to the hour",
        ),
    )
    op.create_index(op.f("requests_create_time_idx"), "requests", ["create_time"])
    op.create_table(
        "collections",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False, comment="nothing was deleted: what would have been"),
        sa.Column("grace_seconds", sa.Double(), nullable=False),
        sa.Column("artifacts", sa.BigInteger(), nullable=False),
        sa.Column("artifact_bytes", sa.BigInteger(), nullable=False),
        sa.Column("orphans", sa.BigInteger(), nullable=False),
        sa.Column("request_ids", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("collections_pkey")),
    )


def downgrade() -> None:
    op.drop_table("collections")
    op.drop_index(op.f("requests_create_time_idx"), "requests")
    op.drop_column("artifacts", "used_time")
