"""The declared tables of totals: a row of its own for each project, whose own is locked and read for other reasons."""

from sqlalchemy import BigInteger, Column, ForeignKey, PrimaryKeyConstraint, Table

from modicum_server.store.table_parts import NAME, metadata

project_totals = Table(
    "project_totals",
    metadata,
    Column("project", NAME, ForeignKey("projects.name", ondelete="CASCADE"), primary_key=True),
    Column("artifact_bytes", BigInteger, nullable=False, comment="of all its artifacts together"),
)

principal_totals = Table(
    "principal_totals",
    metadata,
    Column("project", NAME, ForeignKey("projects.name", ondelete="CASCADE"), nullable=False),
    Column("principal", NAME, nullable=False),
    Column("artifact_bytes", BigInteger, nullable=False, comment="that it uploaded to the project"),
    PrimaryKeyConstraint("project", "principal"),
)
