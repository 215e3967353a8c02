"""Alembic migrations of the ledger store.

A new one is drafted by `alembic.command.revision(configuration(connection), message, autogenerate=True)`, then edited.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config


def configuration(connection: sa.Connection) -> Config:
    """Alembic's configuration for an open connection; its transaction is the caller's."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def upgrade(connection: sa.Connection) -> None:
    """Brings the database to the newest revision, within the caller's transaction."""
    command.upgrade(configuration(connection), "head")
