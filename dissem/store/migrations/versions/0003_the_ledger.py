"""The ledger of engagement: why a count is missing, followers, posts that are not ours, sums; readers of reports"""

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
COPY = ("waiting", "sending", "sent", "refused", "held")


def upgrade() -> None:
    op.create_index("delivery_state_due", "delivery", ["state", "due"])
    op.add_column("engagement", sa.Column("missing", DOCUMENT, nullable=True))
    op.add_column("engagement", sa.Column("fell", TEXT, nullable=True))
    op.add_column("engagementday", sa.Column("closed", sa.Boolean(), nullable=False, server_default=sa.false()))
    _what_is_told()
    _reading()
    _account_day()
    _foreign_post()
    _report_copy()
    _roll_ups()
    _indexes_of_the_report()
    _full_queue()


def _what_is_told() -> None:
    """Indexes for what the report tells beside the counts."""
    for name, table, column, filled in (
        ("engagement_missing", "engagement", "at", "missing"),
        ("publication_gone", "publication", "gone", "gone"),
    ):
        some = sa.text(f"{filled} IS NOT NULL")
        op.create_index(name, table, [column], sqlite_where=some, postgresql_where=some)


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


def _report_copy() -> None:
    op.create_table(
        "report_copy",
        sa.Column(
            "state",
            sa.Enum(*COPY, name="copystate", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("reason", DOCUMENT, nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("period", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("recipient", TEXT, nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("made", MOMENT, nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("doubts", sa.Integer(), nullable=False),
        sa.Column("message_id", TEXT, nullable=False),
        sa.Column("sent", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("period", "recipient", name="one_copy_a_reader"),
    )


def _roll_ups() -> None:
    op.create_table(
        "engagementperiod",
        *_counts(),
        sa.Column("period", TEXT, nullable=False),
        sa.Column("channel_id", sa.Integer(), nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        *(
            sa.Column(name, sa.Integer(), nullable=False)
            for name in ("samples", "publications", "late", "fallen", "due", "ended")
        ),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"]),
        sa.PrimaryKeyConstraint("period", "channel_id", "kind"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "releaseperiod",
        *_counts(),
        sa.Column("release_id", sa.Integer(), nullable=False),
        sa.Column("period", TEXT, nullable=False),
        sa.Column("rated", sa.BigInteger(), nullable=False),
        sa.Column("rated_views", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["release_id"], ["release.id"]),
        sa.PrimaryKeyConstraint("release_id", "period"),
        sqlite_with_rowid=False,
    )
    op.create_index("releaseperiod_period", "releaseperiod", ["period"])
    op.create_table(
        "engagementhour",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("interactions", sa.BigInteger(), nullable=False),
        sa.Column("readings", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "hour"),
        sqlite_with_rowid=False,
    )


def _counts() -> list[sa.Column[int]]:
    names = ("views", "reach", "likes", "comments", "shares", "saves", "clicks", "watch_seconds")
    return [sa.Column(name, sa.BigInteger(), nullable=True) for name in names]


def _indexes_of_the_report() -> None:
    op.drop_index("ix_delivery_published", "delivery")
    for name, table, columns, some in (
        ("delivery_published", "delivery", ["published", "release_id"], "published IS NOT NULL"),
        ("attempt_lost", "attempt", ["started"], "outcome IN ('uncertain', 'lease over')"),
        ("publication_over", "publication", ["published"], "coalesce(removed, gone) IS NOT NULL"),
    ):
        op.create_index(name, table, columns, sqlite_where=sa.text(some), postgresql_where=sa.text(some))
    op.create_index(
        "engagementday_closed",
        "engagementday",
        ["day"],
        sqlite_where=sa.text("closed = 1"),
        postgresql_where=sa.text("closed"),
    )


def _full_queue() -> None:
    """Tell SQLite that the queue is long. Nobody gathers statistics there, and without them it takes `state = ?` for
    rare: it would read all that waits, a million rows, instead of the few that a partial index begins with."""
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    connection.execute(sa.text("ANALYZE sqlite_schema"))  # makes the table of statistics and gathers none
    told = [{"index": name, "figures": figures} for name, figures in _FIGURES.items()]
    connection.execute(sa.text("DELETE FROM sqlite_stat1 WHERE tbl = 'delivery'"))
    connection.execute(sa.text("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('delivery', :index, :figures)"), told)
    connection.execute(sa.text("ANALYZE sqlite_schema"))  # this connection goes by them at once


# Rows of each index, then rows alike in its first column, in its first two, and so on.
_FIGURES = {
    "delivery_state_since": "1000000 1000000 1",
    "delivery_state_due": "1000000 1000000 1",
    "ix_delivery_channel_id": "1000000 2000",
    "delivery_next": "1000000 1",
    "delivery_until": "1000000 1",
    "delivery_ready": "1000000 2000 2000 1 1",
    "delivery_unready": "1000 1",
    "delivery_urgent": "1000 1",
    "delivery_doubtful": "1000 1",
    "delivery_leased": "1000 1",
    "lane": "100 1",
}
