"""Parts for recipients, links between channels, shapes of pictures, prices"""

import sqlalchemy as sa
import sqlmodel
import sqlmodel.sql.sqltypes
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


DOCUMENT = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    _delivery()
    _part()
    _release()
    op.create_table(
        "suppression",
        sa.Column("channel_id", sa.Integer(), nullable=False),
        sa.Column("recipient", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("since", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("reason", DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"]),
        sa.PrimaryKeyConstraint("channel_id", "recipient"),
    )


def _delivery() -> None:
    op.add_column("delivery", sa.Column("independent", sa.Boolean(), nullable=False, server_default=sa.false()))
    for name in ("open_parts", "doubtful_parts", "public_parts"):
        op.add_column("delivery", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    op.execute("ALTER TABLE delivery ADD COLUMN follows INTEGER REFERENCES delivery (id)")
    op.drop_index("delivery_in_hand", "delivery")
    for name, column, which in (
        ("delivery_follows", "follows", "follows IS NOT NULL"),
        ("delivery_leased", "lease_until", "state IN ('preparing', 'publishing')"),
        ("delivery_doubtful", "next_at", "state IN ('processing', 'unknown')"),
        ("delivery_urgent", "next_at", "state = 'waiting' AND urgent"),
    ):
        some = sa.text(which)
        op.create_index(name, "delivery", [column], sqlite_where=some, postgresql_where=some)


def _part() -> None:
    op.add_column("part", sa.Column("price", sa.Float(), nullable=False, server_default="0"))
    op.add_column("part", sa.Column("next_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
    # in words: a checked column cannot be added to a table of SQLite otherwise
    op.execute(
        "ALTER TABLE part ADD COLUMN settled VARCHAR(20) "
        "CONSTRAINT settled CHECK (settled IN ('public', 'refused', 'unsure'))"
    )


def _release() -> None:
    op.execute("ALTER TABLE release ADD COLUMN link_from INTEGER REFERENCES channel (id)")
    op.execute(
        "ALTER TABLE release ADD COLUMN shape VARCHAR(20) DEFAULT 'pad' NOT NULL "
        "CONSTRAINT shape CHECK (shape IN ('pad', 'crop', 'refuse'))"
    )
