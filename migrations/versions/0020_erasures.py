"""Erasures of pictures with their receipts, and how many pictures of an audit were erased."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0020"
down_revision: str | None = "0019"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

NAME = sa.String(collation="C")
TIME = sa.DateTime(timezone=True)
TEXTS = postgresql.ARRAY(sa.Text())
NONE_YET = sa.text("'{}'::text[]")


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("name", NAME, nullable=False),
        sa.Column("project", NAME, nullable=False),
        sa.Column("image_digest", NAME, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("receipt", postgresql.JSONB(), nullable=False, comment="what was removed where"),
        sa.Column("verdicts", TEXTS, server_default=NONE_YET, nullable=False, comment="whose documents still wait"),
        sa.Column("bytes", TEXTS, server_default=NONE_YET, nullable=False, comment="digests of files that still wait"),
        sa.Column("create_time", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("end_time", TIME, nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("erasures_pkey")),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name=op.f("erasures_project_fkey"), ondelete="CASCADE"),
        sa.CheckConstraint("state IN ('RUNNING', 'DONE')", name=op.f("erasures_state_check")),
    )
    op.create_index("erasures_project_image_digest_idx", "erasures", ["project", "image_digest"])
    op.create_index("erasures_running_idx", "erasures", ["name"], postgresql_where=sa.text("state = 'RUNNING'"))
    op.add_column("audits", sa.Column("erased", sa.BigInteger(), server_default=sa.text("0"), nullable=False))


def downgrade() -> None:
    op.drop_column("audits", "erased")
    op.drop_table("erasures")
