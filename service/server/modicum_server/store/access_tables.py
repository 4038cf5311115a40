"""The declared tables of grants, tokens, and sessions of browsers."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, PrimaryKeyConstraint, Table, Text, text

from modicum_server.domain.projects import Role
from modicum_server.store.table_parts import NAME, TIME, created, metadata, one_of

#: 16 hexadecimal digits, for tokens of the previous release, which stores no id.
NEW_TOKEN_ID = text("\"left\"(replace((gen_random_uuid())::text, '-'::text, ''::text), 16)")

roles = Table(
    "roles",
    metadata,
    Column("principal", NAME, nullable=False),
    Column("project", NAME, ForeignKey("projects.name", ondelete="CASCADE"), nullable=False),
    Column("role", Text, nullable=False),
    PrimaryKeyConstraint("principal", "project"),
    one_of("role", Role),
    Index(None, "project"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("digest", NAME, primary_key=True, comment="SHA-256 of the token; the token itself is nowhere"),
    Column("principal", NAME, nullable=False),
    created(),
    Column("id", NAME, nullable=False, unique=True, server_default=NEW_TOKEN_ID, comment="shown in lists; no secret"),
    Column("display_name", Text, nullable=False, server_default=text("''::text")),
    Column(
        "project",
        NAME,
        ForeignKey("projects.name", ondelete="CASCADE"),
        comment="the only project that it is for; null: all of its principal's",
    ),
    Column("expire_time", TIME, comment="null: it does not expire"),
    Column("last_used_time", TIME, comment="to the minute"),
    Column(
        "trust_rule",
        NAME,
        ForeignKey("trust_rules.name", ondelete="CASCADE"),
        comment="the rule that gave it to a job, and its role",
    ),
    Column(
        "reads_metrics",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="it carries no role, and shows all names in /metrics",
    ),
    Column(
        "sign_in_issuer",
        Text,
        comment="where its principal signed in: a session alone stands for it, and its secret is nowhere",
    ),
    Index(None, "principal"),
    Index(None, "project", "id"),
    Index(None, "trust_rule", "expire_time", postgresql_where=text("trust_rule IS NOT NULL")),
    Index(None, "expire_time", postgresql_where=text("sign_in_issuer IS NOT NULL")),
)


def _standing_for_a_token(name: str, holder: str, *more: Column[object]) -> Table:
    """A table of secrets that stand for a token until a time."""
    return Table(
        name,
        metadata,
        Column("digest", NAME, primary_key=True, comment=f"SHA-256 of what is in the {holder}; that itself is nowhere"),
        Column(
            "token_digest",
            NAME,
            ForeignKey("tokens.digest", ondelete="CASCADE"),
            nullable=False,
            comment="the token that it stands for",
        ),
        Column("expire_time", TIME, nullable=False),
        *more,
        Index(None, "token_digest"),
        Index(None, "expire_time"),
    )


sessions = _standing_for_a_token(
    "sessions",
    "cookie",
    Column(
        "latest_end_time",
        TIME,
        comment="its use prolongs it up to here; null: not at all, as for sessions of the previous release",
    ),
)
sign_in_links = _standing_for_a_token("sign_in_links", "link")
