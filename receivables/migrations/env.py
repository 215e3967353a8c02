"""Run by Alembic: migrates over the connection that `receivables.migrations.configuration` was given."""

from __future__ import annotations

from alembic import context

from receivables.tables_sql import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True)
context.run_migrations()
