"""The reference features in Polars, twice: running sums looked up with join_asof, rolling windows over a union."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

from benchmarks.formulas import NEWEST, features_of, sums_of_logs
from benchmarks.reference import LOOKED_UP, NAMES
from benchmarks.synthetic import COLUMNS, OPEN, Columns
from features.expression import Floats

os.environ.setdefault("POLARS_MAX_THREADS", "2")  # read on import

import polars as pl


def frame_of(columns: Columns) -> pl.DataFrame:
    """The columns as a frame; `settled` is null while open."""
    frame = pl.DataFrame({name: getattr(columns, name) for name in COLUMNS})
    return frame.with_row_index("row").with_columns(settled=pl.col("settled").replace(OPEN, None))


def as_of(invoices: pl.DataFrame) -> pl.DataFrame:
    """cum_sum().over(customer) and join_asof(by=customer) in one lazy query."""
    joined = invoices.lazy().sort("customer", "issued")
    for name, (log, added) in _logs(invoices.lazy()).items():
        running = log.with_columns(pl.col(added).cum_sum().over("customer"))
        for days in LOOKED_UP[name]:
            joined = _as_of(joined, running, name, days)

    def at(log: str, days: int, name: str) -> pl.Expr:
        column = pl.col(f"{log}{days}_{name}")
        return column if name in NEWEST else column.fill_null(0)

    def within(log: str, days: int, name: str) -> pl.Expr:
        return at(log, 0, name) - at(log, days, name)

    answers = features_of(pl.col("issued"), lambda log, name: at(log, 0, name), within)
    return joined.select("row", **answers).collect()


def rolling(invoices: pl.DataFrame) -> pl.DataFrame:
    """rolling(closed="left") over a union of the logs, whatever has been summed."""
    logs = {name: _prefixed(log, name) for name, (log, _) in _logs(invoices.lazy()).items()}
    orders = invoices.lazy().select("customer", "row", day="issued")
    union = pl.concat([orders, *logs.values()], how="diagonal").sort("customer", "day", maintain_order=True)
    events = union.with_columns(pl.col("^._(day|last_.*)$").forward_fill().over("customer")).collect().lazy()
    windows = [_window(events, days, names) for days, names in _SUMMED.items()]
    before = pl.concat([events.select("row", "day"), *windows], how="horizontal")

    def within(log: str, days: int, name: str) -> pl.Expr:
        return pl.col(f"{log}{days}_{name}")

    answers = features_of(pl.col("day"), lambda log, name: within(log, _EVER, name), within)
    return before.filter(pl.col("row").is_not_null()).select("row", **answers).collect()


_EVER: Final = 100_000
#: Days of a window -> what the features need of it.
_SUMMED: Final = {
    30: ("s_n", "s_late", "i_n"),
    90: ("s_n", "s_late", "s_amount", "s_amount_late", "i_amount"),
    365: (
        *("s_n", "s_late", "s_square", "s_amount", "s_amount_late", "s_late_n", "s_late_days", "s_late_amount"),
        *("s_early", "s_to_pay", "i_n", "i_amount"),
    ),
    _EVER: (
        *("s_n", "s_amount", "s_day", "s_last_late", "s_last_three", "i_n", "i_amount", "i_day"),
        *("d_n", "d_amount", "d_due_days", "c_n", "c_amount", "c_due_days"),
    ),
}


def _window(events: pl.LazyFrame, days: int, names: tuple[str, ...]) -> pl.LazyFrame:
    values = {
        f"{name[0]}{days}{name[1:]}": pl.col(name).last() if name[2:] in NEWEST else pl.col(name).sum()
        for name in names
    }
    return events.rolling("day", period=f"{days}i", closed="left", group_by="customer").agg(**values).select(*values)


def _prefixed(log: pl.LazyFrame, name: str) -> pl.LazyFrame:
    named = log.with_columns(day_of=pl.col("day")).rename({"day_of": f"{name}_day"})
    kept = ("customer", "day", f"{name}_day")
    return named.rename({column: f"{name}_{column}" for column in log.collect_schema() if column not in kept})


def _logs(rows: pl.LazyFrame) -> dict[str, tuple[pl.LazyFrame, list[str]]]:
    """Each log by customer and day, and the names of what it adds up."""
    late = pl.col("settled") - pl.col("due")
    settled = (
        rows.filter(pl.col("settled").is_not_null())
        .sort("customer", "settled", "row")
        .with_columns(late=late, last_three=late.rolling_sum(3).over("customer"))
    )
    over, column = pl.max_horizontal("due", "settled"), _Columns()
    sums = sums_of_logs(column, column)
    newest = {"last_late": pl.col("late"), "last_three": pl.col("last_three")}
    return {
        "s": (_log(settled, pl.col("settled"), sums["s"] | newest), list(sums["s"])),
        "i": (_log(rows, pl.col("issued"), sums["i"]), list(sums["i"])),
        "d": (_log(rows, pl.col("due"), sums["d"]), list(sums["d"])),
        "c": (_log(settled, over, sums["c"]), list(sums["c"])),
    }


class _Columns(dict[str, Any]):
    """Columns by name, as expressions."""

    def __missing__(self, name: str) -> pl.Expr:
        return pl.col(name)


def _log(rows: pl.LazyFrame, day: pl.Expr, values: Mapping[str, Any]) -> pl.LazyFrame:
    return rows.select("customer", day=day, **values).sort("customer", "day", maintain_order=True)


def _as_of(orders: pl.LazyFrame, log: pl.LazyFrame, name: str, days: int) -> pl.LazyFrame:
    prefixed = log.rename({column: f"{name}{days}_{column}" for column in log.collect_schema() if column != "customer"})
    return orders.with_columns(asked=pl.col("issued") - (days + 1)).join_asof(
        prefixed, left_on="asked", right_on=f"{name}{days}_day", by="customer", coalesce=False, check_sortedness=False
    )


def matrix(answer: pl.DataFrame) -> Floats:
    """Rows x `reference.NAMES` in the order of the invoices."""
    numbers = answer.sort("row").select(pl.col(list(NAMES)).cast(pl.Float64).fill_null(float("nan")))
    return numbers.to_numpy()
