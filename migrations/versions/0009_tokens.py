"""Tokens with an id, a name, a project and an end. Those that exist keep their grants and do not expire."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

NAME = sa.String(collation="C")
TIME = sa.DateTime(timezone=True)
#: The previous release stores tokens without an id.
NEW_ID = sa.text("\"left\"(replace((gen_random_uuid())::text, '-'::text, ''::text), 16)")

COLUMNS = (
    sa.Column("id", NAME, server_default=NEW_ID, nullable=False, comment="shown in lists; no secret"),
    sa.Column("display_name", sa.Text(), server_default=sa.text("''::text"), nullable=False),
    sa.Column("project", NAME, nullable=True, comment="the only project that it is for; null: all of its principal's"),
    sa.Column("expire_time", TIME, nullable=True, comment="null: it does not expire"),
    sa.Column("last_used_time", TIME, nullable=True, comment="to the minute"),
)


def upgrade() -> None:
    for column in COLUMNS:
        op.add_column("tokens", column)
    op.create_unique_constraint("tokens_id_key", "tokens", ["id"])
    op.create_foreign_key("tokens_project_fkey", "tokens", "projects", ["project"], ["name"], ondelete="CASCADE")
    op.create_index("tokens_project_id_idx", "tokens", ["project", "id"])


def downgrade() -> None:
    op.drop_index("tokens_project_id_idx", "tokens")
    op.drop_constraint("tokens_project_fkey", "tokens")
    op.drop_constraint("tokens_id_key", "tokens")
    for column in reversed(COLUMNS):
        op.drop_column("tokens", column.name)
