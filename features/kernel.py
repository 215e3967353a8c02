"""Compiled building blocks: what the generated loop of `features.compiled` is put together from.

A fact counts during a span of time: from the moment it became known (or met a condition such as "more than 30 days past
due") until it is superseded or leaves the window. The moments at which a customer is looked at are sorted, so the span
covers a run of them: a sum adds the fact's value where the run starts and takes it off where it ends, and one running
sum over the moments gives every answer (a difference array). Values that grow with time are polynomials in today's
date. Maxima over facts that last are running maxima; others are painted over runs of 2^j moments and pushed down. The
work per fact does not depend on how many moments there are, so one order and a portfolio go through the same code.

Everything is a whole number (days, minor units, counts): the result does not depend on the order of rows, on other
orders in the batch, or on how the work is divided. `tests/features/oracle.py` says the same slowly, in plain Python.
"""

from __future__ import annotations

import numpy as np
from numba import njit

#: "No fact": what an aggregate that needs one holds when there is none.
NULL = np.iinfo(np.int64).min
#: Settlements that the recent-payment aggregates look back on.
RECENT = 25
DAY_US = 86_400_000_000
#: Days after the promised day that a payment may take before the promise counts as broken.
GRACE_DAYS = 3
#: The end of time.
FOREVER = np.iinfo(np.int64).max

# kinds of clearing
PAYMENT, CREDITED, WRITTEN_OFF = 0, 1, 2
# states of an invoice
STATE_OPEN, STATE_SETTLED, STATE_CREDITED, STATE_WRITTEN_OFF = 0, 1, 2, 3

#: Ordinals of facts live in the low bits of the key that finds the latest one.
ORDINAL_BITS = 31
ORDINAL_MASK = (1 << ORDINAL_BITS) - 1


@njit(cache=True, nogil=True)
def invoice_state(i, as_of, amount, clearing_start, clearing_known, clearing_day, clearing_amount, clearing_base,
                  clearing_kind):  # fmt: skip
    """State of invoice i as known at `as_of`.

    Returns (state, last clearing day, cleared in base minor units, payments, moment of the next clearing).
    """
    cleared, cleared_base, last, parts, paid, lost = 0, 0, NULL, 0, 0, 0
    until = FOREVER
    for c in range(clearing_start[i], clearing_start[i + 1]):
        if clearing_known[c] > as_of:
            until = clearing_known[c]
            break
        cleared += clearing_amount[c]
        cleared_base += clearing_base[c]
        last = max(last, clearing_day[c])
        if clearing_kind[c] == PAYMENT:
            paid += clearing_amount[c]
            parts += 1
        elif clearing_kind[c] == WRITTEN_OFF:
            lost += clearing_amount[c]
    state = STATE_CREDITED
    if cleared < amount[i]:
        state = STATE_OPEN
    elif lost > 0:
        state = STATE_WRITTEN_OFF
    elif paid > 0:
        state = STATE_SETTLED
    return state, last, cleared_base, parts, until


@njit(cache=True, nogil=True)
def state_changes(invoice_known, amount, clearing_start, clearing_known, clearing_day, clearing_amount, clearing_base,
                  clearing_kind):  # fmt: skip
    """Every state that an invoice goes through as facts become known: (invoice, from, until, state, last clearing day).

    `from` and `until` are microseconds; the last state of an invoice lasts forever.
    """
    n = len(invoice_known) + len(clearing_known)
    invoice = np.empty(n, dtype=np.int64)
    start = np.empty(n, dtype=np.int64)
    end = np.empty(n, dtype=np.int64)
    states = np.empty(n, dtype=np.int64)
    lasts = np.empty(n, dtype=np.int64)
    at = 0
    for i in range(len(invoice_known)):
        begin = invoice_known[i]
        while begin < FOREVER:
            state, last, _, _, until = invoice_state(i, begin, amount, clearing_start, clearing_known, clearing_day,
                                                     clearing_amount, clearing_base, clearing_kind)  # fmt: skip
            invoice[at], start[at], end[at], states[at], lasts[at] = i, begin, until, state, last
            at += 1
            begin = until
    return invoice[:at], start[:at], end[:at], states[:at], lasts[:at]


@njit(cache=True, nogil=True)
def extents(group_start, group_customer, as_of, invoice_start, clearing_start):
    """The most moments, days (as `fill_days` wants them) and states of invoices that any of the customers has."""
    moments, days, states = 0, 0, 0
    for g in range(len(group_customer)):
        q0, q1, customer = group_start[g], group_start[g + 1], group_customer[g]
        moments = max(moments, q1 - q0)
        days = max(days, as_of[q1 - 1] // DAY_US - as_of[q0] // DAY_US + 2)
        if customer >= 0:
            i0, i1 = invoice_start[customer], invoice_start[customer + 1]
            states = max(states, i1 - i0 + clearing_start[i1] - clearing_start[i0])
    return moments, days, states


@njit(cache=True, nogil=True)
def fill_days(times, first_day, days):
    """Writes into element d of `days` the position of the first moment at or after the midnight that begins
    `first_day` + d, and returns the last element, which stands for every later day.

    The day before `first_day` counts as `first_day`.
    """
    n, d = len(times), 0
    for q in range(n):
        end = times[q] // DAY_US - first_day + 1
        for same in range(d, end):
            days[same] = q
        d = end
    top = times[n - 1] // DAY_US - first_day + 1
    days[top] = n
    return top


@njit(cache=True, nogil=True)
def levels_of(n):
    """Element m is the largest j with 2^j <= m."""
    levels = np.zeros(n + 1, np.int64)
    for m in range(2, n + 1):
        levels[m] = levels[m >> 1] + 1
    return levels


@njit(cache=True, nogil=True)
def push_down(maxima, n, levels, width):
    """Spreads every run's candidates to its moments: afterwards level 0 holds each moment's maxima.

    `maxima` holds, for every level up to `levels` and each of `n` moments, `width` of them side by side.
    """
    for level in range(levels, 0, -1):
        half = 1 << (level - 1)
        begin = level * n * width
        upper, lower = maxima[begin : begin + (n - 2 * half + 1) * width], maxima[begin - n * width : begin]
        for j in range(len(upper)):
            lower[j] = max(lower[j], upper[j])
        for j in range(len(upper)):
            lower[j + half * width] = max(lower[j + half * width], upper[j])


@njit(cache=True, nogil=True)
def distinct(values, found):
    """Writes the sorted distinct values, of which there are few, into `found`; returns how many."""
    n = 0
    for value in values:
        j = 0
        while j < n and found[j] < value:
            j += 1
        if j == n or found[j] != value:
            for m in range(n, j, -1):
                found[m] = found[m - 1]
            found[j] = value
            n += 1
    return n


# The settlements of a customer as known at a moment are kept as sorted keys (day, ordinal) with their days late. `look`
# holds what can be said of the newest RECENT of them: their days late in rising order, then the numbers below.
SHOWN, LATE_STREAK, ON_TIME_STREAK, DISTINCT_DAYS = RECENT, RECENT + 1, RECENT + 2, RECENT + 3
LOOK_WIDTH = RECENT + 4


@njit(cache=True, nogil=True)
def unsettle(held, keys, lates, key):
    """Takes a settlement that was reversed out of the list; returns its new length."""
    at = held - 1
    while keys[at] != key:
        at -= 1
    for j in range(at, held - 1):
        keys[j] = keys[j + 1]
        lates[j] = lates[j + 1]
    return held - 1


@njit(cache=True, nogil=True)
def look_on(held, fresh, again, keys, lates, look):
    """Takes the newest `fresh` of `held` settlements into `look`; with `again` all that it holds is worked out anew."""
    if again:
        look[SHOWN:] = 0
        fresh = min(held, RECENT)
    for n in range(held - fresh, held):
        late, shown = lates[n], look[SHOWN]
        if shown == RECENT:  # the oldest leaves
            leaving, at = lates[n - RECENT], 0
            while look[at] != leaving:
                at += 1
            for j in range(at, RECENT - 1):
                look[j] = look[j + 1]
            look[DISTINCT_DAYS] -= keys[n - RECENT] >> ORDINAL_BITS != keys[n - RECENT + 1] >> ORDINAL_BITS
            shown -= 1
        at = shown
        while at > 0 and look[at - 1] > late:
            look[at] = look[at - 1]
            at -= 1
        look[at] = late
        look[DISTINCT_DAYS] += shown == 0 or keys[n] >> ORDINAL_BITS != keys[n - 1] >> ORDINAL_BITS
        look[LATE_STREAK] = min(look[LATE_STREAK] + 1, RECENT) if late > 0 else 0
        look[ON_TIME_STREAK] = 0 if late > 0 else min(look[ON_TIME_STREAK] + 1, RECENT)
        look[SHOWN] = shown + 1


@njit(cache=True, nogil=True, inline="always")
def day_of(key):
    """The day in the key of a settlement or of the latest fact."""
    return key >> ORDINAL_BITS


@njit(cache=True, nogil=True)
def chain(spans, n_spans, n, starting, ending, next_starting, next_ending):
    """Fills heads and links of lists of the settlements that start, and that end, to count at each of `n` moments.

    `spans` are (first position, last position, key, days late); -1 ends a list.
    """
    starting[: n + 1] = -1
    ending[: n + 1] = -1
    for i in range(n_spans - 1, -1, -1):
        first, last = spans[i, 0], spans[i, 1]
        next_starting[i], starting[first] = starting[first], i
        if last < n:
            next_ending[i], ending[last] = ending[last], i
