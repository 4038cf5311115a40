"""The declared tables of artifacts, and of totals: rows of their own, as a project's is locked for other reasons."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, PrimaryKeyConstraint, Table, func

from modicum_server.store.table_parts import NAME, TIME, created, metadata

artifacts = Table(
    "artifacts",
    metadata,
    Column("project", NAME, ForeignKey("projects.name"), nullable=False),
    Column("digest", NAME, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    created(),
    Column(
        "used_time",
        TIME,
        nullable=False,
        server_default=func.now(),
        comment="when it was last brought or asked for, to the hour",
    ),
    Column(
        "principal",
        NAME,
        nullable=False,
        server_default="",
        comment="who uploaded it, and whose bytes it counts among; empty for results",
    ),
    PrimaryKeyConstraint("project", "digest"),
    CheckConstraint("size_bytes >= 0", name="size_bytes"),
    Index(None, "digest"),
)

project_totals = Table(
    "project_totals",
    metadata,
    Column("project", NAME, ForeignKey("projects.name", ondelete="CASCADE"), primary_key=True),
    Column("artifact_bytes", BigInteger, nullable=False, comment="of all its artifacts together"),
)

unfinished_uploads = Table(
    "unfinished_uploads",
    metadata,
    Column("project", NAME, ForeignKey("projects.name", ondelete="CASCADE"), nullable=False),
    Column("digest", NAME, nullable=False),
    Column("principal", NAME, nullable=False, comment="who began it, or went on with it last"),
    Column("size_bytes", BigInteger, nullable=False, comment="announced while it goes on, then what it left"),
    Column(
        "used_time",
        TIME,
        nullable=False,
        server_default=func.now(),
        comment="when it began, went on or broke",
    ),
    PrimaryKeyConstraint("project", "digest"),
)

principal_totals = Table(
    "principal_totals",
    metadata,
    Column("project", NAME, ForeignKey("projects.name", ondelete="CASCADE"), nullable=False),
    Column("principal", NAME, nullable=False),
    Column("artifact_bytes", BigInteger, nullable=False, comment="that it uploaded to the project"),
    PrimaryKeyConstraint("project", "principal"),
)
