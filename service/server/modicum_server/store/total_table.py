"""The declared table of totals: a row of its own for each project, whose own is locked and read for other reasons."""

from sqlalchemy import BigInteger, Column, ForeignKey, Table

from modicum_server.store.table_parts import NAME, metadata

project_totals = Table(
    "project_totals",
    metadata,
    Column("project", NAME, ForeignKey("projects.name", ondelete="CASCADE"), primary_key=True),
    Column("artifact_bytes", BigInteger, nullable=False, comment="of all its artifacts together"),
)
