"""The part of the generated module that does not depend on the table: its head and the loop over customers.

`#: NAME` stands for lines that the compiler puts there; a line that ends in `#? NAME` is left out where the table needs
nothing of the kind.
"""

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
    extents,
    fill_days,
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

    `given` (orders x facts) is what is known besides the history. `group_customer` is the position in `invoice_start`,
    -1 for an unknown customer, who has no facts. Moments are microseconds since 1970, UTC. A fact's span starts when it
    became known: nothing later can reach an earlier moment.
    """
    most, most_days, most_spans = extents(group_start, group_customer, as_of, invoice_start, clearing_start)
    # room for the largest customer, used by all: what is written for one is put back to nothing while it is read
    days, levels = np.empty(most_days, np.int32), levels_of(most)
    sums, so_far = np.zeros((most + 1, WIDTH), np.int64), np.empty(WIDTH, np.int64)
    peaks, peak = np.full((most, N_PEAKS), NULL), np.empty(N_PEAKS, np.int64)
    maxima = np.empty(most * (levels[most] + 1) * N_MAXIMA, np.int64)
    spans = np.empty((most_spans, 4), np.int64)  #? settled
    keys, lates = np.empty(most_spans, np.int64), np.empty(most_spans, np.int64)  #? settled
    starting, ending = np.empty(most + 1, np.int64), np.empty(most + 1, np.int64)  #? settled
    next_starting, next_ending = np.empty(most_spans, np.int64), np.empty(most_spans, np.int64)  #? settled
    look = np.zeros(LOOK_WIDTH, np.int64)  #? look
    codes, net, net_so_far = np.empty(most, np.int64), np.zeros(0, np.int64), np.empty(N_NET * most, np.int64)  #? net
    for g in range(len(group_customer)):
        q0, q1, customer = group_start[g], group_start[g + 1], group_customer[g]
        times, n = as_of[q0:q1], q1 - q0
        latest = times[n - 1]
        first_day = times[0] // DAY_US
        top = fill_days(times, first_day, days)
        n_codes = distinct(net_days_asked[q0:q1], codes)  #? net
        across = N_NET * n_codes  #? net
        if (n + 1) * across > len(net):  #? net
            net = np.zeros((n + 1) * across, np.int64)  #? net
        maxima[: n * (levels[n] + 1) * N_MAXIMA] = NULL
        i0, i1, e0, e1 = 0, 0, 0, 0
        if customer >= 0:
            i0, i1 = invoice_start[customer], invoice_start[customer + 1]
            e0, e1 = event_start[customer], event_start[customer + 1]
        n_spans = 0  #? settled
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
            c, end, billed_from = clearing_start[i], clearing_start[i + 1], -1
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
                    if is_settled:
                        day = last_day
                        v_days_to_pay, v_settled_weekday = last_day - issued[i], (last_day + 3) % 7
                        #: add settled
                        spans[n_spans, 0], spans[n_spans, 1] = first, last  #? settled
                        spans[n_spans, 2], spans[n_spans, 3] = (last_day << ORDINAL_BITS) + i, v_days_late  #? settled
                        n_spans += 1  #? settled
                    # billed from the first open state on: one span, which at `turn` stops to be open
                    billed_from = first if billed_from < 0 else billed_from
                    if not is_open or last == n:
                        state_ends, turn = last, n if is_open else first
                        if not (is_open or lost > 0 or paid > 0):  # wholly credited from here on
                            last = first
                        first, day = billed_from, due_day
                        #: add billed
                        last, billed_from = state_ends, -1
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
        push_down(maxima, n, levels[n], N_MAXIMA)
        chain(spans, n_spans, n, starting, ending, next_starting, next_ending)  #? settled
        held = 0  #? settled
        so_far[:], peak[:] = 0, NULL
        look[SHOWN:] = 0  #? look
        net_so_far[:across] = 0  #? net
        for q in range(n):
            for j in range(WIDTH):
                so_far[j] += sums[q, j]
                sums[q, j] = 0
            for j in range(N_PEAKS):
                peak[j] = max(peak[j], peaks[q, j])
                peaks[q, j] = NULL
            for j in range(across):  #? net
                net_so_far[j] += net[q * across + j]  #? net
                net[q * across + j] = 0  #? net
            #: take in settlements
            if again or fresh > 0:  #? look
                look_on(held, fresh, again or fresh > RECENT, keys, lates, look)  #? look
            shown = look[SHOWN]  #? look
            row, today, weekday = q0 + q, times[q] // DAY_US, weekdays[q0 + q]
            code = 0  #? net
            while codes[code] != net_days_asked[q0 + q]:  #? net
                code += 1  #? net
            #: read
        sums[n] = 0
        net[n * across : (n + 1) * across] = 0  #? net
'''

#: The settlements that are known from moment q on, and those that are not any more.
SETTLEMENTS: Final = """again, fresh = False, 0
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
"""
