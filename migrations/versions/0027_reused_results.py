"""An index of the audits that reuse a result, by which an erasure and the retention find them."""

from collections.abc import Sequence

from alembic import op

revision: str = "0027"
down_revision: str | None = "0026"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_index(op.f("audits_reused_from_idx"), "audits", ["reused_from"])


def downgrade() -> None:
    op.drop_index(op.f("audits_reused_from_idx"), table_name="audits")
