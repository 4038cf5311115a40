"""Sessions of browsers, and links that begin one."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

NAME = sa.String(collation="C")
TABLES = {
    "sessions": "SHA-256 of what is in the cookie; that itself is nowhere",
    "sign_in_links": "SHA-256 of what is in the link; that itself is nowhere",
}


def upgrade() -> None:
    for table, comment in TABLES.items():
        op.create_table(
            table,
            sa.Column("digest", NAME, nullable=False, comment=comment),
            sa.Column("token_digest", NAME, nullable=False, comment="the token that it stands for"),
            sa.Column("expire_time", sa.DateTime(timezone=True), nullable=False),
            sa.ForeignKeyConstraint(
                ["token_digest"], ["tokens.digest"], name=f"{table}_token_digest_fkey", ondelete="CASCADE"
            ),
            sa.PrimaryKeyConstraint("digest", name=f"{table}_pkey"),
        )
        op.create_index(f"{table}_token_digest_idx", table, ["token_digest"])
        op.create_index(f"{table}_expire_time_idx", table, ["expire_time"])


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
