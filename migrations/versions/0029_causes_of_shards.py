"""The call that a shard was queued for: its request id, and its place in a trace."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0029"
down_revision: str | None = "0028"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

COLUMNS = {"request_id": "of the call that it was queued for", "traceparent": "place of that call in a trace"}


def upgrade() -> None:
    for name, comment in COLUMNS.items():
        op.add_column("shards", sa.Column(name, sa.Text(), server_default="", nullable=False, comment=comment))


def downgrade() -> None:
    for name in reversed(COLUMNS):
        op.drop_column("shards", name)
