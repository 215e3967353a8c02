"""The reason catalogue: what an explanation may say. Each feature names one of these codes."""

from __future__ import annotations

import hashlib
from typing import Final

from features.external import site
from features.feature import Reason

REASONS: Final[dict[str, Reason]] = {
    reason.code: reason
    for reason in (
        Reason("PB01", "PAYMENT_HISTORY", "How the customer has usually paid",
               "{late_over_0_rate:.0%} of its invoices of the last year were late, {mean_days_late_365d:.0f} days "
               "late on average"),
        Reason("PB02", "SERIOUS_LATENESS", "Serious lateness in the past",
               "{late_over_30_rate:.1%} of its invoices of the last year were more than 30 days late, the worst was "
               "{max_days_late_365d:.0f} days late"),
        Reason("PB03", "PAYMENT_TREND", "Recent payments against the usual",
               "Recent payments: {mean_days_late_90d:.0f} days late on average over the last 90 days, the last one "
               "{last_days_late:.0f} days"),
        Reason("PB04", "PAYMENT_DAYS", "The customer's payment days against the due date",
               "The due date against the customer's payment days: {late_over_0_rate_same_due_weekday:.0%} of its "
               "invoices due on that weekday were late"),
        Reason("PB05", "PREDICTABILITY", "How evenly the customer pays",
               "Its days late scatter by {days_late_std_365d:.0f} days, {partial_payment_ratio_365d:.0%} of its "
               "invoices took several payments"),
        Reason("OD01", "OVERDUE", "What is overdue now",
               "{overdue_ratio:.0%} of the open balance is overdue ({n_overdue:.0f} invoices, the oldest due "
               "{oldest_open_item_days:.0f} days ago)"),
        Reason("OD02", "OPEN_POSITION", "Size and age of the open balance",
               "The open balance is {open_age_days:.0f} days old on average and {dso_90d:.0f} days of sales large"),
        Reason("UT01", "UTILISATION", "Use of the credit limit",
               "The credit limit would be {utilisation_after:.0%} used after this order"),
        Reason("OR01", "ORDER", "This order against the customer's usual ones",
               "This order is {order_amount_to_mean:.1f} times the usual invoice"),
        Reason("TE01", "TERMS", "Payment terms",
               "Payment terms of {net_days:.0f} days: {late_rate_same_terms:.0%} of the customer's invoices on them "
               "were late"),
        Reason("CA01", "CALENDAR", "Where the due date falls in week and month", ""),
        Reason("CA02", "CALENDAR", "Whether the due date is a working day",
               "From the due date to the next working day it is {due_to_working_day:.0f} days"),
        Reason("DI01", "DISPUTES", "Disputes and credit notes",
               "{n_open_disputes:.0f} disputes are open, {dispute_ratio_365d:.1%} of the last year's invoices were "
               "disputed"),
        Reason("PR01", "PROMISES", "Promises to pay",
               "{promises_365d:.0f} promises to pay in the last year, {broken_promise_ratio_365d:.0%} of them broken"),
        Reason("DU01", "DUNNING", "Reminders sent to the customer",
               "Reminded up to level {dunning_level_max_180d:.0f} in the last 180 days"),
        Reason("LO01", "LOSSES", "Write-offs and insolvency",
               "{write_offs_ever:.0f} write-offs so far"),
        Reason("RL01", "RELATIONSHIP", "Depth of the relationship",
               "{n_settled:.0f} settled invoices in {tenure_days:.0f} days, {invoices_30d:.0f} new in the last 30"),
        Reason("SG01", "PEERS", "How comparable customers pay",
               "Comparable customers: {peer_late_over_0_rate:.0%} of their invoices were late"),
    )
}  # fmt: skip
REASONS.update(site().catalogue)
#: Changes with any text or code.
VERSION: Final = "rc-" + hashlib.sha256(repr(list(REASONS.values())).encode()).hexdigest()[:12]
