"""The table of the id that the database shares with its artifact store. It has one row."""

from sqlalchemy import Boolean, CheckConstraint, Column, Table, text

from modicum_server.store.table_parts import NAME, created, metadata

store_identity = Table(
    "store_identity",
    metadata,
    Column("single", Boolean, primary_key=True, server_default=text("true")),
    Column("id", NAME, nullable=False),
    Column(
        "confirmed",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="whether the artifact store has the id too",
    ),
    created(),
    CheckConstraint("single", name="single"),
)
