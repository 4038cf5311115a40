"""The declared table of workers that are there. A worker deletes its row when it stops."""

from sqlalchemy import Column, Table
from sqlalchemy.dialects.postgresql import JSONB

from modicum_server.store.table_parts import NAME, TIME, created, metadata

workers = Table(
    "workers",
    metadata,
    Column("name", NAME, primary_key=True),
    created(),
    Column("seen_time", TIME, nullable=False, comment="when it last said that it is there"),
    Column("families", JSONB, comment="the architectures that it can build; null until it has looked"),
)
