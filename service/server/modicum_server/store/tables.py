"""The declared tables. The migrations must lead to exactly these; a test compares them.

Names are resource names, in the collation "C", so that lists come in one order everywhere. Times are the database's.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from modicum_server.domain.audits import AuditState, Stage
from modicum_server.domain.findings import FindingReason
from modicum_server.domain.models import VersionState
from modicum_server.domain.retention import Kept
from modicum_server.domain.verdicts import OVERALL
from modicum_server.store.access_tables import roles, sessions, sign_in_links, tokens
from modicum_server.store.artifact_tables import artifacts, principal_totals, project_totals, unfinished_uploads
from modicum_server.store.collection_table import collections
from modicum_server.store.erasure_table import erasures
from modicum_server.store.hold_table import holds
from modicum_server.store.identity_table import store_identity
from modicum_server.store.review_tables import review_answers, reviewers, reviews
from modicum_server.store.spot_swap_tables import spot_swaps
from modicum_server.store.table_parts import (
    EMPTY_TEXTS,
    NAME,
    TIME,
    counter,
    created,
    deleted,
    kept_days,
    maker,
    metadata,
    one_of,
)
from modicum_server.store.trail_tables import trail_entries, trail_pending, trail_seals
from modicum_server.store.trust_tables import trust_rules, used_identity_tokens
from modicum_server.store.worker_table import workers

__all__ = [
    "artifacts",
    "collections",
    "erasures",
    "holds",
    "metadata",
    "principal_totals",
    "project_totals",
    "review_answers",
    "reviewers",
    "reviews",
    "roles",
    "sessions",
    "sign_in_links",
    "spot_swaps",
    "store_identity",
    "tokens",
    "trail_entries",
    "trail_pending",
    "trail_seals",
    "trust_rules",
    "unfinished_uploads",
    "used_identity_tokens",
    "workers",
]
"""Declared elsewhere; all below is public, too."""

projects = Table(
    "projects",
    metadata,
    Column("name", NAME, primary_key=True),
    created(),
    Column("served_time", TIME, comment="when a shard of it was last claimed: fairness"),
    counter("expired_shards"),
    *(kept_days(kind) for kind in Kept),
)

requests = Table(
    "requests",
    metadata,
    Column("project", NAME, ForeignKey("projects.name", ondelete="CASCADE"), nullable=False),
    Column("request_id", NAME, nullable=False),
    Column("method", Text, nullable=False),
    Column("body_digest", Text, nullable=False),
    Column("answer", Text, nullable=False),
    created(),
    PrimaryKeyConstraint("project", "request_id"),
    Index(None, "create_time"),
)

models = Table(
    "models",
    metadata,
    Column("name", NAME, primary_key=True),
    Column("project", NAME, ForeignKey("projects.name"), nullable=False),
    created(),
    Column("last_number", Integer, nullable=False, server_default=text("0"), comment="numbers are never used twice"),
    Index(None, "project", "name"),
)

model_versions = Table(
    "model_versions",
    metadata,
    Column("name", NAME, primary_key=True),
    Column("model", NAME, ForeignKey("models.name", ondelete="CASCADE"), nullable=False),
    Column("project", NAME, ForeignKey("projects.name"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("digest", NAME, nullable=False),
    Column("source", JSONB, nullable=False),
    Column("artifact_digest", NAME, nullable=False, comment="of its weights or program; empty without"),
    Column("parts", ARRAY(Text), nullable=False, comment="versions that an ensemble or a wrapper is made of"),
    Column("input", JSONB),
    Column("class_labels", ARRAY(Text), nullable=False),
    Column("state", Text, nullable=False),
    created(),
    Column("check_time", TIME),
    Column("check_answer", JSONB),
    Column("reject_reason", Text, nullable=False, server_default=""),
    Column("reject_detail", Text, nullable=False, server_default=""),
    maker(),
    UniqueConstraint("model", "number"),
    UniqueConstraint("model", "digest"),
    one_of("state", VersionState),
    Index(None, "project", "artifact_digest"),
    Index(None, "parts", postgresql_using="gin"),
)

datasets = Table(
    "datasets",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", NAME, nullable=False, unique=True),
    Column("project", NAME, ForeignKey("projects.name"), nullable=False),
    Column("manifest_digest", NAME, nullable=False),
    Column("item_count", Integer, nullable=False),
    Column("labelled_count", Integer, nullable=False),
    Column("labels", ARRAY(Text), comment="the distinct ones, sorted; null where an earlier release made the data set"),
    created(),
    maker(),
    deleted("images"),
    Index(None, "project", "name"),
)

dataset_items = Table(
    "dataset_items",
    metadata,
    Column("dataset_id", BigInteger, ForeignKey("datasets.id", ondelete="CASCADE"), nullable=False),
    Column("item_index", Integer, nullable=False),
    Column("item", Text, nullable=False),
    Column("image_digest", NAME, nullable=False),
    Column("label", NAME, nullable=False),
    Column("boxes_digest", NAME, nullable=False),
    Column("mask_digest", NAME, nullable=False),
    PrimaryKeyConstraint("dataset_id", "item_index"),
    Index(None, "dataset_id", "item"),
    Index(None, "image_digest"),
    Index(None, "boxes_digest", postgresql_where=text("boxes_digest <> ''")),
    Index(None, "mask_digest", postgresql_where=text("mask_digest <> ''")),
)

ENDED = (AuditState.SUCCEEDED, AuditState.FAILED, AuditState.CANCELLED)

audits = Table(
    "audits",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", NAME, nullable=False, unique=True),
    Column("project", NAME, ForeignKey("projects.name"), nullable=False),
    Column("specification", JSONB, nullable=False),
    Column("dataset", NAME, nullable=False),
    Column("model_versions", ARRAY(Text), nullable=False),
    Column("answer_key", NAME, nullable=False),
    Column("item_count", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("stage", Text),
    Column("sequence", BigInteger, nullable=False),
    Column("principal", Text, nullable=False),
    created(),
    Column("start_time", TIME),
    Column("end_time", TIME),
    Column("images_done", Integer, nullable=False),
    Column("images_total", Integer, nullable=False),
    Column("images_failed", Integer, nullable=False),
    Column("passes_done", BigInteger, nullable=False, comment="of shards that were finished or given up"),
    counter("passes_told"),
    Column("passes_planned", BigInteger, nullable=False),
    counter("subset_count"),
    Column("subset_fraction_sum", Double, nullable=False, server_default=text("0")),
    Column("failure_reason", Text),
    Column("failure_detail", Text),
    Column("result_digest", NAME, nullable=False),
    Column("artifact_digests", ARRAY(Text), nullable=False, server_default=EMPTY_TEXTS),
    Column("reused_from", NAME, nullable=False),
    Column("parameters", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    counter("erased"),
    Column(
        "outcome",
        JSONB(none_as_null=True),
        comment="what the result says; null: none, or of an earlier release",
    ),
    deleted("findings"),
    deleted("report"),
    one_of("state", AuditState),
    one_of("stage", Stage),
    Index(None, "project", "id"),
    Index(None, "dataset"),
    Index(None, "model_versions", postgresql_using="gin"),
    Index(None, "artifact_digests", postgresql_using="gin"),
    Index(None, "reused_from"),
    Index("audits_answers_idx", "project", "answer_key", postgresql_where=text("state = 'SUCCEEDED'")),
    Index("audits_unended_idx", "project", "state", postgresql_where=text("state IN ('QUEUED', 'RUNNING')")),
)

audit_items = Table(
    "audit_items",
    metadata,
    Column("audit_id", BigInteger, ForeignKey("audits.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("item_index", Integer, nullable=False, comment="index of the item in the data set"),
    PrimaryKeyConstraint("audit_id", "position"),
)

# No foreign keys: a shard of an audit or a version that is gone is swept by the expiry, so that a deletion waits for
# no worker. `lease_until` is set while a worker holds it.
shards = Table(
    "shards",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("project", NAME, nullable=False),
    Column("audit", NAME, nullable=False, comment="the audit or the swap of a spot; empty for the check of a version"),
    Column("stage", Text, nullable=False),
    Column("model_version", NAME, nullable=False, comment="empty for SUMMARISE"),
    Column("search_index", Integer, nullable=False),
    Column("positions", ARRAY(Integer), nullable=False),
    Column("passes_planned", BigInteger, nullable=False),
    counter("passes_done"),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("deaths", Integer, nullable=False, server_default=text("0")),
    Column("worker", Text, nullable=False, server_default=""),
    Column("lease_until", TIME),
    Column("not_before", TIME, nullable=False, server_default=func.now()),
    Column("away_since", TIME, comment="since when it waits for what is away"),
    Column("away_reason", Text, nullable=False, server_default="", comment="what is away, in words for people"),
    Column("request_id", Text, nullable=False, server_default="", comment="of the call that it was queued for"),
    Column("traceparent", Text, nullable=False, server_default="", comment="place of that call in a trace"),
    created(),
    one_of("stage", Stage),
    Index("shards_queued_idx", "project", "id", postgresql_where=text("lease_until IS NULL")),
    Index("shards_held_idx", "project", "lease_until", postgresql_where=text("lease_until IS NOT NULL")),
    Index(None, "audit", "stage"),
    Index("shards_running_idx", "audit", postgresql_where=text("lease_until IS NOT NULL")),
    Index("shards_check_key", "model_version", unique=True, postgresql_where=text("stage = 'CHECK'")),
)

findings = Table(
    "findings",
    metadata,
    Column("audit_id", BigInteger, nullable=False),
    Column("version_index", SmallInteger, nullable=False, comment="place of the version in the specification"),
    Column("search_index", SmallInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("item", Text, nullable=False),
    Column("image_digest", NAME, nullable=False),
    Column("label", Integer),
    Column("predicted_class", Integer),
    Column("target_class", Integer),
    Column("eligible", Boolean, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("margin", Double, nullable=False),
    Column("baseline_confident", Boolean, nullable=False),
    Column("subset_mask", LargeBinary, comment="row-major, most significant bit first, 1 = kept"),
    Column("subset_height", Integer),
    Column("subset_width", Integer),
    Column("subset_size", Integer),
    Column("verified_confidence", Double, nullable=False),
    Column("budget_exhausted", Boolean, nullable=False),
    Column("saturated", Boolean, nullable=False),
    Column("reason", Text),
    Column("passes_forward", BigInteger, nullable=False),
    Column("passes_backward", BigInteger, nullable=False),
    Column("trace", JSONB(none_as_null=True)),
    Column("controls", JSONB, nullable=False),
    Column("more", JSONB, nullable=False, server_default=text("'{}'::jsonb"), comment="fields without a column"),
    PrimaryKeyConstraint("audit_id", "version_index", "search_index", "position"),
    ForeignKeyConstraint(["audit_id"], ["audits.id"], ondelete="CASCADE"),
    one_of("reason", FindingReason),
    CheckConstraint(
        "num_nulls(subset_mask, subset_height, subset_width, subset_size) IN (0, 4)",
        name="subset",
    ),
)

spots = Table(
    "spots",
    metadata,
    Column("audit_id", BigInteger, nullable=False),
    Column("version_index", SmallInteger, nullable=False, comment="place of the version in the specification"),
    Column("row_number", Integer, nullable=False, comment="0 for all classes together, otherwise the class and one"),
    Column("row", JSONB, nullable=False, comment="what was tested, pair by pair"),
    PrimaryKeyConstraint("audit_id", "version_index", "row_number"),
    ForeignKeyConstraint(["audit_id"], ["audits.id"], ondelete="CASCADE"),
)

spot_retests = Table(
    "spot_retests",
    metadata,
    Column("audit_id", BigInteger, nullable=False),
    Column("version_index", SmallInteger, nullable=False, comment="place of the version in the specification"),
    Column("chosen_by", SmallInteger, nullable=False, comment="place of the version whose places were tested"),
    Column("row_number", Integer, nullable=False, comment="0 for all classes together, otherwise the class and one"),
    Column("row", JSONB, nullable=False, comment="what was tested, pair by pair"),
    PrimaryKeyConstraint("audit_id", "version_index", "chosen_by", "row_number"),
    ForeignKeyConstraint(["audit_id"], ["audits.id"], ondelete="CASCADE"),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", NAME, nullable=False, unique=True),
    Column("project", NAME, ForeignKey("projects.name"), nullable=False),
    Column("audit", NAME, ForeignKey("audits.name"), nullable=False),
    Column("model_versions", ARRAY(Text), nullable=False),
    Column("outcome", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("rules", JSONB, nullable=False, comment="each rule with the check that decides it"),
    Column("result_digest", NAME, nullable=False),
    Column("policy_digest", NAME, nullable=False),
    Column("baseline", NAME, nullable=False, comment="the audit that it was compared with, or empty"),
    Column("baseline_digest", NAME, nullable=False),
    Column("document_digest", NAME, nullable=False),
    Column("artifact_digests", ARRAY(Text), nullable=False, comment="all of these digests"),
    Column("principal", Text, nullable=False),
    created(),
    one_of("outcome", OVERALL),
    Index(None, "project", "id"),
    Index(None, "audit"),
    Index(None, "model_versions", postgresql_using="gin"),
    Index(None, "artifact_digests", postgresql_using="gin"),
)

predictions = Table(
    "predictions",
    metadata,
    Column("audit_id", BigInteger, nullable=False),
    Column("version_index", SmallInteger, nullable=False, comment="place of the version in the specification"),
    Column(
        "position",
        Integer,
        nullable=False,
        comment="index of the item in the out-of-distribution data set, or position of the counterfactual's partner",
    ),
    Column("predicted_class", Integer),
    Column("reason", Text),
    Column(
        "search_index",
        SmallInteger,
        nullable=False,
        server_default=text("'-1'::integer"),
        comment="-1 for the out-of-distribution data set, -3 for the counterfactual one",
    ),
    Column("confidence", Double, comment="in the class that is predicted on the partner"),
    PrimaryKeyConstraint("audit_id", "version_index", "search_index", "position"),
    ForeignKeyConstraint(["audit_id"], ["audits.id"], ondelete="CASCADE"),
    one_of("reason", FindingReason),
    CheckConstraint("num_nulls(predicted_class, reason) = 1", name="answer"),
)
