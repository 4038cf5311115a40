"""The distinct labels of a data set, and its items by name: no shard reads all items for its own."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0017"
down_revision: str | None = "0016"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column(
        "datasets",
        sa.Column(
            "labels",
            sa.ARRAY(sa.Text()),
            nullable=True,
            comment="the distinct ones, sorted; null where an earlier release made the data set",
        ),
    )
    op.create_index(op.f("dataset_items_dataset_id_item_idx"), "dataset_items", ["dataset_id", "item"])


def downgrade() -> None:
    op.drop_index(op.f("dataset_items_dataset_id_item_idx"), "dataset_items")
    op.drop_column("datasets", "labels")
