"""What limits a meter, and what people decided about steps of its register."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add two columns to the meters, and a table of answers."""
    op.add_column("meters", sa.Column("power_max", sa.Float()))
    op.add_column("meters", sa.Column("width", sa.Float()))
    op.create_table(
        "answers",
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("quantity", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("said", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("device", "quantity", "channel", "at", "said", name="pk_answers"),
        sa.ForeignKeyConstraint(
            ["device"], ["devices.id"], name="fk_answers_device", ondelete="RESTRICT"
        ),
    )


def downgrade() -> None:
    """Take them away, with what is in them."""
    op.drop_table("answers")
    with op.batch_alter_table("meters") as meters:
        meters.drop_column("width")
        meters.drop_column("power_max")
