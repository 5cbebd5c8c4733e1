"""Which station feeds a device."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add a column to the devices."""
    op.add_column("devices", sa.Column("feeder", sa.String()))


def downgrade() -> None:
    """Take it away, with what is in it."""
    with op.batch_alter_table("devices") as devices:
        devices.drop_column("feeder")
