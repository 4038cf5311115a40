"""A column for finding fields without a column of their own, so that a new field needs no migration."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    more = sa.Column(
        "more",
        postgresql.JSONB(),
        server_default=sa.text("'{}'::jsonb"),
        nullable=False,
        comment="fields without a column",
    )
    op.add_column("findings", more)


def downgrade() -> None:
    op.drop_column("findings", "more")
