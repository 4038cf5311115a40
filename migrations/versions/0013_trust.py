"""Trust rules of pipelines, the identity tokens that were used up, and the rule that gave a token."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

NAME = sa.String(collation="C")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "trust_rules",
        sa.Column("name", NAME, nullable=False),
        sa.Column("project", NAME, nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("claims", postgresql.JSONB(), nullable=False, comment="name and whole value of each"),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("lifetime_seconds", sa.Integer(), nullable=False, comment="of the tokens that it gives"),
        sa.Column("creator", sa.Text(), nullable=False),
        sa.Column("create_time", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("trust_rules_pkey")),
        sa.ForeignKeyConstraint(
            ["project"], ["projects.name"], name=op.f("trust_rules_project_fkey"), ondelete="CASCADE"
        ),
        sa.CheckConstraint("role IN ('viewer', 'auditor')", name=op.f("trust_rules_role_check")),
    )
    op.create_index("trust_rules_project_issuer_idx", "trust_rules", ["project", "issuer"])
    op.create_table(
        "used_identity_tokens",
        sa.Column("digest", NAME, nullable=False, comment="SHA-256 of issuer and token id"),
        sa.Column("expire_time", TIME, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("used_identity_tokens_pkey")),
    )
    op.create_index("used_identity_tokens_expire_time_idx", "used_identity_tokens", ["expire_time"])
    op.add_column(
        "tokens", sa.Column("trust_rule", NAME, nullable=True, comment="the rule that gave it to a job, and its role")
    )
    op.create_foreign_key(
        "tokens_trust_rule_fkey", "tokens", "trust_rules", ["trust_rule"], ["name"], ondelete="CASCADE"
    )
    op.create_index(
        "tokens_trust_rule_expire_time_idx",
        "tokens",
        ["trust_rule", "expire_time"],
        postgresql_where=sa.text("trust_rule IS NOT NULL"),
    )


def downgrade() -> None:
    op.execute("DELETE FROM tokens WHERE trust_rule IS NOT NULL")
    op.drop_index("tokens_trust_rule_expire_time_idx", "tokens")
    op.drop_constraint("tokens_trust_rule_fkey", "tokens")
    op.drop_column("tokens", "trust_rule")
    op.drop_table("used_identity_tokens")
    op.drop_table("trust_rules")
