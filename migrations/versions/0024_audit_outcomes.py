"""What the result of an audit says, for lists."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision: str = "0024"
down_revision: str | None = "0023"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    column = sa.Column(
        "outcome",
        JSONB(none_as_null=True),
        comment="what the result says; null: none, or of an earlier release",
    )
    op.add_column("audits", column)


def downgrade() -> None:
    op.drop_column("audits", "outcome")
