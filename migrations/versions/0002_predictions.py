"""Predictions on whole images of an out-of-distribution data set."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "predictions",
        sa.Column("audit_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "version_index", sa.SmallInteger(), nullable=False, comment="place of the version in the specification"
        ),
        sa.Column(
            "position", sa.Integer(), nullable=False, comment="index of the item in the out-of-distribution data set"
        ),
        sa.Column("predicted_class", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "reason IN ('NOT_ELIGIBLE', 'NOT_FOUND', 'IMAGE_UNREADABLE', "
            "'IMAGE_TOO_LARGE', 'NOT_FINITE', 'MODEL_DIED', 'FILL_UNAVAILABLE', 'STOPPED', 'INTERNAL')",
            name=op.f("predictions_reason_check"),
        ),
        sa.CheckConstraint("num_nulls(predicted_class, reason) = 1", name=op.f("predictions_answer_check")),
        sa.ForeignKeyConstraint(["audit_id"], ["audits.id"], name="predictions_audit_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("audit_id", "version_index", "position", name="predictions_pkey"),
    )


def downgrade() -> None:
    op.drop_table("predictions")
