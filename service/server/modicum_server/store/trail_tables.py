"""The tables of the trail. The service's role may insert into entries and seals, and may change or delete neither.

No foreign keys: the trail outlives the project and all that it names.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Index, Integer, PrimaryKeyConstraint, Table, Text
from sqlalchemy import func as sql_functions

from modicum_server.domain.trail import TrailOutcome
from modicum_server.store.table_parts import NAME, TIME, created, metadata, one_of

trail_entries = Table(
    "trail_entries",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("time", TIME, nullable=False, server_default=sql_functions.now()),
    Column("project", NAME, nullable=False, comment="empty for what belongs to no project"),
    Column("principal", Text, nullable=False),
    Column("token_id", NAME, nullable=False),
    Column("verb", Text, nullable=False),
    Column("resource", NAME, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("client_address", Text, nullable=False),
    one_of("outcome", TrailOutcome),
    CheckConstraint("attempts > 0", name="attempts"),
    Index(None, "project", "id"),
)

trail_seals = Table(
    "trail_seals",
    metadata,
    Column("project", NAME, nullable=False),
    Column("sequence", BigInteger, nullable=False, comment="from 1 in each project, without gaps"),
    Column("entry_id", BigInteger, nullable=False, unique=True),
    Column("hash", NAME, nullable=False, comment="SHA-256 of the entry and of the hash before"),
    created(),
    PrimaryKeyConstraint("project", "sequence"),
)

trail_pending = Table(
    "trail_pending",
    metadata,
    Column("entry_id", BigInteger, primary_key=True, autoincrement=False, comment="of an entry that is not sealed yet"),
)
