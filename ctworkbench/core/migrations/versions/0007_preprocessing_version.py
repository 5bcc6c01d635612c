"""Which way of preprocessing made the images and masks of a scan: an older one equalized them in another way."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring an older study to this schema."""

    with op.batch_alter_table("preprocessing") as table:
        table.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
