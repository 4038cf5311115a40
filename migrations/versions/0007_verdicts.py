"""Verdicts: what a policy said of the result of an audit."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

NAME = sa.String(collation="C")
TEXTS = postgresql.ARRAY(sa.Text())


def upgrade() -> None:
    op.create_table(
        "verdicts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("project", NAME, nullable=False),
        sa.Column("audit", NAME, nullable=False),
        sa.Column("model_versions", TEXTS, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("rules", postgresql.JSONB(), nullable=False, comment="each rule with the check that decides it"),
        sa.Column("result_digest", NAME, nullable=False),
        sa.Column("policy_digest", NAME, nullable=False),
        sa.Column("baseline", NAME, nullable=False, comment="the audit that it was compared with, or empty"),
        sa.Column("baseline_digest", NAME, nullable=False),
        sa.Column("document_digest", NAME, nullable=False),
        sa.Column("artifact_digests", TEXTS, nullable=False, comment="all of these digests"),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("outcome IN ('PASS', 'FAIL', 'INCONCLUSIVE')", name=op.f("verdicts_outcome_check")),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name="verdicts_project_fkey"),
        sa.ForeignKeyConstraint(["audit"], ["audits.name"], name="verdicts_audit_fkey"),
        sa.PrimaryKeyConstraint("id", name="verdicts_pkey"),
        sa.UniqueConstraint("name", name="verdicts_name_key"),
    )
    op.create_index("verdicts_project_id_idx", "verdicts", ["project", "id"])
    op.create_index("verdicts_audit_idx", "verdicts", ["audit"])
    for column in ("model_versions", "artifact_digests"):
        op.create_index(f"verdicts_{column}_idx", "verdicts", [column], postgresql_using="gin")


def downgrade() -> None:
    op.drop_table("verdicts")
