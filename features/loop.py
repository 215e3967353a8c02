"""The part of the generated module that does not depend on the table: its head and the loop over customers."""

from __future__ import annotations

from typing import Final

HEAD: Final = '''"""Written by `otcrisk docs` from features/table.py; do not edit. The method: features/kernel.py."""

# kernel {fingerprint}: numba's cache of this file must go when what it calls has changed
import numpy as np
from numba import njit

from features.kernel import (
    DAY_US,
    DISTINCT_DAYS,
    FOREVER,
    GRACE_DAYS,
    LATE_STREAK,
    LOOK_WIDTH,
    NULL,
    ON_TIME_STREAK,
    ORDINAL_BITS,
    ORDINAL_MASK,
    PAYMENT,
    RECENT,
    SHOWN,
    STATE_CREDITED,
    STATE_SETTLED,
    WRITTEN_OFF,
    chain,
    day_of,
    distinct,
    first_moments,
    invoice_state,
    levels_of,
    look_on,
    push_down,
    unsettle,
)
'''

LOOP: Final = '''

@njit(cache=True, nogil=True, error_model="numpy")
def collect(
    group_start, group_customer, as_of, weekdays, net_days_asked, given,
    invoice_start, invoice_known, issued, due, amount, base, net_days,
    clearing_start, clearing_known, clearing_day, clearing_amount, clearing_base, clearing_kind,
    event_start, event_log, event_known, event_day, event_amount, event_value, event_end_known, event_invoice,
    out,
):
    """Fills `out` (orders x features) for moments grouped by customer and sorted by time in each group.

    `given` has a row for each fact besides the history. `group_customer` is the position in `invoice_start`, -1 for an
    unknown customer, who has no facts. Moments are microseconds since 1970, UTC. A fact's span starts when it became
    known: nothing later can reach an earlier moment.
    """
    look = np.zeros(LOOK_WIDTH, np.int64)
    for g in range(len(group_customer)):
        q0, q1, customer = group_start[g], group_start[g + 1], group_customer[g]
        times, n = as_of[q0:q1], q1 - q0
        latest = times[n - 1]
        first_day = times[0] // DAY_US
        days, levels = first_moments(times, first_day), levels_of(n)
        top = len(days) - 1
        codes = distinct(net_days_asked[q0:q1])
        sums = np.zeros((n + 1, WIDTH), np.int64)
        net = np.zeros((n + 1, N_NET * len(codes)), np.int64)
        maxima = np.full((N_MAXIMA, levels[n] + 1, n), NULL)
        i0, i1, e0, e1 = 0, 0, 0, 0
        if customer >= 0:
            i0, i1 = invoice_start[customer], invoice_start[customer + 1]
            e0, e1 = event_start[customer], event_start[customer + 1]
        spans = np.empty((i1 - i0 + clearing_start[i1] - clearing_start[i0], 4), np.int64)
        n_spans = 0
        for i in range(i0, i1):
            moment = invoice_known[i]
            if moment > latest:
                break
            ordinal = i
            v_amount, v_net_days, v_due_weekday = base[i], net_days[i], (due[i] + 3) % 7
            due_day = due[i]
            begin = position of moment
            first, last, day = begin, n, issued[i]
            #: add issued
            cleared, cleared_base, last_day, v_parts, paid, lost = 0, 0, NULL, 0, 0, 0
            c, end = clearing_start[i], clearing_start[i + 1]
            while True:
                while c < end and clearing_known[c] <= moment:
                    cleared += clearing_amount[c]
                    cleared_base += clearing_base[c]
                    last_day = max(last_day, clearing_day[c])
                    if clearing_kind[c] == PAYMENT:
                        paid += clearing_amount[c]
                        v_parts += 1
                    elif clearing_kind[c] == WRITTEN_OFF:
                        lost += clearing_amount[c]
                    c += 1
                first, last = begin, n
                if c < end:
                    moment = clearing_known[c]
                    last = position of moment
                    begin = last
                if first < last:
                    is_open = cleared < amount[i]
                    is_settled = not is_open and lost == 0 and paid > 0
                    v_days_late = last_day - due_day if is_settled else FOREVER
                    if is_open:
                        day, v_residual = issued[i], max(base[i] - cleared_base, 0)
                        #: add open
                    if is_open or lost > 0 or paid > 0:
                        day = due_day
                        #: add billed
                    if is_settled:
                        day = last_day
                        v_days_to_pay, v_settled_weekday = last_day - issued[i], (last_day + 3) % 7
                        #: add settled
                        spans[n_spans, 0], spans[n_spans, 1] = first, last
                        spans[n_spans, 2], spans[n_spans, 3] = (last_day << ORDINAL_BITS) + i, v_days_late
                        n_spans += 1
                if last == n:
                    break
        for e in range(e0, e1):
            log, day, ordinal = event_log[e], event_day[e], e
            v_amount, v_value, due_day = event_amount[e], event_value[e], event_value[e]
            moment, i = event_known[e], event_invoice[e]
            while moment <= latest:
                ends, broken_from, v_is_open = FOREVER, FOREVER, 0
                if log == DISPUTE and moment < event_end_known[e]:
                    ends, v_is_open = event_end_known[e], 1
                elif log == PROMISE and i >= 0:
                    # a promise is broken while its invoice, as known then, was not settled within the days of grace
                    if moment < invoice_known[i]:
                        ends = invoice_known[i]
                    else:
                        state, last_day, _, _, ends = invoice_state(
                            i, moment, amount, clearing_start, clearing_known, clearing_day, clearing_amount,
                            clearing_base, clearing_kind)
                        limit = v_value + GRACE_DAYS
                        if state == STATE_SETTLED:
                            broken_from = moment if last_day > limit else FOREVER
                        elif state != STATE_CREDITED:
                            broken_from = min(max(moment, (limit + 1) * DAY_US), ends)
                change = min(max(broken_from, moment), ends)
                begin = position of moment
                turn = position of change
                stop = position of ends
                for v_broken in range(2):
                    first = turn if v_broken else begin
                    last = stop if v_broken else turn
                    if first >= last:
                        continue
                    if log == DISPUTE:
                        #: add dispute
                    elif log == PROMISE:
                        #: add promise
                    elif log == DUNNING:
                        #: add dunning
                    elif log == CREDIT:
                        #: add credit
                    elif log == LIMIT:
                        #: add limit
                    elif log == TERMS:
                        #: add terms
                    elif log == LOSS:
                        #: add loss
                    else:
                        #: add insolvency
                moment = ends
        push_down(maxima)
        starting, ending, next_starting, next_ending = chain(spans, n_spans, n)
        keys, lates, held = np.empty(n_spans, np.int64), np.empty(n_spans, np.int64), 0
        look[SHOWN:] = 0
        for q in range(n):
            if q > 0:
                for j in range(WIDTH):
                    sums[q, j] += sums[q - 1, j]
                for j in range(net.shape[1]):
                    net[q, j] += net[q - 1, j]
            again, fresh = False, 0
            i = ending[q]
            while i >= 0:
                held = unsettle(held, keys, lates, spans[i, 2])
                again = True
                i = next_ending[i]
            i = starting[q]
            while i >= 0:
                # into the list sorted by (day, ordinal): mostly at its end
                key, at = spans[i, 2], held
                while at > 0 and keys[at - 1] > key:
                    keys[at], lates[at] = keys[at - 1], lates[at - 1]
                    at -= 1
                    again = True
                keys[at], lates[at] = key, spans[i, 3]
                held, fresh = held + 1, fresh + 1
                i = next_starting[i]
            if again or fresh > 0:
                look_on(held, fresh, again or fresh > RECENT, keys, lates, look)
            shown = look[SHOWN]
            row, today, weekday = q0 + q, times[q] // DAY_US, weekdays[q0 + q]
            code = 0
            while codes[code] != net_days_asked[q0 + q]:
                code += 1
            #: read
'''
