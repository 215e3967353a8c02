"""The feature table: every behavioural feature there is, one entry each. Adding a feature is adding an entry.

The kernel's work list, the models' columns and monotone constraints, the reason texts, the drift columns and
docs/features.md come from here. Rates and windows rather than counts since ever: cumulative figures drift with time.
Formulas follow the receivables literature (Zeng et al. 2008, Hu 2015, Appel et al. 2019) and credit practice.
"""

from __future__ import annotations

import hashlib
from typing import Final

from features.expression import (
    EVER,
    Field,
    Given,
    Log,
    Node,
    Op,
    OrderDay,
    PriorRate,
    above,
    at_least,
    count,
    deviation,
    equal,
    first_index_of_largest,
    is_above,
    largest,
    latest,
    maximum,
    modulo,
    not_above,
    ratio,
    recent,
    shrunk,
    slope,
    total,
)
from features.external import site
from features.feature import BOTH, EITHER, LOWERS, ORDER, RAISES, SHOWN, Feature

#: Days past due at which the customer's payment curve is measured.
CURVE: Final = (-10, -5, -2, 0, 2, 5, 8, 15, 30, 60, 90)
#: Days past due at which the invoices due on the same weekday are looked at, and the peers' rates are shown.
SAME_WEEKDAY: Final = (-5, -2, 0, 2, 5, 8, 15, 30)
PEERS: Final = (-5, -2, 0, 2, 5, 15, 30)
#: Own matured invoices that weigh as much as the peers' rate.
CUSTOMER_WEIGHT: Final = 10.0
#: Expected share of payments by weekday before anything is known: banks are closed at weekends.
WEEKDAY_PRIOR: Final = (0.2, 0.2, 0.2, 0.2, 0.2, 0.0, 0.0)
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_NONE_SETTLED = "no invoice settled in the window"
_NEVER = "cannot be null"
_NO_ORDER = "no order is scored (a customer snapshot)"


def curve_name(days: int) -> str:
    """Name of the customer's shrunken share of invoices more than `days` late.

    >>> curve_name(30), curve_name(-5)
    ('late_over_30_rate', 'late_over_m5_rate')
    """
    return f"late_over_{'m' if days < 0 else ''}{abs(days)}_rate"


def _lateness(k: int) -> str:
    return f"still unpaid {-k} days before the due date" if k < 0 else f"more than {k} days late" if k else "late"


def _billed(days: int, k: int, *, late: bool) -> Node:
    """Invoices due in the last `days` that have had k days to be late in; with `late` those that were."""
    matured = (above(Field.DUE_AGE, k),)
    return count(Log.BILLED, days, *matured, *((above(Field.DAYS_LATE, k),) if late else ()))


def _curve(days: int, k: int) -> Node:
    return shrunk(_billed(days, k, late=True), _billed(days, k, late=False), PriorRate(k), CUSTOMER_WEIGHT)


def _settled(days: int) -> Node:
    return count(Log.SETTLED, days)


def _mean_late(days: int) -> Node:
    return ratio(total(Log.SETTLED, days, Field.DAYS_LATE), _settled(days))


def _weighted_late(days: int) -> Node:
    amount = total(Log.SETTLED, days, Field.AMOUNT)
    return ratio(total(Log.SETTLED, days, Field.AMOUNT, times=Field.DAYS_LATE), amount)


def _late_spread(days: int) -> Node:
    sums = total(Log.SETTLED, days, Field.DAYS_LATE), total(Log.SETTLED, days, Field.DAYS_LATE, times=Field.DAYS_LATE)
    return deviation(_settled(days), *sums)


def _late_slope(days: int) -> Node:
    # age counts backwards, so the slope over time is the negative of the slope on age; per 30 days
    line = slope(
        _settled(days),
        total(Log.SETTLED, days, Field.AGE),
        total(Log.SETTLED, days, Field.DAYS_LATE),
        total(Log.SETTLED, days, Field.AGE, times=Field.AGE),
        total(Log.SETTLED, days, Field.AGE, times=Field.DAYS_LATE),
    )
    return line * -30.0


_OVERDUE = above(Field.DUE_AGE, 0)
_OPEN_N = count(Log.OPEN, EVER)
_OPEN_AMOUNT = total(Log.OPEN, EVER, Field.RESIDUAL)
_OVERDUE_AMOUNT = total(Log.OPEN, EVER, Field.RESIDUAL, _OVERDUE)
_LIMIT = latest(Log.LIMIT, Field.AMOUNT)
_ORDER_AMOUNT = Given("order_amount")
#: One minor unit in units of the reporting currency.
_UNIT = Given("base_unit")
_NET_DAYS = Given("order_net_days")
_DUE_WEEKDAY = Given("order_due_weekday")
_PAID_ON = tuple(count(Log.SETTLED, 365, equal(Field.SETTLED_WEEKDAY, w)) for w in range(7))
_WEEKDAY_SHARES = tuple(shrunk(_PAID_ON[w], _settled(365), WEEKDAY_PRIOR[w], 5.0) for w in range(7))
_PAY_DAY = first_index_of_largest(*_WEEKDAY_SHARES)
_SAME_WEEKDAY = equal(Field.DUE_WEEKDAY, OrderDay.DUE_WEEKDAY)


def _same_weekday_rate(k: int) -> Node:
    late = count(Log.BILLED, 365, above(Field.DUE_AGE, k), above(Field.DAYS_LATE, k), _SAME_WEEKDAY)
    return shrunk(late, count(Log.BILLED, 365, above(Field.DUE_AGE, k), _SAME_WEEKDAY), _curve(365, k), 5.0)


def _open_share(days: int) -> Node:
    return ratio(total(Log.OPEN, EVER, Field.RESIDUAL, above(Field.DUE_AGE, days)), _OPEN_AMOUNT)


# one entry reads best as one line or two: the formatter would spread each over thirteen
# fmt: off
def _timing() -> tuple[Feature, ...]:
    group = "payment timing"
    return (
        *(
            Feature(
                curve_name(k), group,
                f"share of the customer's invoices due in 365 days that were {_lateness(k)}, drawn towards its peers",
                "share", _NEVER, 0, 1, RAISES, "PB02" if k >= 15 else "PB01", BOTH, _curve(365, k),
            )
            for k in CURVE
        ),
        *(
            Feature(
                f"late_over_{k}_rate_90d", group,
                f"share of the invoices due in {90 + k} days that were {_lateness(k)}, drawn towards its peers",
                "share", _NEVER, 0, 1, RAISES, "PB03", BOTH, _curve(90 + max(k, 0), k),
            )
            for k in (0, 5, 30)
        ),
        *(
            Feature(
                f"mean_days_late_{w}d", group, f"mean days late of invoices settled in the last {w} days",
                "days", _NONE_SETTLED, -30, 90, RAISES, reason, BOTH, _mean_late(w),
            )
            for w, reason in ((30, "PB03"), (90, "PB03"), (365, "PB01"))
        ),
        *(
            Feature(
                f"wadl_{w}d", group, f"amount-weighted average days late of invoices settled in the last {w} days",
                "days", _NONE_SETTLED, -30, 90, RAISES, reason, BOTH, _weighted_late(w),
            )
            for w, reason in ((90, "PB03"), (365, "PB01"))
        ),
        *(
            Feature(f"ewma_days_late_{h}", group,
                    f"mean days late of the last 25 settled invoices, weights halving every {h} settlements", "days",
                    "nothing settled yet", -30, 90, RAISES, reason, BOTH,
                    ratio(recent(Op.RECENT_DECAYED, h), recent(Op.RECENT_WEIGHT, h)))
            for h, reason in ((3, "PB03"), (10, "PB01"))
        ),
        Feature("median_days_late_25", group, "median days late of the last 25 settled invoices", "days",
                "nothing settled yet", -30, 90, RAISES, "PB01", BOTH, recent(Op.RECENT_MEDIAN_TWICE) * 0.5),
        Feature("max_days_late_365d", group, "worst days late of invoices settled in the last 365 days", "days",
                _NONE_SETTLED, -30, 180, RAISES, "PB02", BOTH, maximum(Log.SETTLED, 365, Field.DAYS_LATE)),
        Feature("days_late_std_365d", group, "standard deviation of days late over the last 365 days", "days",
                "fewer than two invoices settled", 0, 60, EITHER, "PB05", BOTH, _late_spread(365)),
        Feature("avg_days_late_if_late_365d", group, "mean days late of the late ones settled in the last 365 days",
                "days", "none settled late", 0, 120, RAISES, "PB02", BOTH,
                ratio(total(Log.SETTLED, 365, Field.DAYS_LATE, above(Field.DAYS_LATE, 0)),
                      count(Log.SETTLED, 365, above(Field.DAYS_LATE, 0)))),
        Feature("late_ratio_amount_365d", group, "share of the amount settled in the last 365 days that was late",
                "share", _NONE_SETTLED, 0, 1, RAISES, "PB01", BOTH,
                ratio(total(Log.SETTLED, 365, Field.AMOUNT, above(Field.DAYS_LATE, 0)),
                      total(Log.SETTLED, 365, Field.AMOUNT))),
        Feature("early_pay_ratio_365d", group, "share of invoices settled in the last 365 days before they were due",
                "share", _NONE_SETTLED, 0, 1, LOWERS, "PB01", BOTH,
                ratio(count(Log.SETTLED, 365, not_above(Field.DAYS_LATE, -1)), _settled(365))),
        Feature("mean_days_to_pay_365d", group, "mean days from issue to settlement over the last 365 days", "days",
                _NONE_SETTLED, 0, 150, EITHER, "PB01", BOTH,
                ratio(total(Log.SETTLED, 365, Field.DAYS_TO_PAY), _settled(365))),
        Feature("last_days_late", group, "days late of the last settled invoice", "days", "nothing settled yet",
                -30, 120, RAISES, "PB03", BOTH, recent(Op.RECENT_DAYS_LATE, 1)),
        Feature("second_last_days_late", group, "days late of the settled invoice before the last", "days",
                "fewer than two settled", -30, 120, RAISES, "PB03", BOTH, recent(Op.RECENT_DAYS_LATE, 2)),
        Feature("mean_days_late_last_3", group, "mean days late of the last three settled invoices", "days",
                "fewer than three settled", -30, 120, RAISES, "PB03", BOTH, recent(Op.RECENT_SUM, 3) * (1 / 3)),
        Feature("mean_days_late_last_10", group, "mean days late of the last ten settled invoices", "days",
                "fewer than ten settled", -30, 120, RAISES, "PB01", BOTH, recent(Op.RECENT_SUM, 10) * 0.1),
        Feature("on_time_streak", group, "settled invoices in a row that were on time, newest first, at most 25",
                "invoices", "nothing settled yet", 0, 25, LOWERS, "PB01", BOTH, recent(Op.RECENT_ON_TIME_STREAK)),
        Feature("late_streak", group, "settled invoices in a row that were late, newest first, at most 25",
                "invoices", "nothing settled yet", 0, 25, RAISES, "PB03", BOTH, recent(Op.RECENT_LATE_STREAK)),
    )


def _trend() -> tuple[Feature, ...]:
    group = "trend"
    return (
        Feature("days_late_slope_180d", group, "trend of days late over the last 180 days", "days per 30 days",
                "fewer than three settlements on different days", -20, 20, RAISES, "PB03", BOTH, _late_slope(180)),
        Feature("mean_days_late_30_minus_365", group, "mean days late of the last 30 days minus that of the last 365",
                "days", "nothing settled in the last 30 days", -30, 60, RAISES, "PB03", BOTH,
                _mean_late(30) - _mean_late(365)),
        Feature("late_rate_90_minus_365", group, "shrunken late rate of the last 90 days minus that of the last 365",
                "share", _NEVER, -1, 1, RAISES, "PB03", BOTH, _curve(90, 0) - _curve(365, 0)),
        Feature("sales_growth_90_365", group, "invoiced a day in the last 90 days over that in the last 365",
                "ratio", "nothing invoiced in 365 days", 0, 4.1, EITHER, "OR01", BOTH,
                ratio(total(Log.ISSUED, 90, Field.AMOUNT) * (365 / 90), total(Log.ISSUED, 365, Field.AMOUNT))),
    )


def _pay_days() -> tuple[Feature, ...]:
    group = "payment days"
    return (
        *(
            Feature(
                f"pay_share_{WEEKDAYS[w]}", group,
                f"share of the last 365 days' settlements that came on a {WEEKDAYS[w]}, drawn towards an even week",
                "share", _NEVER, 0, 1, EITHER, "PB04", ORDER, _WEEKDAY_SHARES[w],
            )
            for w in range(7)
        ),
        Feature("pay_day_concentration", group, "sum of squared weekday shares: 0.2 even, 1 always the same weekday",
                "share", _NEVER, 0, 1, EITHER, "PB04", ORDER,
                sum((s * s for s in _WEEKDAY_SHARES[1:]), start=_WEEKDAY_SHARES[0] * _WEEKDAY_SHARES[0])),
        Feature("days_from_due_to_pay_day", group, "days from the due date to the customer's usual payment weekday",
                "days", "fewer than three payments, or no order", 0, 6, EITHER, "PB04", ORDER,
                at_least(_settled(365), 3, modulo(_PAY_DAY - _DUE_WEEKDAY, 7.0))),
        *(
            Feature(
                f"{curve_name(k)}_same_due_weekday", group,
                f"share of the customer's invoices due on the same weekday that were {_lateness(k)}, drawn towards its "
                "rate on all days", "share", _NO_ORDER, 0, 1, RAISES, "PB04", ORDER,
                _same_weekday_rate(k) + _DUE_WEEKDAY * 0.0,
            )
            for k in SAME_WEEKDAY
        ),
        Feature("payment_gap_days", group, "mean days between the payment days of the last 25 settlements", "days",
                "fewer than two payment days", 0, 120, EITHER, "PB04", ORDER,
                ratio(recent(Op.RECENT_SPAN), recent(Op.RECENT_DISTINCT_DAYS) - 1.0)),
        Feature("days_since_payment", group, "days since the last settlement", "days", "nothing settled yet",
                0, 365, EITHER, "PB04", BOTH,
                latest(Log.SETTLED, Field.AGE)),
    )


def _position() -> tuple[Feature, ...]:
    group = "open position and aging"
    nothing = "nothing open"
    return (
        Feature("n_open", group, "open invoices", "invoices", _NEVER, 0, 5000, EITHER, "OD02", SHOWN, _OPEN_N),
        Feature("open_amount", group, "open residual amount", "base currency", _NEVER, 0, 1e9, EITHER, "OD02", SHOWN,
                _OPEN_AMOUNT * _UNIT),
        Feature("n_overdue", group, "open invoices past due", "invoices", _NEVER, 0, 500, RAISES, "OD01", BOTH,
                count(Log.OPEN, EVER, _OVERDUE)),
        Feature("overdue_amount", group, "open residual amount past due", "base currency", _NEVER, 0, 1e8, RAISES,
                "OD01", SHOWN, _OVERDUE_AMOUNT * _UNIT),
        Feature("overdue_ratio_n", group, "share of the open invoices that is past due", "share", nothing, 0, 1,
                RAISES, "OD01", BOTH, ratio(count(Log.OPEN, EVER, _OVERDUE), _OPEN_N)),
        Feature("overdue_ratio", group, "share of the open amount that is past due", "share", nothing, 0, 1, RAISES,
                "OD01", BOTH, ratio(_OVERDUE_AMOUNT, _OPEN_AMOUNT)),
        *(
            Feature(f"overdue_{k}_ratio", group, f"share of the open amount that is more than {k} days past due",
                    "share", nothing, 0, 1, RAISES, "OD01", BOTH, _open_share(k))
            for k in (15, 30, 60)
        ),
        Feature("oldest_open_item_days", group, "days past due of the oldest open invoice; negative before it is due",
                "days", nothing, -120, 365, RAISES, "OD01", BOTH, maximum(Log.OPEN, EVER, Field.DUE_AGE)),
        Feature("avg_open_days_late", group, "mean days past due of the invoices past due", "days", "nothing past due",
                0, 180, RAISES, "OD01", BOTH,
                ratio(total(Log.OPEN, EVER, Field.DUE_AGE, _OVERDUE), count(Log.OPEN, EVER, _OVERDUE))),
        Feature("open_age_days", group, "amount-weighted age of the open invoices", "days", nothing, 0, 365, RAISES,
                "OD02", BOTH, ratio(total(Log.OPEN, EVER, Field.RESIDUAL, times=Field.AGE), _OPEN_AMOUNT)),
        Feature("overdue_to_sales_90d", group, "overdue amount over the amount invoiced in 90 days", "ratio",
                "nothing invoiced in 90 days", 0, 5, RAISES, "OD01", BOTH,
                ratio(_OVERDUE_AMOUNT, total(Log.ISSUED, 90, Field.AMOUNT))),
        Feature("dso_90d", group, "days sales outstanding: open amount over 90 days' sales, times 90", "days",
                "nothing invoiced in 90 days", 0, 180, EITHER, "OD02", BOTH,
                ratio(_OPEN_AMOUNT * 90.0, total(Log.ISSUED, 90, Field.AMOUNT))),
        Feature("credit_limit", group, "credit limit", "base currency", "no limit is known", 0, 1e9, EITHER, "UT01",
                SHOWN, _LIMIT * _UNIT),
        Feature("utilisation", group, "open amount over the credit limit", "share", "no limit above zero is known",
                0, 5, RAISES, "UT01", BOTH, ratio(_OPEN_AMOUNT, _LIMIT)),
        Feature("utilisation_after", group, "open amount and this order over the credit limit", "share",
                "no limit above zero is known, or no order", 0, 5, RAISES, "UT01", ORDER,
                ratio(_OPEN_AMOUNT + _ORDER_AMOUNT, _LIMIT)),
    )


def _order() -> tuple[Feature, ...]:
    group = "order against own history"
    year = total(Log.ISSUED, 365, Field.AMOUNT)
    return (
        Feature("order_amount", group, "gross amount of the order", "base currency", _NO_ORDER, 0, 1e8, EITHER, "OR01",
                ORDER, _ORDER_AMOUNT * _UNIT),
        Feature("order_amount_to_mean", group, "order amount over the mean invoice of the last 365 days", "ratio",
                "no order, or nothing invoiced in 365 days", 0, 20, EITHER, "OR01", ORDER,
                ratio(_ORDER_AMOUNT * count(Log.ISSUED, 365), year)),
        Feature("order_amount_to_max", group, "order amount over the largest invoice of the last 365 days", "ratio",
                "no order, or nothing invoiced in 365 days", 0, 5, EITHER, "OR01", ORDER,
                ratio(_ORDER_AMOUNT, maximum(Log.ISSUED, 365, Field.AMOUNT))),
        Feature("order_to_open_amount", group, "order amount over the open amount", "ratio",
                "no order, or nothing open", 0, 50, EITHER, "OR01", ORDER, ratio(_ORDER_AMOUNT, _OPEN_AMOUNT)),
        Feature("invoices_30d", group, "invoices issued in the last 30 days", "invoices", _NEVER, 0, 2000, EITHER,
                "RL01", BOTH, count(Log.ISSUED, 30)),
        Feature("order_velocity_ratio", group, "invoices per day of the last 30 days over those of the last 365",
                "ratio", "nothing invoiced in 365 days", 0, 12.2, EITHER, "OR01", BOTH,
                ratio(count(Log.ISSUED, 30) * (365 / 30), count(Log.ISSUED, 365))),
        Feature("days_since_invoice", group, "days since the last invoice", "days", "never invoiced", 0, 365, EITHER,
                "RL01", BOTH, latest(Log.ISSUED, Field.AGE)),
        Feature("mean_invoice_amount_365d", group, "mean invoice amount of the last 365 days", "base currency",
                "nothing invoiced in 365 days", 0, 1e8, EITHER, "OR01", BOTH,
                ratio(year * _UNIT, count(Log.ISSUED, 365))),
    )


def _terms() -> tuple[Feature, ...]:
    group = "terms"
    own = ratio(total(Log.ISSUED, 365, Field.NET_DAYS), count(Log.ISSUED, 365))
    same_terms = equal(Field.NET_DAYS, OrderDay.NET_DAYS)
    matured = count(Log.BILLED, 365, above(Field.DUE_AGE, 0), same_terms)
    late = count(Log.BILLED, 365, above(Field.DUE_AGE, 0), above(Field.DAYS_LATE, 0), same_terms)
    return (
        Feature("net_days", group, "days from the baseline to the due date", "days", _NO_ORDER, 0, 120, EITHER, "TE01",
                ORDER, _NET_DAYS),
        Feature("days_to_due", group, "days from the moment of scoring to the due date", "days", _NO_ORDER, -5, 150,
                EITHER, "TE01", ORDER, Given("order_days_to_due")),
        Feature("terms_vs_own_mean", group, "net days of the order minus the mean of the last 365 days", "days",
                "no order, or nothing invoiced in 365 days", -60, 60, EITHER, "TE01", ORDER, _NET_DAYS - own),
        Feature("late_rate_same_terms", group,
                "share of the customer's invoices with the same terms that were late, drawn towards its own rate",
                "share", _NO_ORDER, 0, 1, RAISES, "TE01", ORDER,
                shrunk(late, matured, _curve(365, 0), 5.0) + _NET_DAYS * 0.0),
        Feature("terms_changes_365d", group, "terms agreed in the last 365 days, the first ones too", "changes", _NEVER,
                0, 5, EITHER, "TE01", BOTH, count(Log.TERMS, 365)),
        Feature("agreed_net_days", group, "agreed net days", "days", "no agreed terms are known", 0, 120, EITHER,
                "TE01", SHOWN, latest(Log.TERMS, Field.VALUE)),
    )


def _calendar() -> tuple[Feature, ...]:
    group = "calendar"

    def entry(name: str, meaning: str, unit: str, high: float, direction: int, reason: str = "CA01") -> Feature:
        return Feature(name, group, meaning, unit, _NO_ORDER, 0, high, direction, reason, ORDER, Given(f"order_{name}"))

    return (
        entry("due_weekday", "weekday of the due date, Monday 0", "weekday", 6, EITHER),
        entry("due_day_of_month", "day of the month of the due date", "day", 31, EITHER),
        entry("due_month_end", "1 where the due date is among the last three days of its month", "flag", 1, EITHER),
        entry("due_quarter_end", "1 where it is among the last five days of a quarter", "flag", 1, EITHER),
        entry("due_on_holiday", "1 where the due date is a public holiday in the customer's country", "flag", 1,
              EITHER, "CA02"),
        entry("due_to_working_day", "days from the due date to the next working day in the customer's country",
              "days", 10, RAISES, "CA02"),
        entry("issue_weekday", "weekday of the issue date, Monday 0", "weekday", 6, EITHER),
    )


def _friction() -> tuple[Feature, ...]:
    group = "disputes, promises and collections"
    invoiced = count(Log.ISSUED, 365)
    open_dispute = equal(Field.IS_OPEN, 1)
    return (
        Feature("dispute_ratio_365d", group, "disputes opened over invoices issued in the last 365 days", "ratio",
                "nothing invoiced in 365 days", 0, 1, RAISES, "DI01", BOTH, ratio(count(Log.DISPUTE, 365), invoiced)),
        Feature("n_open_disputes", group, "open disputes", "disputes", _NEVER, 0, 50, RAISES, "DI01", BOTH,
                count(Log.DISPUTE, EVER, open_dispute)),
        Feature("open_dispute_share", group, "amount of open disputes over the open amount", "share", "nothing open",
                0, 1.5, RAISES, "DI01", BOTH,
                ratio(total(Log.DISPUTE, EVER, Field.AMOUNT, open_dispute), _OPEN_AMOUNT)),
        Feature("promises_365d", group, "promises to pay made in the last 365 days", "promises", _NEVER, 0, 50, RAISES,
                "PR01", BOTH, count(Log.PROMISE, 365)),
        Feature("broken_promise_ratio_365d", group, "share of the promises of the last 365 days that were broken",
                "share", "no promise has come due", 0, 1, RAISES, "PR01", BOTH,
                ratio(count(Log.PROMISE, 365, above(Field.DUE_AGE, 3), equal(Field.BROKEN, 1)),
                      count(Log.PROMISE, 365, above(Field.DUE_AGE, 3)))),
        Feature("dunning_level_max_180d", group, "highest dunning level of the last 180 days", "level",
                "no reminder in 180 days", 0, 5, RAISES, "DU01", BOTH, maximum(Log.DUNNING, 180, Field.VALUE)),
        Feature("dunnings_365d", group, "reminders over invoices issued in the last 365 days", "ratio",
                "nothing invoiced in 365 days", 0, 3, RAISES, "DU01", BOTH, ratio(count(Log.DUNNING, 365), invoiced)),
        Feature("days_since_dunning", group, "days since the last reminder", "days", "never reminded", 0, 365, LOWERS,
                "DU01", BOTH, latest(Log.DUNNING, Field.AGE)),
        Feature("partial_payment_ratio_365d", group,
                "share of the invoices settled in 365 days that took more than one payment line", "share",
                _NONE_SETTLED, 0, 1, RAISES, "PB05", BOTH,
                ratio(count(Log.SETTLED, 365, above(Field.PARTS, 1)), _settled(365))),
        Feature("credit_note_ratio_365d", group, "credited over invoiced amount of the last 365 days", "ratio",
                "nothing invoiced in 365 days", 0, 1, EITHER, "DI01", BOTH,
                ratio(total(Log.CREDIT, 365, Field.AMOUNT), total(Log.ISSUED, 365, Field.AMOUNT))),
        Feature("write_offs_ever", group, "write-offs so far", "write-offs", _NEVER, 0, 20, RAISES, "LO01", BOTH,
                count(Log.LOSS, EVER)),
        Feature("is_insolvent", group, "1 where insolvency proceedings are known", "flag", _NEVER, 0, 1, RAISES,
                "LO01", BOTH, is_above(count(Log.INSOLVENCY, EVER), 0.0)),
    )


def _peers() -> tuple[Feature, ...]:
    group = "peers and history depth"
    return (
        *(
            Feature(f"peer_{curve_name(k)}", group,
                    f"share of the invoices of peers (same segment and terms) {_lateness(k)}, last 365 days",
                    "share", _NEVER, 0, 1, RAISES, "SG01", BOTH if k in (0, 5, 30) else ORDER, PriorRate(k))
            for k in PEERS
        ),
        Feature("distance_to_peers", group, "own shrunken late rate minus that of its peers", "share", _NEVER, -1, 1,
                RAISES, "PB01", BOTH, _curve(365, 0) - PriorRate(0)),
        Feature("n_settled_365d", group, "invoices settled in the last 365 days", "invoices", _NEVER, 0, 20000, EITHER,
                "RL01", BOTH, _settled(365)),
        Feature("n_settled", group, "invoices settled so far", "invoices", _NEVER, 0, 1e6, LOWERS, "RL01", SHOWN,
                count(Log.SETTLED, EVER)),
        Feature("history_days", group, "days since the first invoice", "days", "never invoiced", 0, 36500, LOWERS,
                "RL01", SHOWN, maximum(Log.ISSUED, EVER, Field.AGE)),
        Feature("tenure_days", group, "days since the customer's first business or first invoice", "days",
                "no invoice and no customer-since date", 0, 36500, LOWERS, "RL01", SHOWN,
                largest(Given("customer_tenure"), maximum(Log.ISSUED, EVER, Field.AGE))),
        Feature("is_cold_start", group, "1 with fewer than three settled invoices", "flag", _NEVER, 0, 1, EITHER,
                "SG01", BOTH, is_above(count(Log.SETTLED, EVER) * -1.0, -3.0)),
    )


# fmt: on
#: The product's own, which the engine computes.
OWN: Final[tuple[Feature, ...]] = (
    *_timing(),
    *_trend(),
    *_pay_days(),
    *_position(),
    *_order(),
    *_terms(),
    *_calendar(),
    *_friction(),
    *_peers(),
)
#: And after them those that this site brings along; see `features.external`.
FEATURES: Final[tuple[Feature, ...]] = (*OWN, *site().features)
NAMES: Final[tuple[str, ...]] = tuple(feature.name for feature in FEATURES)
INDEX: Final[dict[str, int]] = {name: i for i, name in enumerate(NAMES)}
#: Changes whenever a feature is added, removed or defined differently.
VERSION: Final = "fs-" + hashlib.sha256(repr([(f.name, f.node) for f in FEATURES]).encode()).hexdigest()[:12]
