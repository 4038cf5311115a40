"""For how long a project keeps findings, results and pictures, and when they were deleted."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0025"
down_revision: str | None = "0024"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

KINDS = ("findings", "reports", "images")
DELETE_TIMES = (("audits", "findings"), ("audits", "report"), ("datasets", "images"))


def upgrade() -> None:
    for kind in KINDS:
        days = sa.Column(
            f"{kind}_days",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="days for which it keeps them; 0: for ever",
        )
        op.add_column("projects", days)
        count = sa.Column(f"past_{kind}", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
        op.add_column("collections", count)
    for table, kind in DELETE_TIMES:
        comment = "when the retention deleted them; null while they are kept"
        op.add_column(table, sa.Column(f"{kind}_delete_time", sa.DateTime(timezone=True), comment=comment))


def downgrade() -> None:
    for table, kind in DELETE_TIMES:
        op.drop_column(table, f"{kind}_delete_time")
    for kind in KINDS:
        op.drop_column("collections", f"past_{kind}")
        op.drop_column("projects", f"{kind}_days")
