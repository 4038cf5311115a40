"""The declared table of erasures, with the receipt of each."""

from sqlalchemy import ARRAY, CheckConstraint, Column, ForeignKey, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from modicum_server.store.table_parts import EMPTY_TEXTS, NAME, TIME, created, metadata

erasures = Table(
    "erasures",
    metadata,
    Column("name", NAME, primary_key=True),
    Column("project", NAME, ForeignKey("projects.name", ondelete="CASCADE"), nullable=False),
    Column("image_digest", NAME, nullable=False),
    Column("state", Text, nullable=False),
    Column("principal", Text, nullable=False),
    Column("receipt", JSONB, nullable=False, comment="what was removed where"),
    Column("verdicts", ARRAY(Text), nullable=False, server_default=EMPTY_TEXTS, comment="whose documents still wait"),
    Column(
        "bytes", ARRAY(Text), nullable=False, server_default=EMPTY_TEXTS, comment="digests of files that still wait"
    ),
    created(),
    Column("end_time", TIME),
    CheckConstraint("state IN ('RUNNING', 'DONE')", name="state"),
    Index(None, "project", "image_digest"),
    Index("erasures_running_idx", "name", postgresql_where=text("state = 'RUNNING'")),
)
