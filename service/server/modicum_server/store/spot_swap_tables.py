"""The declared table of swaps of a spot."""

from sqlalchemy import Column, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from modicum_server.domain.spot_swaps import SwapState
from modicum_server.store.table_parts import NAME, created, metadata, one_of

spot_swaps = Table(
    "spot_swaps",
    metadata,
    Column("name", NAME, primary_key=True),
    Column("project", NAME, nullable=False),
    Column("plan", JSONB, nullable=False, comment="pictures, place and versions"),
    Column("principal", Text, nullable=False),
    created(),
    Column("state", Text, nullable=False),
    Column("scores", JSONB, nullable=False, server_default=text("'{}'::jsonb"), comment="by version"),
    Column("failure_reason", Text, nullable=False, server_default=""),
    Column("failure_detail", Text, nullable=False, server_default=""),
    one_of("state", SwapState),
    Index("spot_swaps_open_idx", "project", postgresql_where=text("state = 'QUEUED'")),
)
