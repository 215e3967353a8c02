"""The reason catalogue: what an explanation may say. Each feature names one of these codes."""

from __future__ import annotations

import hashlib
from typing import Final

from features.feature import Reason

REASONS: Final[dict[str, Reason]] = {
    reason.code: reason
    for reason in (
        Reason(
            "PB01",
            "PAYMENT_HISTORY",
            "How the customer has usually paid",
            "Usually pays late: {late_over_0_rate:.0%} of its invoices of the last year were late, "
            "{mean_days_late_365d:.0f} days on average",
            "Usually pays well: {late_over_0_rate:.0%} of its invoices of the last year were late, "
            "{mean_days_late_365d:.0f} days on average",
        ),
        Reason(
            "PB02",
            "SERIOUS_LATENESS",
            "Serious lateness in the past",
            "Serious lateness in the past: {late_over_30_rate:.1%} of invoices more than 30 days late, the worst "
            "{max_days_late_365d:.0f} days",
            "Hardly any serious lateness: {late_over_30_rate:.1%} of invoices more than 30 days late, the worst "
            "{max_days_late_365d:.0f} days",
        ),
        Reason(
            "PB03",
            "PAYMENT_TREND",
            "Recent payments against the usual",
            "Recent payments are late: {mean_days_late_90d:.0f} days on average over the last 90 days, "
            "{last_days_late:.0f} days for the last one",
            "Recent payments are good: {mean_days_late_90d:.0f} days late on average over the last 90 days, "
            "{last_days_late:.0f} days for the last one",
        ),
        Reason(
            "PB04",
            "PAYMENT_DAYS",
            "The customer's payment days against the due date",
            "The due date misses the customer's payment days: {late_rate_same_due_weekday:.0%} of its invoices due on "
            "that weekday were late",
            "The due date suits the customer's payment days: {late_rate_same_due_weekday:.0%} of its invoices due on "
            "that weekday were late",
        ),
        Reason(
            "PB05",
            "PREDICTABILITY",
            "How evenly the customer pays",
            "Pays unevenly: days late scatter by {days_late_std_365d:.0f} days, {partial_payment_ratio_365d:.0%} of "
            "invoices took several payments",
            "Pays evenly: days late scatter by {days_late_std_365d:.0f} days, {partial_payment_ratio_365d:.0%} of "
            "invoices took several payments",
        ),
        Reason(
            "OD01",
            "OVERDUE",
            "What is overdue now",
            "{overdue_ratio:.0%} of the open balance is overdue ({n_overdue:.0f} invoices), the oldest by "
            "{oldest_open_item_days:.0f} days",
            "Little is overdue: {overdue_ratio:.0%} of the open balance ({n_overdue:.0f} invoices)",
        ),
        Reason(
            "OD02",
            "OPEN_POSITION",
            "Size and age of the open balance",
            "The open balance is old or large: {open_age_days:.0f} days on average, {dso_90d:.0f} days of sales",
            "The open balance is young: {open_age_days:.0f} days on average, {dso_90d:.0f} days of sales",
        ),
        Reason(
            "UT01",
            "UTILISATION",
            "Use of the credit limit",
            "The credit limit would be {utilisation_after:.0%} used after this order",
            "The credit limit would be only {utilisation_after:.0%} used after this order",
        ),
        Reason(
            "OR01",
            "ORDER",
            "This order against the customer's usual ones",
            "This order is {order_amount_to_mean:.1f} times the usual invoice",
            "This order is {order_amount_to_mean:.1f} times the usual invoice",
        ),
        Reason(
            "TE01",
            "TERMS",
            "Payment terms",
            "The payment terms ({net_days:.0f} days): {late_rate_same_terms:.0%} of the customer's invoices on them "
            "were late",
            "The payment terms ({net_days:.0f} days): only {late_rate_same_terms:.0%} of the customer's invoices on "
            "them were late",
        ),
        Reason(
            "CA01",
            "CALENDAR",
            "Where the dates fall",
            "Where the due date falls in week and month speaks for late payment",
            "Where the due date falls in week and month speaks for payment on time",
        ),
        Reason(
            "CA02",
            "CALENDAR",
            "Whether the due date is a working day",
            "The due date is no working day: the next one is {due_to_working_day:.0f} days later",
            "The due date suits the working days",
        ),
        Reason(
            "DI01",
            "DISPUTES",
            "Disputes and credit notes",
            "Disputes: {n_open_disputes:.0f} open, {dispute_ratio_365d:.1%} of the last year's invoices disputed",
            "Few disputes: {n_open_disputes:.0f} open, {dispute_ratio_365d:.1%} of the last year's invoices disputed",
        ),
        Reason(
            "PR01",
            "PROMISES",
            "Promises to pay",
            "{promises_365d:.0f} promises to pay in the last year, {broken_promise_ratio_365d:.0%} of them broken",
            "Few promises to pay were needed: {promises_365d:.0f} in the last year",
        ),
        Reason(
            "DU01",
            "DUNNING",
            "Reminders",
            "Reminded up to level {dunning_level_max_180d:.0f} in the last 180 days",
            "Few reminders were needed in the last year",
        ),
        Reason(
            "LO01",
            "LOSSES",
            "Write-offs and insolvency",
            "{write_offs_ever:.0f} write-offs so far, insolvency: {is_insolvent:.0f}",
            "No write-off and no insolvency is known",
        ),
        Reason(
            "RL01",
            "RELATIONSHIP",
            "Depth of the relationship",
            "Short or thin relationship: {n_settled:.0f} settled invoices in {tenure_days:.0f} days",
            "Established relationship: {n_settled:.0f} settled invoices in {tenure_days:.0f} days",
        ),
        Reason(
            "SG01",
            "PEERS",
            "How comparable customers pay",
            "Comparable customers pay late: {peer_late_over_0_rate:.0%} of their invoices",
            "Comparable customers pay well: {peer_late_over_0_rate:.0%} of their invoices were late",
        ),
    )
}
#: Changes with any text or code.
VERSION: Final = "rc-" + hashlib.sha256(repr(list(REASONS.values())).encode()).hexdigest()[:12]
