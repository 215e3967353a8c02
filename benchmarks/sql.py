"""The reference features in DuckDB, twice: RANGE window frames over a union of events, prefix sums with ASOF joins."""

from __future__ import annotations

from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.reference import LOOKED_UP, NAMES
from benchmarks.synthetic import OPEN, Columns
from features.expression import Floats

THREADS: Final = 2


def connect(columns: Columns) -> duckdb.DuckDBPyConnection:
    """A database in memory with the table `invoices`; `row` is the position in `columns`, `settled` null while open."""
    connection = duckdb.connect()
    connection.execute(f"SET threads = {THREADS}")
    connection.execute("SET preserve_insertion_order = false")
    frame = pa.table(
        {
            "row": np.arange(len(columns)),
            "customer": columns.customer,
            "issued": columns.issued.astype(np.int32),
            "due": columns.due.astype(np.int32),
            "amount": columns.amount,
            "settled": pa.array(columns.settled.astype(np.int32), mask=columns.settled == OPEN),
        }
    )
    connection.register("frame", frame)
    connection.execute("CREATE TABLE invoices AS SELECT * FROM frame")
    connection.unregister("frame")
    return connection


def answer(connection: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    """The query's result in memory."""
    return connection.sql(query).to_arrow_table()


def matrix(table: pa.Table) -> Floats:
    """The result as rows x `reference.NAMES` in the order of `row`."""
    order = np.argsort(table["row"].to_numpy())
    columns = [table[name].cast(pa.float64()).to_numpy()[order] for name in NAMES]
    return np.column_stack(columns)


#: Settled invoices in the order of settlement, with what the newest of them tells.
_SETTLEMENTS: Final = """
settlements AS (
    SELECT *, settled - due AS late,
        row_number() OVER newest AS nth,
        CASE WHEN row_number() OVER newest >= 3
             THEN sum(settled - due) OVER (newest ROWS 2 PRECEDING) END AS last_three
    FROM invoices WHERE settled IS NOT NULL
    WINDOW newest AS (PARTITION BY customer ORDER BY settled, issued, row)
)"""

#: An invoice is an event when it is issued, falls due, is settled, and is over once both due and settled.
RANGE: Final = f"""
WITH {_SETTLEMENTS},
events AS (
    SELECT customer, issued AS day, row, amount AS i_amount, NULL AS s_late, NULL AS s_amount, NULL AS s_to_pay,
        NULL AS nth, NULL AS last_three, NULL AS o_due, NULL AS o_amount, NULL AS c_due, NULL AS c_amount FROM invoices
    UNION ALL BY NAME
    SELECT customer, settled AS day, late AS s_late, amount AS s_amount, settled - issued AS s_to_pay, nth, last_three
    FROM settlements
    UNION ALL BY NAME
    SELECT customer, due AS day, due AS o_due, amount AS o_amount FROM invoices
    UNION ALL BY NAME
    SELECT customer, greatest(due, settled) AS day, due AS c_due, amount AS c_amount FROM settlements
),
windows AS (
    SELECT row, day,
        count(s_late) OVER year AS n_settled_365d,
        count(s_late) OVER ever AS n_settled,
        arg_max(s_late, nth) OVER ever AS last_days_late,
        arg_max(last_three, nth) OVER ever / 3 AS mean_days_late_last_3,
        max(CASE WHEN s_late IS NOT NULL THEN day END) OVER ever AS last_settled,
        max(CASE WHEN i_amount IS NOT NULL THEN day END) OVER ever AS last_issued,
        count(i_amount) OVER ever - count(s_late) OVER ever AS n_open,
        coalesce(sum(i_amount) OVER ever, 0) - coalesce(sum(s_amount) OVER ever, 0) AS open_minor,
        count(o_due) OVER ever - count(c_due) OVER ever AS n_overdue,
        coalesce(sum(o_amount) OVER ever, 0) - coalesce(sum(c_amount) OVER ever, 0) AS overdue_minor,
        coalesce(sum(o_due) OVER ever, 0) - coalesce(sum(c_due) OVER ever, 0) AS overdue_due,
        count(i_amount) OVER month AS invoices_30d,
        avg(s_late) OVER month AS mean_days_late_30d,
        avg(s_late) OVER quarter AS mean_days_late_90d,
        avg(s_late) OVER year AS mean_days_late_365d,
        sum(s_amount * s_late) OVER quarter / sum(s_amount) OVER quarter AS wadl_90d,
        sum(s_amount * s_late) OVER year / sum(s_amount) OVER year AS wadl_365d,
        CASE WHEN count(s_late) OVER year > 1 THEN stddev_pop(s_late) OVER year END AS days_late_std_365d,
        avg(CASE WHEN s_late > 0 THEN s_late END) OVER year AS avg_days_late_if_late_365d,
        sum(CASE WHEN s_late > 0 THEN s_amount WHEN s_late IS NOT NULL THEN 0 END) OVER year
            / sum(s_amount) OVER year AS late_ratio_amount_365d,
        avg(CASE WHEN s_late < 0 THEN 1 WHEN s_late IS NOT NULL THEN 0 END) OVER year AS early_pay_ratio_365d,
        avg(s_to_pay) OVER year AS mean_days_to_pay_365d,
        avg(i_amount) OVER year * 0.01 AS mean_invoice_amount_365d,
        coalesce(sum(i_amount) OVER quarter, 0) * (365.0 / 90) / sum(i_amount) OVER year AS sales_growth_90_365
    FROM events
    WINDOW month AS (PARTITION BY customer ORDER BY day RANGE BETWEEN 30 PRECEDING AND 1 PRECEDING),
        quarter AS (PARTITION BY customer ORDER BY day RANGE BETWEEN 90 PRECEDING AND 1 PRECEDING),
        year AS (PARTITION BY customer ORDER BY day RANGE BETWEEN 365 PRECEDING AND 1 PRECEDING),
        ever AS (PARTITION BY customer ORDER BY day RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
)
SELECT * EXCLUDE (day, last_settled, last_issued, open_minor, overdue_minor, overdue_due),
    day - last_settled AS days_since_payment,
    day - last_issued AS days_since_invoice,
    open_minor * 0.01 AS open_amount,
    overdue_minor * 0.01 AS overdue_amount,
    overdue_minor / nullif(open_minor, 0) AS overdue_ratio,
    day - overdue_due / nullif(n_overdue, 0) AS avg_open_days_late
FROM windows WHERE row IS NOT NULL
"""


_LOOK_UPS: Final = tuple((log, days) for log, windows in LOOKED_UP.items() for days in windows)


def _looked_up(log: str, days: int) -> str:
    """One ASOF join of a log of running sums, named <log><days>; one by one, so that what is sorted stays narrow."""
    compared = f"q.issued - {days} > {log}.day"
    return f"""{log}{days} AS (
    SELECT q.row, {log}.* FROM invoices AS q ASOF JOIN {log} ON q.customer = {log}.customer AND {compared}
)"""


def _within(log: str, days: int, column: str) -> str:
    """A running sum's growth over the last days."""
    return f"(coalesce({log}0.{column}, 0) - coalesce({log}{days}.{column}, 0))"


def _ever(log: str, column: str) -> str:
    return f"coalesce({log}0.{column}, 0)"


def _running(log: str, source: str, day: str, sums: dict[str, str], extra: str = "") -> str:
    """A log of running sums, one row for each customer and day; sums of BIGINT come as the slower HUGEINT."""
    daily = ", ".join(f"sum({expression})::BIGINT AS {name}" for name, expression in sums.items())
    cumulated = ", ".join(f"sum({name}) OVER days::BIGINT AS {name}" for name in sums)
    kept = f", {extra}" if extra else ""
    names = ", last_late, last_three" if extra else ""
    return f"""{log} AS (
    SELECT customer, day, {cumulated}{names} FROM (
        SELECT customer, {day} AS day, {daily}{kept} FROM {source} GROUP BY ALL)
    WINDOW days AS (PARTITION BY customer ORDER BY day ROWS UNBOUNDED PRECEDING)
)"""


def _ratio(log: str, days: int, part: str, whole: str) -> str:
    return f"{_within(log, days, part)} / nullif({_within(log, days, whole)}, 0)"


_SETTLED_SUMS: Final = {
    "n": "1",
    "late": "late",
    "square": "late * late",
    "amount": "amount",
    "amount_late": "amount * late",
    "late_n": "(late > 0)::INT",
    "late_days": "greatest(late, 0)",
    "late_amount": "amount * (late > 0)::INT",
    "early": "(late < 0)::INT",
    "to_pay": "settled - issued",
}
_YEAR_N, _YEAR_LATE, _YEAR_SQUARE = (_within("s", 365, name) for name in ("n", "late", "square"))
_OPEN_MINOR = f"({_ever('i', 'amount')} - {_ever('s', 'amount')})"
_OVERDUE_MINOR = f"({_ever('d', 'amount')} - {_ever('c', 'amount')})"
_N_OVERDUE = f"({_ever('d', 'n')} - {_ever('c', 'n')})"

ASOF: Final = f"""
WITH {_SETTLEMENTS},
{
    _running(
        "s",
        "settlements",
        "settled",
        _SETTLED_SUMS,
        "arg_max(late, nth) AS last_late, arg_max(coalesce(last_three, -1e9), nth) AS last_three",
    )
},
{_running("i", "invoices", "issued", {"n": "1", "amount": "amount"})},
{_running("d", "invoices", "due", {"n": "1", "amount": "amount", "due": "due"})},
{_running("c", "settlements", "greatest(due, settled)", {"n": "1", "amount": "amount", "due": "due"})},
{", ".join(_looked_up(log, days) for log, days in _LOOK_UPS)}
SELECT q.row,
    {_within("s", 365, "n")} AS n_settled_365d,
    {_ever("s", "n")} AS n_settled,
    s0.last_late AS last_days_late,
    q.issued - s0.day AS days_since_payment,
    {_ever("i", "n")} - {_ever("s", "n")} AS n_open,
    {_N_OVERDUE} AS n_overdue,
    {_within("i", 30, "n")} AS invoices_30d,
    q.issued - i0.day AS days_since_invoice,
    {_ratio("s", 30, "late", "n")} AS mean_days_late_30d,
    {_ratio("s", 90, "late", "n")} AS mean_days_late_90d,
    {_ratio("s", 365, "late", "n")} AS mean_days_late_365d,
    {_ratio("s", 90, "amount_late", "amount")} AS wadl_90d,
    {_ratio("s", 365, "amount_late", "amount")} AS wadl_365d,
    CASE WHEN {_YEAR_N} > 1
         THEN sqrt({_YEAR_N} * {_YEAR_SQUARE} - {_YEAR_LATE} * {_YEAR_LATE}) / {_YEAR_N} END AS days_late_std_365d,
    {_ratio("s", 365, "late_days", "late_n")} AS avg_days_late_if_late_365d,
    {_ratio("s", 365, "late_amount", "amount")} AS late_ratio_amount_365d,
    {_ratio("s", 365, "early", "n")} AS early_pay_ratio_365d,
    {_ratio("s", 365, "to_pay", "n")} AS mean_days_to_pay_365d,
    CASE WHEN s0.last_three > -1e9 THEN s0.last_three / 3 END AS mean_days_late_last_3,
    {_OPEN_MINOR} * 0.01 AS open_amount,
    {_OVERDUE_MINOR} * 0.01 AS overdue_amount,
    {_OVERDUE_MINOR} / nullif({_OPEN_MINOR}, 0) AS overdue_ratio,
    q.issued - ({_ever("d", "due")} - {_ever("c", "due")}) / nullif({_N_OVERDUE}, 0) AS avg_open_days_late,
    {_ratio("i", 365, "amount", "n")} * 0.01 AS mean_invoice_amount_365d,
    {_within("i", 90, "amount")} * (365.0 / 90) / nullif({_within("i", 365, "amount")}, 0) AS sales_growth_90_365
FROM invoices AS q
{" ".join(f"LEFT JOIN {log}{days} USING (row)" for log, days in _LOOK_UPS)}
"""
