"""The declared table of collections that were run: a row for each."""

from sqlalchemy import BigInteger, Boolean, Column, Double, Identity, Table

from modicum_server.store.table_parts import counter, created, metadata

collections = Table(
    "collections",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    created(),
    Column("dry_run", Boolean, nullable=False, comment="nothing was deleted: what would have been"),
    Column("grace_seconds", Double, nullable=False),
    Column("artifacts", BigInteger, nullable=False),
    Column("artifact_bytes", BigInteger, nullable=False),
    Column("orphans", BigInteger, nullable=False),
    Column("request_ids", BigInteger, nullable=False),
    counter("past_findings"),
    counter("past_reports"),
    counter("past_images"),
)
