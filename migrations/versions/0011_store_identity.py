"""The id that the database shares with its artifact store, and how long a shard has waited for what is away."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "store_identity",
        sa.Column("single", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("id", sa.String(collation="C"), nullable=False),
        sa.Column(
            "confirmed",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="whether the artifact store has the id too",
        ),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("single", name=op.f("store_identity_pkey")),
        sa.CheckConstraint("single", name=op.f("store_identity_single_check")),
    )
    op.add_column(
        "shards",
        sa.Column(
            "away_since", sa.DateTime(timezone=True), nullable=True, comment="since when it waits for what is away"
        ),
    )


def downgrade() -> None:
    op.drop_column("shards", "away_since")
    op.drop_table("store_identity")
