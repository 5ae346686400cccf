"""Why a count is missing, days whose samples are gone, followers, how reading goes, posts that are not ours"""

import sqlalchemy as sa
import sqlmodel
import sqlmodel.sql.sqltypes
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


DOCUMENT = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
MOMENT = sqlmodel.sql.sqltypes.UTCDateTime()
TEXT = sqlmodel.sql.sqltypes.AutoString()


def upgrade() -> None:
    op.add_column("engagement", sa.Column("missing", DOCUMENT, nullable=True))
    op.add_column("engagement", sa.Column("fell", TEXT, nullable=True))
    op.add_column("engagementday", sa.Column("closed", sa.Boolean(), nullable=False, server_default=sa.false()))
    _reading()
    _account_day()
    _foreign_post()


def _reading() -> None:
    op.create_table(
        "reading",
        sa.Column("channel_id", sa.Integer(), nullable=False),
        sa.Column("read", MOMENT, nullable=True),
        sa.Column("failing", MOMENT, nullable=True),
        sa.Column("reason", DOCUMENT, nullable=True),
        sa.Column("free_at", MOMENT, nullable=True),
        sa.Column("watched", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"]),
        sa.PrimaryKeyConstraint("channel_id"),
    )


def _account_day() -> None:
    op.create_table(
        "accountday",
        sa.Column("channel_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("followers", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"]),
        sa.PrimaryKeyConstraint("channel_id", "day"),
    )


def _foreign_post() -> None:
    op.create_table(
        "foreign_post",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("channel_id", sa.Integer(), nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("remote_id", TEXT, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("url", TEXT, nullable=True),
        sa.Column("text", TEXT, nullable=False),
        sa.Column("seen", MOMENT, nullable=False),
        sa.Column("known", MOMENT, nullable=True),
        sa.Column("known_by", TEXT, nullable=True),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("channel_id", "account", "remote_id", name="one_notice_a_post"),
    )
    some = sa.text("known IS NULL")
    op.create_index("foreign_post_open", "foreign_post", ["channel_id"], sqlite_where=some, postgresql_where=some)
