"""The canonical layout of an import: one file per ledger table, generated from the ledger's own schema."""

from __future__ import annotations

from typing import Final

from receivables.checks import CHECKS
from receivables.mapping import Field, TableMapping
from receivables.parsing import REASONS
from receivables.quarantine import ROW_REASONS
from receivables.schema import TABLES, Column, Kind, Table

#: What a column may stay blank for, or be left out for: what stands in.
_STAND_INS: Final[dict[tuple[str, str], tuple[Field, str]]] = {
    ("invoices", "net_days"): (Field(days_between=("issued_on", "due_on")), "days from issued_on to due_on"),
    ("invoices", "observed_until"): (Field(observed=True), "--observed-until, or the latest fact in the files"),
    ("allocations", "line"): (Field(constant="1"), "1"),
}
#: The business date at whose end a row without `known_at` counts as known.
_EVENT_DAY: Final = {
    "customers": "customer_since",
    "invoices": "issued_on",
    "payments": "paid_on",
    "allocations": "cleared_on",
    "credit_notes": "credited_on",
    "disputes": "opened_on",
    "promises": "made_on",
    "dunnings": "dunned_on",
    "limit_changes": "valid_from",
    "terms_changes": "valid_from",
    "write_offs": "written_off_on",
    "insolvencies": "filed_on",
    "exchange_rates": "rate_on",
}
_FORM: Final = {
    Kind.ID: "text, as given: `007` stays `007`",
    Kind.TEXT: "text",
    Kind.DATE: "day, `YYYY-MM-DD`",
    Kind.MOMENT: "RFC 3339 moment with offset, `2026-03-31T17:05:00+02:00`",
    Kind.MONEY: "plain decimal in the row's currency, `1234.56`",
    Kind.WHOLE: "whole number",
    Kind.CURRENCY: "ISO 4217 code",
    Kind.RATE: "plain decimal",
}


def file_column(column: Column) -> str:
    """The name of a ledger column in a file: money is a decimal there, not minor units."""
    return column.name.removesuffix("_minor") if column.kind is Kind.MONEY else column.name


def canonical_tables() -> dict[str, TableMapping]:
    """The mapping of every ledger table onto itself."""
    return {table.name: TableMapping({c.name: _field(table, c) for c in table.columns}) for table in TABLES}


def generic_reference() -> str:
    """The tables' section of docs/import.md, in Markdown."""
    return "\n".join(line for table in TABLES for line in _table_lines(table))


def reasons_reference() -> str:
    """The section of docs/import.md on why rows are refused, in Markdown."""
    rows = [(code, meaning) for code, meaning in (ROW_REASONS | REASONS).items()]
    rows += [(check.name, f"{check.meaning} (severity: `checks.{check.name}`)") for check in CHECKS]
    return "\n".join(["| reason | meaning |", "|---|---|", *(f"| `{code}` | {meaning} |" for code, meaning in rows)])


def _field(table: Table, column: Column) -> Field:
    source = file_column(column)
    given, _ = _stand_in(table, column)
    return Field(
        source=source,
        optional=column.nullable or given is not None,
        days_between=given.days_between if given else (),
        end_of=given.end_of if given else "",
        constant=given.constant if given else "",
        observed=given.observed if given else False,
    )


def _stand_in(table: Table, column: Column) -> tuple[Field | None, str]:
    if (table.name, column.name) in _STAND_INS:
        return _STAND_INS[table.name, column.name]
    if column.name == "known_at":
        day = _EVENT_DAY[table.name]
        return Field(end_of=day), f"the end of `{day}`, UTC"
    if column.name == "closed_known_at":
        return Field(end_of="closed_on"), "the end of `closed_on`, UTC"
    return None, ""


def _table_lines(table: Table) -> list[str]:
    key = ", ".join(f"`{name}`" for name in table.key)
    rows = [_column_line(table, column) for column in table.columns]
    return [f"### {table.name}", "", f"{table.meaning[0].upper()}{table.meaning[1:]}. Key: {key}.", "",
            "| column | form | meaning | if blank or absent |", "|---|---|---|---|", *rows, ""]  # fmt: skip


def _column_line(table: Table, column: Column) -> str:
    form = ", ".join(f"`{value}`" for value in column.values) or _FORM[column.kind]
    _, stand_in = _stand_in(table, column)
    otherwise = stand_in or ("unknown" if column.nullable else "refused")
    return f"| `{file_column(column)}` | {form} | {column.meaning} | {otherwise} |"
