"""The canonical ledger tables, and the batches that loaded them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# what receivables.tables_sql.Moment and Bytewise are in each database, frozen here
MOMENT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "load_batches",
        sa.Column("id", SERIAL, primary_key=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("loaded_at", MOMENT, nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "allocations",
        sa.Column("payment_id", BYTEWISE, primary_key=True, autoincrement=False),
        sa.Column("invoice_id", BYTEWISE, primary_key=True, autoincrement=False),
        sa.Column("line", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", BYTEWISE, nullable=False),
        sa.Column("cleared_on", sa.Date(), nullable=False),
        sa.Column("known_at", MOMENT, nullable=False),
        sa.Column(
            "batch_id", sa.BigInteger(), sa.ForeignKey("load_batches.id", name="fk_allocations_batch"), nullable=False
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_allocations_invoice_id", "allocations", ["invoice_id"])
    op.create_table(
        "credit_notes",
        sa.Column("credit_note_id", BYTEWISE, primary_key=True, autoincrement=False),
        sa.Column("customer_id", BYTEWISE, nullable=False),
        sa.Column("invoice_id", BYTEWISE, nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", BYTEWISE, nullable=False),
        sa.Column("credited_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("known_at", MOMENT, nullable=False),
        sa.Column(
            "batch_id", sa.BigInteger(), sa.ForeignKey("load_batches.id", name="fk_credit_notes_batch"), nullable=False
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_credit_notes_customer_id", "credit_notes", ["customer_id"])
    op.create_index("ix_credit_notes_invoice_id", "credit_notes", ["invoice_id"])
    op.create_table(
        "customers",
        sa.Column("customer_id", BYTEWISE, primary_key=True, autoincrement=False),
        sa.Column("parent_id", BYTEWISE, nullable=True),
        sa.Column("segment", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("industry", sa.Text(), nullable=True),
        sa.Column("legal_form", sa.Text(), nullable=True),
        sa.Column("customer_since", sa.Date(), nullable=True),
        sa.Column("known_at", MOMENT, nullable=False),
        sa.Column(
            "batch_id", sa.BigInteger(), sa.ForeignKey("load_batches.id", name="fk_customers_batch"), nullable=False
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "disputes",
        sa.Column("dispute_id", BYTEWISE, primary_key=True, autoincrement=False),
        sa.Column("customer_id", BYTEWISE, nullable=False),
        sa.Column("invoice_id", BYTEWISE, nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", BYTEWISE, nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("known_at", MOMENT, nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("closed_known_at", MOMENT, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column(
            "batch_id", sa.BigInteger(), sa.ForeignKey("load_batches.id", name="fk_disputes_batch"), nullable=False
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_disputes_customer_id", "disputes", ["customer_id"])
    op.create_index("ix_disputes_invoice_id", "disputes", ["invoice_id"])
    op.create_table(
        "dunnings",
        sa.Column("dunning_id", BYTEWISE, primary_key=True, autoincrement=False),
        sa.Column("customer_id", BYTEWISE, nullable=False),
        sa.Column("invoice_id", BYTEWISE, nullable=True),
        sa.Column("level", sa.BigInteger(), nullable=False),
        sa.Column("dunned_on", sa.Date(), nullable=False),
        sa.Column("known_at", MOMENT, nullable=False),
        sa.Column(
            "batch_id", sa.BigInteger(), sa.ForeignKey("load_batches.id", name="fk_dunnings_batch"), nullable=False
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_dunnings_customer_id", "dunnings", ["customer_id"])
    op.create_index("ix_dunnings_invoice_id", "dunnings", ["invoice_id"])
    op.create_table(
        "exchange_rates",
        sa.Column("currency", BYTEWISE, primary_key=True, autoincrement=False),
        sa.Column("base_currency", BYTEWISE, primary_key=True, autoincrement=False),
        sa.Column("rate_on", sa.Date(), primary_key=True, autoincrement=False),
        sa.Column("rate", sa.Text(), nullable=False),
        sa.Column("known_at", MOMENT, nullable=False),
        sa.Column(
            "batch_id",
            sa.BigInteger(),
            sa.ForeignKey("load_batches.id", name="fk_exchange_rates_batch"),
            nullable=False,
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "insolvencies",
        sa.Column("customer_id", BYTEWISE, primary_key=True, autoincrement=False),
        sa.Column("filed_on", sa.Date(), primary_key=True, autoincrement=False),
        sa.Column("known_at", MOMENT, nullable=False),
        sa.Column(
            "batch_id", sa.BigInteger(), sa.ForeignKey("load_batches.id", name="fk_insolvencies_batch"), nullable=False
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "invoices",
        sa.Column("invoice_id", BYTEWISE, primary_key=True, autoincrement=False),
        sa.Column("customer_id", BYTEWISE, nullable=False),
        sa.Column("company_code", sa.Text(), nullable=True),
        sa.Column("document_type", sa.Text(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", BYTEWISE, nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("net_days", sa.BigInteger(), nullable=False),
        sa.Column("terms_code", sa.Text(), nullable=True),
        sa.Column("known_at", MOMENT, nullable=False),
        sa.Column("observed_until", sa.Date(), nullable=False),
        sa.Column(
            "batch_id", sa.BigInteger(), sa.ForeignKey("load_batches.id", name="fk_invoices_batch"), nullable=False
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_invoices_customer_id", "invoices", ["customer_id"])
    op.create_table(
        "limit_changes",
        sa.Column("customer_id", BYTEWISE, primary_key=True, autoincrement=False),
        sa.Column("valid_from", sa.Date(), primary_key=True, autoincrement=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", BYTEWISE, nullable=False),
        sa.Column("known_at", MOMENT, nullable=False),
        sa.Column(
            "batch_id", sa.BigInteger(), sa.ForeignKey("load_batches.id", name="fk_limit_changes_batch"), nullable=False
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "payments",
        sa.Column("payment_id", BYTEWISE, primary_key=True, autoincrement=False),
        sa.Column("customer_id", BYTEWISE, nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", BYTEWISE, nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("known_at", MOMENT, nullable=False),
        sa.Column(
            "batch_id", sa.BigInteger(), sa.ForeignKey("load_batches.id", name="fk_payments_batch"), nullable=False
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_payments_customer_id", "payments", ["customer_id"])
    op.create_table(
        "promises",
        sa.Column("promise_id", BYTEWISE, primary_key=True, autoincrement=False),
        sa.Column("customer_id", BYTEWISE, nullable=False),
        sa.Column("invoice_id", BYTEWISE, nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", BYTEWISE, nullable=False),
        sa.Column("made_on", sa.Date(), nullable=False),
        sa.Column("promised_for", sa.Date(), nullable=False),
        sa.Column("known_at", MOMENT, nullable=False),
        sa.Column(
            "batch_id", sa.BigInteger(), sa.ForeignKey("load_batches.id", name="fk_promises_batch"), nullable=False
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_promises_customer_id", "promises", ["customer_id"])
    op.create_index("ix_promises_invoice_id", "promises", ["invoice_id"])
    op.create_table(
        "terms_changes",
        sa.Column("customer_id", BYTEWISE, primary_key=True, autoincrement=False),
        sa.Column("valid_from", sa.Date(), primary_key=True, autoincrement=False),
        sa.Column("net_days", sa.BigInteger(), nullable=False),
        sa.Column("known_at", MOMENT, nullable=False),
        sa.Column(
            "batch_id", sa.BigInteger(), sa.ForeignKey("load_batches.id", name="fk_terms_changes_batch"), nullable=False
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "write_offs",
        sa.Column("write_off_id", BYTEWISE, primary_key=True, autoincrement=False),
        sa.Column("customer_id", BYTEWISE, nullable=False),
        sa.Column("invoice_id", BYTEWISE, nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", BYTEWISE, nullable=False),
        sa.Column("written_off_on", sa.Date(), nullable=False),
        sa.Column("known_at", MOMENT, nullable=False),
        sa.Column(
            "batch_id", sa.BigInteger(), sa.ForeignKey("load_batches.id", name="fk_write_offs_batch"), nullable=False
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_write_offs_customer_id", "write_offs", ["customer_id"])
    op.create_index("ix_write_offs_invoice_id", "write_offs", ["invoice_id"])


def downgrade() -> None:
    for name in (
        "write_offs",
        "terms_changes",
        "promises",
        "payments",
        "limit_changes",
        "invoices",
        "insolvencies",
        "exchange_rates",
        "dunnings",
        "disputes",
        "customers",
        "credit_notes",
        "allocations",
        "load_batches",
    ):
        op.drop_table(name)
