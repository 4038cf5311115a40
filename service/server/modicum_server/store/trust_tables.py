"""The declared tables of trust in pipelines."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from modicum_server.store.table_parts import NAME, TIME, created, metadata

trust_rules = Table(
    "trust_rules",
    metadata,
    Column("name", NAME, primary_key=True),
    Column("project", NAME, ForeignKey("projects.name", ondelete="CASCADE"), nullable=False),
    Column("issuer", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("claims", JSONB, nullable=False, comment="name and whole value of each"),
    Column("role", Text, nullable=False),
    Column("lifetime_seconds", Integer, nullable=False, comment="of the tokens that it gives"),
    Column("creator", Text, nullable=False),
    created(),
    CheckConstraint("role IN ('viewer', 'auditor')", name="role"),
    Index(None, "project", "issuer"),
)

used_identity_tokens = Table(
    "used_identity_tokens",
    metadata,
    Column("digest", NAME, primary_key=True, comment="SHA-256 of issuer and token id"),
    Column("expire_time", TIME, nullable=False),
    Index(None, "expire_time"),
)
