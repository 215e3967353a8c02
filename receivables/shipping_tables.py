"""The tables of the shipped copy, and the statements that fill and read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from receivables import control_log, decision_log, decision_notes


@dataclass(frozen=True)
class Copied:
    """A table of the decision log's file and its copy: `columns` begin with `seq`, and name `record_sha256`."""

    name: str
    copy: str
    columns: tuple[str, ...]
    sqlite: str
    is_authority: bool = False

    @property
    def read(self) -> str:
        """Rows after a number, at most so many, from the log."""
        return f"SELECT {', '.join(self.columns)} FROM {self.name} WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608

    @property
    def digest(self) -> str:
        """The hash of one row of the log."""
        return f"SELECT record_sha256 FROM {self.name} WHERE seq = ?"  # noqa: S608

    @property
    def last(self) -> str:
        """Number and hash of a node's newest row in the copy."""
        return f"SELECT seq, record_sha256 FROM {self.copy} WHERE node = %s ORDER BY seq DESC LIMIT 1"  # noqa: S608

    @property
    def insert(self) -> str:
        """One row into the copy, unless it is there."""
        marks = ", ".join(["%s"] * (len(self.columns) + 1))
        return f"INSERT INTO {self.copy} (node, {', '.join(self.columns)}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608

    @property
    def fetched(self) -> str:
        """A node's rows of the copy, oldest first."""
        return f"SELECT {', '.join(self.columns)} FROM {self.copy} WHERE node = %s ORDER BY seq"  # noqa: S608

    @property
    def ddl(self) -> str:
        """Makes the copy."""
        kinds = {"seq": "BIGINT", "response": "BYTEA"}
        columns = ", ".join(f"{name} {kinds.get(name, 'TEXT')} NOT NULL" for name in self.columns)
        return f"CREATE TABLE IF NOT EXISTS {self.copy} (node TEXT NOT NULL, {columns}, PRIMARY KEY (node, seq));"


@dataclass(frozen=True)
class Authority:
    """Statements on the tables that say which node answered a request first."""

    ddl: str
    claim: str
    lost: str
    conflict: str


_CHAIN: Final = ("payload", "record_sha256", "previous_sha256")
COPIED: Final = (
    Copied(
        "decisions",
        "shipped_decisions",
        (
            "seq",
            "score_id",
            "request_id",
            "idempotency_key",
            "customer_id",
            "as_of",
            "input_sha256",
            "response",
            *_CHAIN,
        ),
        decision_log.TABLE,
        is_authority=True,
    ),
    Copied(
        "decision_notes",
        "shipped_notes",
        ("seq", "note_id", "request_id", "score_id", *_CHAIN),
        decision_notes.TABLE,
    ),
    Copied("control_acts", "shipped_acts", ("seq", "act_id", "kind", "subject", *_CHAIN), control_log.TABLE),
)
AUTHORITY: Final = Authority(
    ddl="""
CREATE TABLE IF NOT EXISTS shipped_requests (request_id TEXT PRIMARY KEY, node TEXT NOT NULL, seq BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS shipped_conflicts (request_id TEXT NOT NULL, node TEXT NOT NULL, seq BIGINT NOT NULL,
    first_node TEXT NOT NULL, first_seq BIGINT NOT NULL, found_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (request_id, node));
""",
    claim="INSERT INTO shipped_requests VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
    lost="SELECT request_id, node, seq FROM shipped_requests WHERE request_id = ANY(%s) AND node <> %s",
    conflict="INSERT INTO shipped_conflicts VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
)
DDL: Final = "\n".join([*(table.ddl for table in COPIED), AUTHORITY.ddl])
