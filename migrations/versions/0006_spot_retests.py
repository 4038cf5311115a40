"""Rows of the spot test of one version, tested on another."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "spot_retests",
        sa.Column("audit_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "version_index", sa.SmallInteger(), nullable=False, comment="place of the version in the specification"
        ),
        sa.Column(
            "chosen_by", sa.SmallInteger(), nullable=False, comment="place of the version whose places were tested"
        ),
        sa.Column(
            "row_number",
            sa.Integer(),
            nullable=False,
            comment="0 for all classes together, otherwise the class and one",
        ),
        sa.Column("row", postgresql.JSONB(), nullable=False, comment="what was tested, pair by pair"),
        sa.ForeignKeyConstraint(["audit_id"], ["audits.id"], name="spot_retests_audit_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("audit_id", "version_index", "chosen_by", "row_number", name="spot_retests_pkey"),
    )


def downgrade() -> None:
    op.drop_table("spot_retests")
