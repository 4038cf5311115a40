"""The declared table of holds."""

from sqlalchemy import Column, ForeignKey, Index, Table, Text

from modicum_server.store.table_parts import NAME, created, metadata

holds = Table(
    "holds",
    metadata,
    Column("name", NAME, primary_key=True),
    Column("project", NAME, ForeignKey("projects.name", ondelete="CASCADE"), nullable=False),
    Column("held", NAME, nullable=False, comment="the audit or the data set"),
    Column("reason", Text, nullable=False),
    Column("creator", Text, nullable=False),
    created(),
    Index(None, "held"),
)
