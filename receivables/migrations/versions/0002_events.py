"""Events with their conflicts, the customers that a batch changed, and merged customers."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# what receivables.tables_sql.Moment and Bytewise are in each database, frozen here
MOMENT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _key(primary_key: bool) -> list[sa.Column]:
    kinds = {"fiscal_year": sa.BigInteger(), "line": sa.BigInteger(), "version": sa.BigInteger()}
    names = ("source", "document_type", "document_number", "fiscal_year", "line", "version")
    return [
        sa.Column(name, kinds.get(name, BYTEWISE), primary_key=primary_key, nullable=False, autoincrement=False)
        for name in names
    ]


def _batch(name: str, **more: bool) -> sa.Column:
    key = sa.ForeignKey("load_batches.id", name=name)
    return sa.Column("batch_id", sa.BigInteger(), key, nullable=False, **more)


def upgrade() -> None:
    op.create_table(
        "events",
        *_key(primary_key=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("customer_id", BYTEWISE, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("known_at", MOMENT, nullable=False),
        sa.Column("waits_for", BYTEWISE, nullable=True),
        _batch("fk_events_batch"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_events_waits_for", "events", ["waits_for"])
    op.create_table(
        "event_conflicts",
        sa.Column("id", SERIAL, primary_key=True),
        *_key(primary_key=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("customer_id", BYTEWISE, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "batch_customers",
        _batch("fk_batch_customers_batch", primary_key=True, autoincrement=False),
        sa.Column("customer_id", BYTEWISE, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "customer_merges",
        sa.Column("merge_id", BYTEWISE, primary_key=True, autoincrement=False),
        sa.Column("customer_id", BYTEWISE, nullable=False),
        sa.Column("into_id", BYTEWISE, nullable=False),
        sa.Column("merged_on", sa.Date(), nullable=False),
        sa.Column("known_at", MOMENT, nullable=False),
        sa.Column("undone_at", MOMENT, nullable=True),
        _batch("fk_merges_batch"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for name in ("customer_merges", "batch_customers", "event_conflicts", "events"):
        op.drop_table(name)
