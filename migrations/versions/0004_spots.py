"""Rows of the spot test."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "spots",
        sa.Column("audit_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "version_index", sa.SmallInteger(), nullable=False, comment="place of the version in the specification"
        ),
        sa.Column(
            "row_number",
            sa.Integer(),
            nullable=False,
            comment="0 for all classes together, otherwise the class and one",
        ),
        sa.Column("row", postgresql.JSONB(), nullable=False, comment="what was tested, pair by pair"),
        sa.ForeignKeyConstraint(["audit_id"], ["audits.id"], name="spots_audit_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("audit_id", "version_index", "row_number", name="spots_pkey"),
    )


def downgrade() -> None:
    op.drop_table("spots")
