"""Sessions of people who sign in at a provider stand for tokens of their own."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0019"
down_revision: str | None = "0018"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column(
        "tokens",
        sa.Column(
            "sign_in_issuer",
            sa.Text(),
            nullable=True,
            comment="where its principal signed in: a session alone stands for it, and its secret is nowhere",
        ),
    )
    op.create_index(
        op.f("tokens_expire_time_idx"),
        "tokens",
        ["expire_time"],
        postgresql_where=sa.text("sign_in_issuer IS NOT NULL"),
    )


def downgrade() -> None:
    op.execute("DELETE FROM tokens WHERE sign_in_issuer IS NOT NULL")
    op.drop_index(op.f("tokens_expire_time_idx"), "tokens")
    op.drop_column("tokens", "sign_in_issuer")
