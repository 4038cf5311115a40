"""The first schema: the service's tables, and the default project."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision: str = "0001"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

TABLES = (
    "projects",
    "roles",
    "tokens",
    "requests",
    "artifacts",
    "models",
    "model_versions",
    "datasets",
    "dataset_items",
    "audits",
    "audit_items",
    "shards",
    "findings",
)


def upgrade() -> None:
    _projects()
    _roles()
    _tokens()
    _requests()
    _artifacts()
    _models()
    _model_versions()
    _datasets()
    _dataset_items()
    _audits()
    _audit_items()
    _shards()
    _findings()
    op.execute("INSERT INTO projects (name) VALUES ('projects/default')")


def downgrade() -> None:
    op.execute("DROP SCHEMA IF EXISTS procrastinate CASCADE")  # where an earlier release made it
    for table in reversed(TABLES):
        op.drop_table(table)


def _projects() -> None:
    op.create_table(
        "projects",
        sa.Column("name", sa.String(collation="C"), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "served_time",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when a shard of it was last claimed: fairness",
        ),
        sa.Column("expired_shards", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("name", name="projects_pkey"),
    )


def _roles() -> None:
    op.create_table(
        "roles",
        sa.Column("principal", sa.String(collation="C"), nullable=False),
        sa.Column("project", sa.String(collation="C"), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.CheckConstraint("role IN ('viewer', 'auditor', 'admin')", name=op.f("roles_role_check")),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name="roles_project_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("principal", "project", name="roles_pkey"),
    )
    op.create_index("roles_project_idx", "roles", ["project"])


def _tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column(
            "digest",
            sa.String(collation="C"),
            nullable=False,
            comment="SHA-256 of the token; the token itself is nowhere",
        ),
        sa.Column("principal", sa.String(collation="C"), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="tokens_pkey"),
    )
    op.create_index("tokens_principal_idx", "tokens", ["principal"])


def _requests() -> None:
    op.create_table(
        "requests",
        sa.Column("project", sa.String(collation="C"), nullable=False),
        sa.Column("request_id", sa.String(collation="C"), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("body_digest", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name="requests_project_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("project", "request_id", name="requests_pkey"),
    )


def _artifacts() -> None:
    op.create_table(
        "artifacts",
        sa.Column("project", sa.String(collation="C"), nullable=False),
        sa.Column("digest", sa.String(collation="C"), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("size_bytes >= 0", name=op.f("artifacts_size_bytes_check")),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name="artifacts_project_fkey"),
        sa.PrimaryKeyConstraint("project", "digest", name="artifacts_pkey"),
    )
    op.create_index("artifacts_digest_idx", "artifacts", ["digest"])


def _models() -> None:
    op.create_table(
        "models",
        sa.Column("name", sa.String(collation="C"), nullable=False),
        sa.Column("project", sa.String(collation="C"), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "last_number",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="numbers are never used twice",
        ),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name="models_project_fkey"),
        sa.PrimaryKeyConstraint("name", name="models_pkey"),
    )
    op.create_index("models_project_name_idx", "models", ["project", "name"])


def _model_versions() -> None:
    op.create_table(
        "model_versions",
        sa.Column("name", sa.String(collation="C"), nullable=False),
        sa.Column("model", sa.String(collation="C"), nullable=False),
        sa.Column("project", sa.String(collation="C"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(collation="C"), nullable=False),
        sa.Column("source", JSONB(), nullable=False),
        sa.Column(
            "artifact_digest",
            sa.String(collation="C"),
            nullable=False,
            comment="of its weights or program; empty without",
        ),
        sa.Column(
            "parts", ARRAY(sa.Text()), nullable=False, comment="versions that an ensemble or a wrapper is made of"
        ),
        sa.Column("input", JSONB(), nullable=True),
        sa.Column("class_labels", ARRAY(sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("check_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("check_answer", JSONB(), nullable=True),
        sa.Column("reject_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("reject_detail", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("state IN ('PENDING', 'READY', 'REJECTED')", name=op.f("model_versions_state_check")),
        sa.ForeignKeyConstraint(["model"], ["models.name"], name="model_versions_model_fkey", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name="model_versions_project_fkey"),
        sa.PrimaryKeyConstraint("name", name="model_versions_pkey"),
        sa.UniqueConstraint("model", "digest", name="model_versions_model_digest_key"),
        sa.UniqueConstraint("model", "number", name="model_versions_model_number_key"),
    )
    op.create_index("model_versions_parts_idx", "model_versions", ["parts"], postgresql_using="gin")
    op.create_index("model_versions_project_artifact_digest_idx", "model_versions", ["project", "artifact_digest"])


def _datasets() -> None:
    op.create_table(
        "datasets",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.String(collation="C"), nullable=False),
        sa.Column("project", sa.String(collation="C"), nullable=False),
        sa.Column("manifest_digest", sa.String(collation="C"), nullable=False),
        sa.Column("item_count", sa.Integer(), nullable=False),
        sa.Column("labelled_count", sa.Integer(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name="datasets_project_fkey"),
        sa.PrimaryKeyConstraint("id", name="datasets_pkey"),
        sa.UniqueConstraint("name", name="datasets_name_key"),
    )
    op.create_index("datasets_project_name_idx", "datasets", ["project", "name"])


def _dataset_items() -> None:
    op.create_table(
        "dataset_items",
        sa.Column("dataset_id", sa.BigInteger(), nullable=False),
        sa.Column("item_index", sa.Integer(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("image_digest", sa.String(collation="C"), nullable=False),
        sa.Column("label", sa.String(collation="C"), nullable=False),
        sa.Column("boxes_digest", sa.String(collation="C"), nullable=False),
        sa.Column("mask_digest", sa.String(collation="C"), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name="dataset_items_dataset_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("dataset_id", "item_index", name="dataset_items_pkey"),
    )
    op.create_index(
        "dataset_items_boxes_digest_idx",
        "dataset_items",
        ["boxes_digest"],
        postgresql_where=sa.text("boxes_digest <> ''"),
    )
    op.create_index("dataset_items_image_digest_idx", "dataset_items", ["image_digest"])
    op.create_index(
        "dataset_items_mask_digest_idx", "dataset_items", ["mask_digest"], postgresql_where=sa.text("mask_digest <> ''")
    )


def _audits() -> None:
    op.create_table(
        "audits",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.String(collation="C"), nullable=False),
        sa.Column("project", sa.String(collation="C"), nullable=False),
        sa.Column("specification", JSONB(), nullable=False),
        sa.Column("dataset", sa.String(collation="C"), nullable=False),
        sa.Column("model_versions", ARRAY(sa.Text()), nullable=False),
        sa.Column("answer_key", sa.String(collation="C"), nullable=False),
        sa.Column("item_count", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("images_done", sa.Integer(), nullable=False),
        sa.Column("images_total", sa.Integer(), nullable=False),
        sa.Column("images_failed", sa.Integer(), nullable=False),
        sa.Column("passes_done", sa.BigInteger(), nullable=False, comment="of shards that were finished or given up"),
        sa.Column("passes_told", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("passes_planned", sa.BigInteger(), nullable=False),
        sa.Column("subset_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("subset_fraction_sum", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("failure_detail", sa.Text(), nullable=True),
        sa.Column("result_digest", sa.String(collation="C"), nullable=False),
        sa.Column("artifact_digests", ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("reused_from", sa.String(collation="C"), nullable=False),
        sa.Column("parameters", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.CheckConstraint("stage IN ('CHECK', 'SEARCH', 'SCORE', 'SUMMARISE')", name=op.f("audits_stage_check")),
        sa.CheckConstraint(
            "state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED')", name=op.f("audits_state_check")
        ),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name="audits_project_fkey"),
        sa.PrimaryKeyConstraint("id", name="audits_pkey"),
        sa.UniqueConstraint("name", name="audits_name_key"),
    )
    op.create_index(
        "audits_answers_idx", "audits", ["project", "answer_key"], postgresql_where=sa.text("state = 'SUCCEEDED'")
    )
    op.create_index("audits_artifact_digests_idx", "audits", ["artifact_digests"], postgresql_using="gin")
    op.create_index("audits_dataset_idx", "audits", ["dataset"])
    op.create_index("audits_model_versions_idx", "audits", ["model_versions"], postgresql_using="gin")
    op.create_index("audits_project_id_idx", "audits", ["project", "id"])
    op.create_index(
        "audits_unended_idx", "audits", ["project", "state"], postgresql_where=sa.text("state IN ('QUEUED', 'RUNNING')")
    )


def _audit_items() -> None:
    op.create_table(
        "audit_items",
        sa.Column("audit_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("item_index", sa.Integer(), nullable=False, comment="index of the item in the data set"),
        sa.ForeignKeyConstraint(["audit_id"], ["audits.id"], name="audit_items_audit_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("audit_id", "position", name="audit_items_pkey"),
    )


def _shards() -> None:
    op.create_table(
        "shards",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("project", sa.String(collation="C"), nullable=False),
        sa.Column("audit", sa.String(collation="C"), nullable=False, comment="empty for the check of a version"),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("model_version", sa.String(collation="C"), nullable=False, comment="empty for SUMMARISE"),
        sa.Column("search_index", sa.Integer(), nullable=False),
        sa.Column("positions", ARRAY(sa.Integer()), nullable=False),
        sa.Column("passes_planned", sa.BigInteger(), nullable=False),
        sa.Column("passes_done", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("deaths", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("worker", sa.Text(), server_default="", nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("stage IN ('CHECK', 'SEARCH', 'SCORE', 'SUMMARISE')", name=op.f("shards_stage_check")),
        sa.PrimaryKeyConstraint("id", name="shards_pkey"),
    )
    op.create_index("shards_audit_stage_idx", "shards", ["audit", "stage"])
    op.create_index("shards_running_idx", "shards", ["audit"], postgresql_where=sa.text("lease_until IS NOT NULL"))
    op.create_index(
        "shards_check_key", "shards", ["model_version"], unique=True, postgresql_where=sa.text("stage = 'CHECK'")
    )
    op.create_index(
        "shards_held_idx", "shards", ["project", "lease_until"], postgresql_where=sa.text("lease_until IS NOT NULL")
    )
    op.create_index("shards_queued_idx", "shards", ["project", "id"], postgresql_where=sa.text("lease_until IS NULL"))


def _findings() -> None:
    op.create_table(
        "findings",
        sa.Column("audit_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "version_index", sa.SmallInteger(), nullable=False, comment="place of the version in the specification"
        ),
        sa.Column("search_index", sa.SmallInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("image_digest", sa.String(collation="C"), nullable=False),
        sa.Column("label", sa.Integer(), nullable=True),
        sa.Column("predicted_class", sa.Integer(), nullable=True),
        sa.Column("target_class", sa.Integer(), nullable=True),
        sa.Column("eligible", sa.Boolean(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("margin", sa.Double(), nullable=False),
        sa.Column("baseline_confident", sa.Boolean(), nullable=False),
        sa.Column(
            "subset_mask", sa.LargeBinary(), nullable=True, comment="row-major, most significant bit first, 1 = kept"
        ),
        sa.Column("subset_height", sa.Integer(), nullable=True),
        sa.Column("subset_width", sa.Integer(), nullable=True),
        sa.Column("subset_size", sa.Integer(), nullable=True),
        sa.Column("verified_confidence", sa.Double(), nullable=False),
        sa.Column("budget_exhausted", sa.Boolean(), nullable=False),
        sa.Column("saturated", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("passes_forward", sa.BigInteger(), nullable=False),
        sa.Column("passes_backward", sa.BigInteger(), nullable=False),
        sa.Column("trace", JSONB(), nullable=True),
        sa.Column("controls", JSONB(), nullable=False),
        sa.CheckConstraint(
            "reason IN ('NOT_ELIGIBLE', 'NOT_FOUND', 'IMAGE_UNREADABLE', "
            "'IMAGE_TOO_LARGE', 'NOT_FINITE', 'MODEL_DIED', 'FILL_UNAVAILABLE', 'STOPPED', 'INTERNAL')",
            name=op.f("findings_reason_check"),
        ),
        sa.CheckConstraint(
            "num_nulls(subset_mask, subset_height, subset_width, subset_size) IN (0, 4)",
            name=op.f("findings_subset_check"),
        ),
        sa.ForeignKeyConstraint(["audit_id"], ["audits.id"], name="findings_audit_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("audit_id", "version_index", "search_index", "position", name="findings_pkey"),
    )
