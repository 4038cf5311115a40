"""When a session of a browser ends however much it is used."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0023"
down_revision: str | None = "0022"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    column = sa.Column(
        "latest_end_time",
        sa.DateTime(timezone=True),
        comment="its use prolongs it up to here; null: not at all, as for sessions of the previous release",
    )
    op.add_column("sessions", column)


def downgrade() -> None:
    op.drop_column("sessions", "latest_end_time")
