"""The declared table of trials of a spot."""

from sqlalchemy import Column, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from modicum_server.domain.spot_trials import TrialState
from modicum_server.store.table_parts import NAME, created, metadata, one_of

spot_trials = Table(
    "spot_trials",
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
    one_of("state", TrialState),
    Index("spot_trials_open_idx", "project", postgresql_where=text("state = 'QUEUED'")),
)
