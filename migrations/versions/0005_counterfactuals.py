"""Predictions on images of a counterfactual data set, beside those of an out-of-distribution data set."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column(
        "predictions",
        sa.Column(
            "search_index",
            sa.SmallInteger(),
            nullable=False,
            server_default=sa.text("'-1'::integer"),
            comment="-1 for the out-of-distribution data set, -3 for the counterfactual one",
        ),
    )
    op.add_column(
        "predictions",
        sa.Column("confidence", sa.Double(), nullable=True, comment="in the class that is predicted on the partner"),
    )
    op.alter_column(
        "predictions",
        "position",
        comment="index of the item in the out-of-distribution data set, or position of the counterfactual's partner",
        existing_comment="index of the item in the out-of-distribution data set",
    )
    op.drop_constraint("predictions_pkey", "predictions", type_="primary")
    op.create_primary_key("predictions_pkey", "predictions", ["audit_id", "version_index", "search_index", "position"])


def downgrade() -> None:
    op.execute("DELETE FROM predictions WHERE search_index <> -1")
    op.drop_constraint("predictions_pkey", "predictions", type_="primary")
    op.create_primary_key("predictions_pkey", "predictions", ["audit_id", "version_index", "position"])
    op.alter_column(
        "predictions",
        "position",
        comment="index of the item in the out-of-distribution data set",
        existing_comment=(
            "index of the item in the out-of-distribution data set, or position of the counterfactual's partner"
        ),
    )
    op.drop_column("predictions", "confidence")
    op.drop_column("predictions", "search_index")
