"""The chain of the audit trail; several readers."""

import sqlalchemy as sa
from alembic import op

from ctworkbench.core.audit_chain import GENESIS, link

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_AUDIT = sa.table(
    "audit",
    sa.column("id", sa.Integer()),
    sa.column("time", sa.DateTime()),
    sa.column("author", sa.String()),
    sa.column("action", sa.String()),
    sa.column("subject", sa.String()),
    sa.column("details", sa.JSON()),
    sa.column("scan_id", sa.Integer()),
    sa.column("rows", sa.JSON()),
    sa.column("previous_hash", sa.String()),
    sa.column("hash", sa.String()),
)


def upgrade() -> None:
    """Bring an older study to this schema."""

    op.create_table(
        "reader",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("author", sa.String(length=100), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "assignment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("scan_id", sa.Integer(), nullable=False),
        sa.Column("reader", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("blinded", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("author", sa.String(length=100), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["scan_id"], ["scan.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("assignment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_assignment_scan_id"), ["scan_id"], unique=False)
    op.create_table(
        "overlap",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("annotation_id", sa.Integer(), nullable=False),
        sa.Column("other_id", sa.Integer(), nullable=False),
        sa.Column("voxel_mm3", sa.Double(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("code_version", sa.String(length=32), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["annotation_id"], ["annotation.id"]),
        sa.ForeignKeyConstraint(["other_id"], ["annotation.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("annotation_id", "other_id"),
    )
    with op.batch_alter_table("overlap", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_overlap_annotation_id"), ["annotation_id"], unique=False)
    op.create_table(
        "study_setting",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("author", sa.String(length=100), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("study_setting", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_study_setting_name"), ["name"], unique=False)

    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.add_column(sa.Column("scan_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("rows", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("previous_hash", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("hash", sa.String(length=64), nullable=True))
    _chain()
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.alter_column("rows", existing_type=sa.JSON(), nullable=False)
        batch_op.alter_column("previous_hash", existing_type=sa.String(length=64), nullable=False)
        batch_op.alter_column("hash", existing_type=sa.String(length=64), nullable=False)
        batch_op.create_index(batch_op.f("ix_audit_scan_id"), ["scan_id"], unique=False)


def _chain() -> None:
    """Give the entries that are there their scan and their place in the chain, in the order of their numbers."""
    connection = op.get_bind()
    scan_of: dict[str, int | None] = {}
    for table in ("annotation", "job", "scan"):
        scan = "id" if table == "scan" else "scan_id"
        for number, scan_id in connection.execute(sa.text(f"SELECT id, {scan} FROM {table}")):
            scan_of[number if table == "job" else f"{table} {number}"] = scan_id
    previous = GENESIS
    for row in connection.execute(sa.select(_AUDIT).order_by(_AUDIT.c.id)).mappings().all():
        filled = {**row, "scan_id": scan_of.get(row["subject"]), "rows": {}, "previous_hash": previous}
        filled["hash"] = previous = link(filled)
        news = {name: filled[name] for name in ("scan_id", "rows", "previous_hash", "hash")}
        connection.execute(sa.update(_AUDIT).where(_AUDIT.c.id == row["id"]).values(news))
