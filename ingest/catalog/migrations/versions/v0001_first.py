"""The first layout: tenants, sites, devices, meters, series."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "tenants",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tenants"),
    )
    op.create_table(
        "sites",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("district", sa.String(), nullable=False),
        sa.Column("sector", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("latitude", sa.Float()),
        sa.Column("longitude", sa.Float()),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("area_m2", sa.Float()),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sites"),
        sa.ForeignKeyConstraint(
            ["tenant"], ["tenants.id"], name="fk_sites_tenant", ondelete="RESTRICT"
        ),
    )
    op.create_table(
        "devices",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("site", sa.String()),
        sa.Column("tenant", sa.String()),
        sa.Column("note", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_devices"),
        sa.ForeignKeyConstraint(
            ["site"], ["sites.id"], name="fk_devices_site", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["tenant"], ["tenants.id"], name="fk_devices_tenant", ondelete="RESTRICT"
        ),
    )
    op.create_index("ix_devices_site", "devices", ["site"])
    op.create_table(
        "meters",
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("quantity", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("installed", sa.BigInteger(), nullable=False),
        sa.Column("removed", sa.BigInteger()),
        sa.Column("serial", sa.String(), nullable=False),
        sa.Column("medium", sa.String(), nullable=False),
        sa.Column("multiplier", sa.Float(), nullable=False),
        sa.Column("first_register", sa.Float()),
        sa.Column("last_register", sa.Float()),
        sa.PrimaryKeyConstraint("device", "quantity", "channel", "installed", name="pk_meters"),
        sa.ForeignKeyConstraint(
            ["device"], ["devices.id"], name="fk_meters_device", ondelete="RESTRICT"
        ),
    )
    op.create_table(
        "series",
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("quantity", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("lowest", sa.Float()),
        sa.Column("highest", sa.Float()),
        sa.PrimaryKeyConstraint("device", "quantity", "channel", name="pk_series"),
        sa.ForeignKeyConstraint(
            ["device"], ["devices.id"], name="fk_series_device", ondelete="RESTRICT"
        ),
    )


def downgrade() -> None:
    """Take the tables away, with what is in them."""
    for name in ("series", "meters", "devices", "sites", "tenants"):
        op.drop_table(name)
