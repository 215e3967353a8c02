"""Written by `otcrisk docs` from features/table.py; do not edit. The method: features/kernel.py."""

# kernel 5a09f4c586166737: numba's cache of this file must go when what it calls has changed
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

ISSUED, BILLED, SETTLED, OPEN, DISPUTE, PROMISE, DUNNING, CREDIT, LIMIT, TERMS, LOSS, INSOLVENCY = range(12)
GIVEN = ('order_due_weekday', 'base_unit', 'order_amount', 'order_net_days', 'order_days_to_due', 'order_due_day_of_month', 'order_due_month_end', 'order_due_quarter_end', 'order_due_on_holiday', 'order_due_to_working_day', 'order_issue_weekday', 'customer_tenure')
PRIORS = (-10, -5, -2, 0, 2, 5, 8, 15, 30, 60, 90)
N_FEATURES, WIDTH, N_PEAKS, N_MAXIMA, N_NET = 120, 201, 5, 4, 2
WEIGHTS_3 = np.array([4096, 5161, 6502, 8192, 10321, 13004, 16384, 20643, 26008, 32768, 41285, 52016, 65536, 82570, 104032, 131072, 165140, 208064, 262144, 330281, 416128, 524288, 660561, 832255, 1048576])
WEIGHT_SUMS_3 = np.array([0, 1048576, 1880831, 2541392, 3065680, 3481808, 3812089, 4074233, 4282297, 4447437, 4578509, 4682541, 4765111, 4830647, 4882663, 4923948, 4956716, 4982724, 5003367, 5019751, 5032755, 5043076, 5051268, 5057770, 5062931, 5067027])
WEIGHTS_10 = np.array([198668, 212927, 228210, 244589, 262144, 280959, 301124, 322737, 345901, 370728, 397336, 425854, 456419, 489178, 524288, 561918, 602249, 645474, 691802, 741455, 794672, 851708, 912838, 978356, 1048576])
WEIGHT_SUMS_10 = np.array([0, 1048576, 2026932, 2939770, 3791478, 4586150, 5327605, 6019407, 6664881, 7267130, 7829048, 8353336, 8842514, 9298933, 9724787, 10122123, 10492851, 10838752, 11161489, 11462613, 11743572, 12005716, 12250305, 12478515, 12691442, 12890110])


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
    spans = np.empty((most_spans, 4), np.int64)
    keys, lates = np.empty(most_spans, np.int64), np.empty(most_spans, np.int64)
    starting, ending = np.empty(most + 1, np.int64), np.empty(most + 1, np.int64)
    next_starting, next_ending = np.empty(most_spans, np.int64), np.empty(most_spans, np.int64)
    look = np.zeros(LOOK_WIDTH, np.int64)
    codes, net, net_so_far = np.empty(most, np.int64), np.zeros(0, np.int64), np.empty(N_NET * most, np.int64)
    for g in range(len(group_customer)):
        q0, q1, customer = group_start[g], group_start[g + 1], group_customer[g]
        times, n = as_of[q0:q1], q1 - q0
        latest = times[n - 1]
        first_day = times[0] // DAY_US
        top = fill_days(times, first_day, days)
        n_codes = distinct(net_days_asked[q0:q1], codes)
        across = N_NET * n_codes
        if (n + 1) * across > len(net):
            net = np.zeros((n + 1) * across, np.int64)
        maxima[: n * (levels[n] + 1) * N_MAXIMA] = NULL
        i0, i1, e0, e1 = 0, 0, 0, 0
        if customer >= 0:
            i0, i1 = invoice_start[customer], invoice_start[customer + 1]
            e0, e1 = event_start[customer], event_start[customer + 1]
        n_spans = 0
        for i in range(i0, i1):
            moment = invoice_known[i]
            if moment > latest:
                break
            ordinal = i
            v_amount, v_net_days, v_due_weekday = base[i], net_days[i], (due[i] + 3) % 7
            due_day = due[i]
            begin = 0 if moment <= times[0] else n if moment > latest else days[moment // DAY_US - first_day]
            while begin < n and times[begin] < moment:
                begin += 1
            first, last, day = begin, n, issued[i]
            until = min(last, days[min(max(day + 31 - first_day, 0), top)])
            if first < until:
                start = first
                sums[start, 0] += 1
                sums[until, 0] -= 1
            until = min(last, days[min(max(day + 91 - first_day, 0), top)])
            if first < until:
                start = first
                sums[start, 1] += v_amount
                sums[until, 1] -= v_amount
            until = min(last, days[min(max(day + 366 - first_day, 0), top)])
            if first < until:
                start = first
                sums[start, 2] += v_amount
                sums[start, 3] += v_net_days
                sums[start, 4] += 1
                sums[until, 2] -= v_amount
                sums[until, 3] -= v_net_days
                sums[until, 4] -= 1
                key, level = v_amount, levels[until - start]
                other = until - (1 << level)
                maxima[(level * n + start) * N_MAXIMA + 0] = max(maxima[(level * n + start) * N_MAXIMA + 0], key)
                maxima[(level * n + other) * N_MAXIMA + 0] = max(maxima[(level * n + other) * N_MAXIMA + 0], key)
            until = last
            if first < until:
                start = first
                peaks[start, 0] = max(peaks[start, 0], -day)
                start = max(first, days[min(max(day + 0 - first_day, 0), top)])
                if start < until:
                    peaks[start, 1] = max(peaks[start, 1], (day << 31) + ordinal)
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
                    last = 0 if moment <= times[0] else n if moment > latest else days[moment // DAY_US - first_day]
                    while last < n and times[last] < moment:
                        last += 1
                    begin = last
                if first < last:
                    is_open = cleared < amount[i]
                    is_settled = not is_open and lost == 0 and paid > 0
                    v_days_late = last_day - due_day if is_settled else FOREVER
                    if is_open:
                        day, v_residual = issued[i], max(base[i] - cleared_base, 0)
                        until = last
                        if first < until:
                            start = first
                            sums[start, 179] += 1
                            sums[start, 180] += v_residual
                            sums[start, 181] += (v_residual) * (-day)
                            sums[start, 182] += v_residual
                            sums[until, 179] -= 1
                            sums[until, 180] -= v_residual
                            sums[until, 181] -= (v_residual) * (-day)
                            sums[until, 182] -= v_residual
                            key, level = -due_day, levels[until - start]
                            other = until - (1 << level)
                            maxima[(level * n + start) * N_MAXIMA + 2] = max(maxima[(level * n + start) * N_MAXIMA + 2], key)
                            maxima[(level * n + other) * N_MAXIMA + 2] = max(maxima[(level * n + other) * N_MAXIMA + 2], key)
                            start = max(first, days[min(max(due_day + 1 - first_day, 0), top)])
                            if start < until:
                                sums[start, 183] += -due_day
                                sums[start, 184] += 1
                                sums[start, 185] += 1
                                sums[start, 186] += v_residual
                                sums[until, 183] -= -due_day
                                sums[until, 184] -= 1
                                sums[until, 185] -= 1
                                sums[until, 186] -= v_residual
                            start = max(first, days[min(max(due_day + 16 - first_day, 0), top)])
                            if start < until:
                                sums[start, 187] += v_residual
                                sums[until, 187] -= v_residual
                            start = max(first, days[min(max(due_day + 31 - first_day, 0), top)])
                            if start < until:
                                sums[start, 188] += v_residual
                                sums[until, 188] -= v_residual
                            start = max(first, days[min(max(due_day + 61 - first_day, 0), top)])
                            if start < until:
                                sums[start, 189] += v_residual
                                sums[until, 189] -= v_residual
                    if is_settled:
                        day = last_day
                        v_days_to_pay, v_settled_weekday = last_day - issued[i], (last_day + 3) % 7
                        until = min(last, days[min(max(day + 31 - first_day, 0), top)])
                        if first < until:
                            start = first
                            sums[start, 145] += v_days_late
                            sums[start, 146] += 1
                            sums[until, 145] -= v_days_late
                            sums[until, 146] -= 1
                        until = min(last, days[min(max(day + 91 - first_day, 0), top)])
                        if first < until:
                            start = first
                            sums[start, 147] += v_amount
                            sums[start, 148] += v_days_late
                            sums[start, 149] += 1
                            sums[start, 150] += (v_amount) * (v_days_late)
                            sums[until, 147] -= v_amount
                            sums[until, 148] -= v_days_late
                            sums[until, 149] -= 1
                            sums[until, 150] -= (v_amount) * (v_days_late)
                        until = min(last, days[min(max(day + 181 - first_day, 0), top)])
                        if first < until:
                            start = first
                            sums[start, 151] += -day
                            sums[start, 152] += 1
                            sums[start, 153] += v_days_late
                            sums[start, 154] += 1
                            sums[start, 155] += (-day) * (-day)
                            sums[start, 156] += (-day) + (-day)
                            sums[start, 157] += 1
                            sums[start, 158] += (-day) * (v_days_late)
                            sums[start, 159] += v_days_late
                            sums[until, 151] -= -day
                            sums[until, 152] -= 1
                            sums[until, 153] -= v_days_late
                            sums[until, 154] -= 1
                            sums[until, 155] -= (-day) * (-day)
                            sums[until, 156] -= (-day) + (-day)
                            sums[until, 157] -= 1
                            sums[until, 158] -= (-day) * (v_days_late)
                            sums[until, 159] -= v_days_late
                        until = min(last, days[min(max(day + 366 - first_day, 0), top)])
                        if first < until:
                            start = first
                            sums[start, 160] += v_amount
                            sums[start, 161] += (v_amount if v_days_late > 0 else 0)
                            sums[start, 162] += v_days_late
                            sums[start, 163] += (v_days_late if v_days_late > 0 else 0)
                            sums[start, 164] += v_days_to_pay
                            sums[start, 165] += 1
                            sums[start, 166] += (1 if v_days_late > 0 else 0)
                            sums[start, 167] += (1 if v_days_late <= -1 else 0)
                            sums[start, 168] += (1 if v_parts > 1 else 0)
                            sums[start, 169] += (1 if v_settled_weekday == 0 else 0)
                            sums[start, 170] += (1 if v_settled_weekday == 1 else 0)
                            sums[start, 171] += (1 if v_settled_weekday == 2 else 0)
                            sums[start, 172] += (1 if v_settled_weekday == 3 else 0)
                            sums[start, 173] += (1 if v_settled_weekday == 4 else 0)
                            sums[start, 174] += (1 if v_settled_weekday == 5 else 0)
                            sums[start, 175] += (1 if v_settled_weekday == 6 else 0)
                            sums[start, 176] += (v_amount) * (v_days_late)
                            sums[start, 177] += (v_days_late) * (v_days_late)
                            sums[until, 160] -= v_amount
                            sums[until, 161] -= (v_amount if v_days_late > 0 else 0)
                            sums[until, 162] -= v_days_late
                            sums[until, 163] -= (v_days_late if v_days_late > 0 else 0)
                            sums[until, 164] -= v_days_to_pay
                            sums[until, 165] -= 1
                            sums[until, 166] -= (1 if v_days_late > 0 else 0)
                            sums[until, 167] -= (1 if v_days_late <= -1 else 0)
                            sums[until, 168] -= (1 if v_parts > 1 else 0)
                            sums[until, 169] -= (1 if v_settled_weekday == 0 else 0)
                            sums[until, 170] -= (1 if v_settled_weekday == 1 else 0)
                            sums[until, 171] -= (1 if v_settled_weekday == 2 else 0)
                            sums[until, 172] -= (1 if v_settled_weekday == 3 else 0)
                            sums[until, 173] -= (1 if v_settled_weekday == 4 else 0)
                            sums[until, 174] -= (1 if v_settled_weekday == 5 else 0)
                            sums[until, 175] -= (1 if v_settled_weekday == 6 else 0)
                            sums[until, 176] -= (v_amount) * (v_days_late)
                            sums[until, 177] -= (v_days_late) * (v_days_late)
                            key, level = v_days_late, levels[until - start]
                            other = until - (1 << level)
                            maxima[(level * n + start) * N_MAXIMA + 1] = max(maxima[(level * n + start) * N_MAXIMA + 1], key)
                            maxima[(level * n + other) * N_MAXIMA + 1] = max(maxima[(level * n + other) * N_MAXIMA + 1], key)
                        until = last
                        if first < until:
                            start = first
                            sums[start, 178] += 1
                            sums[until, 178] -= 1
                        spans[n_spans, 0], spans[n_spans, 1] = first, last
                        spans[n_spans, 2], spans[n_spans, 3] = (last_day << ORDINAL_BITS) + i, v_days_late
                        n_spans += 1
                    # billed from the first open state on: one span, which at `turn` stops to be open
                    billed_from = first if billed_from < 0 else billed_from
                    if not is_open or last == n:
                        state_ends, turn = last, n if is_open else first
                        if not (is_open or lost > 0 or paid > 0):  # wholly credited from here on
                            last = first
                        first, day = billed_from, due_day
                        code = -1
                        for j in range(n_codes):
                            if codes[j] == v_net_days:
                                code = j
                        until = min(last, days[min(max(day + 91 - first_day, 0), top)])
                        if first < until:
                            start = max(first, days[min(max(due_day + 1 - first_day, 0), top)])
                            if start < until:
                                sums[start, 5] += 1
                                sums[until, 5] -= 1
                                stop = until if v_days_late > 0 else min(turn, until)
                                if start < stop:
                                    sums[start, 6] += 1
                                    sums[stop, 6] -= 1
                        until = min(last, days[min(max(day + 96 - first_day, 0), top)])
                        if first < until:
                            start = max(first, days[min(max(due_day + 6 - first_day, 0), top)])
                            if start < until:
                                sums[start, 7] += 1
                                sums[until, 7] -= 1
                                stop = until if v_days_late > 5 else min(turn, until)
                                if start < stop:
                                    sums[start, 8] += 1
                                    sums[stop, 8] -= 1
                        until = min(last, days[min(max(day + 121 - first_day, 0), top)])
                        if first < until:
                            start = max(first, days[min(max(due_day + 31 - first_day, 0), top)])
                            if start < until:
                                sums[start, 9] += 1
                                sums[until, 9] -= 1
                                stop = until if v_days_late > 30 else min(turn, until)
                                if start < stop:
                                    sums[start, 10] += 1
                                    sums[stop, 10] -= 1
                        until = min(last, days[min(max(day + 366 - first_day, 0), top)])
                        if first < until:
                            start = max(first, days[min(max(due_day + -9 - first_day, 0), top)])
                            if start < until:
                                sums[start, 11] += 1
                                sums[until, 11] -= 1
                                stop = until if v_days_late > -10 else min(turn, until)
                                if start < stop:
                                    sums[start, 12] += 1
                                    sums[stop, 12] -= 1
                            start = max(first, days[min(max(due_day + -4 - first_day, 0), top)])
                            if start < until:
                                sums[start, 13 + v_due_weekday] += 1
                                sums[start, 20] += 1
                                sums[until, 13 + v_due_weekday] -= 1
                                sums[until, 20] -= 1
                                stop = until if v_days_late > -5 else min(turn, until)
                                if start < stop:
                                    sums[start, 21] += 1
                                    sums[start, 22 + v_due_weekday] += 1
                                    sums[stop, 21] -= 1
                                    sums[stop, 22 + v_due_weekday] -= 1
                            start = max(first, days[min(max(due_day + -1 - first_day, 0), top)])
                            if start < until:
                                sums[start, 29 + v_due_weekday] += 1
                                sums[start, 36] += 1
                                sums[until, 29 + v_due_weekday] -= 1
                                sums[until, 36] -= 1
                                stop = until if v_days_late > -2 else min(turn, until)
                                if start < stop:
                                    sums[start, 37] += 1
                                    sums[start, 38 + v_due_weekday] += 1
                                    sums[stop, 37] -= 1
                                    sums[stop, 38 + v_due_weekday] -= 1
                            start = max(first, days[min(max(due_day + 1 - first_day, 0), top)])
                            if start < until:
                                sums[start, 45 + v_due_weekday] += 1
                                sums[start, 52] += 1
                                sums[until, 45 + v_due_weekday] -= 1
                                sums[until, 52] -= 1
                                if code >= 0:
                                    net[start * across + code * N_NET + 0] += 1
                                    net[until * across + code * N_NET + 0] -= 1
                                stop = until if v_days_late > 0 else min(turn, until)
                                if start < stop:
                                    sums[start, 53] += 1
                                    sums[start, 54 + v_due_weekday] += 1
                                    sums[stop, 53] -= 1
                                    sums[stop, 54 + v_due_weekday] -= 1
                                    if code >= 0:
                                        net[start * across + code * N_NET + 1] += 1
                                        net[stop * across + code * N_NET + 1] -= 1
                            start = max(first, days[min(max(due_day + 3 - first_day, 0), top)])
                            if start < until:
                                sums[start, 61 + v_due_weekday] += 1
                                sums[start, 68] += 1
                                sums[until, 61 + v_due_weekday] -= 1
                                sums[until, 68] -= 1
                                stop = until if v_days_late > 2 else min(turn, until)
                                if start < stop:
                                    sums[start, 69] += 1
                                    sums[start, 70 + v_due_weekday] += 1
                                    sums[stop, 69] -= 1
                                    sums[stop, 70 + v_due_weekday] -= 1
                            start = max(first, days[min(max(due_day + 6 - first_day, 0), top)])
                            if start < until:
                                sums[start, 77 + v_due_weekday] += 1
                                sums[start, 84] += 1
                                sums[until, 77 + v_due_weekday] -= 1
                                sums[until, 84] -= 1
                                stop = until if v_days_late > 5 else min(turn, until)
                                if start < stop:
                                    sums[start, 85] += 1
                                    sums[start, 86 + v_due_weekday] += 1
                                    sums[stop, 85] -= 1
                                    sums[stop, 86 + v_due_weekday] -= 1
                            start = max(first, days[min(max(due_day + 9 - first_day, 0), top)])
                            if start < until:
                                sums[start, 93 + v_due_weekday] += 1
                                sums[start, 100] += 1
                                sums[until, 93 + v_due_weekday] -= 1
                                sums[until, 100] -= 1
                                stop = until if v_days_late > 8 else min(turn, until)
                                if start < stop:
                                    sums[start, 101] += 1
                                    sums[start, 102 + v_due_weekday] += 1
                                    sums[stop, 101] -= 1
                                    sums[stop, 102 + v_due_weekday] -= 1
                            start = max(first, days[min(max(due_day + 16 - first_day, 0), top)])
                            if start < until:
                                sums[start, 109 + v_due_weekday] += 1
                                sums[start, 116] += 1
                                sums[until, 109 + v_due_weekday] -= 1
                                sums[until, 116] -= 1
                                stop = until if v_days_late > 15 else min(turn, until)
                                if start < stop:
                                    sums[start, 117] += 1
                                    sums[start, 118 + v_due_weekday] += 1
                                    sums[stop, 117] -= 1
                                    sums[stop, 118 + v_due_weekday] -= 1
                            start = max(first, days[min(max(due_day + 31 - first_day, 0), top)])
                            if start < until:
                                sums[start, 125 + v_due_weekday] += 1
                                sums[start, 132] += 1
                                sums[until, 125 + v_due_weekday] -= 1
                                sums[until, 132] -= 1
                                stop = until if v_days_late > 30 else min(turn, until)
                                if start < stop:
                                    sums[start, 133] += 1
                                    sums[start, 134 + v_due_weekday] += 1
                                    sums[stop, 133] -= 1
                                    sums[stop, 134 + v_due_weekday] -= 1
                            start = max(first, days[min(max(due_day + 61 - first_day, 0), top)])
                            if start < until:
                                sums[start, 141] += 1
                                sums[until, 141] -= 1
                                stop = until if v_days_late > 60 else min(turn, until)
                                if start < stop:
                                    sums[start, 142] += 1
                                    sums[stop, 142] -= 1
                            start = max(first, days[min(max(due_day + 91 - first_day, 0), top)])
                            if start < until:
                                sums[start, 143] += 1
                                sums[until, 143] -= 1
                                stop = until if v_days_late > 90 else min(turn, until)
                                if start < stop:
                                    sums[start, 144] += 1
                                    sums[stop, 144] -= 1
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
                begin = 0 if moment <= times[0] else n if moment > latest else days[moment // DAY_US - first_day]
                while begin < n and times[begin] < moment:
                    begin += 1
                turn = 0 if change <= times[0] else n if change > latest else days[change // DAY_US - first_day]
                while turn < n and times[turn] < change:
                    turn += 1
                stop = 0 if ends <= times[0] else n if ends > latest else days[ends // DAY_US - first_day]
                while stop < n and times[stop] < ends:
                    stop += 1
                for v_broken in range(2):
                    first = turn if v_broken else begin
                    last = stop if v_broken else turn
                    if first >= last:
                        continue
                    if log == DISPUTE:
                        until = min(last, days[min(max(day + 366 - first_day, 0), top)])
                        if first < until:
                            start = first
                            sums[start, 190] += 1
                            sums[until, 190] -= 1
                        until = last
                        if first < until:
                            start = first
                            sums[start, 191] += (v_amount if v_is_open == 1 else 0)
                            sums[start, 192] += (1 if v_is_open == 1 else 0)
                            sums[until, 191] -= (v_amount if v_is_open == 1 else 0)
                            sums[until, 192] -= (1 if v_is_open == 1 else 0)
                    elif log == PROMISE:
                        until = min(last, days[min(max(day + 366 - first_day, 0), top)])
                        if first < until:
                            start = first
                            sums[start, 193] += 1
                            sums[until, 193] -= 1
                            start = max(first, days[min(max(due_day + 4 - first_day, 0), top)])
                            if start < until:
                                sums[start, 194] += (1 if v_broken == 1 else 0)
                                sums[start, 195] += 1
                                sums[until, 194] -= (1 if v_broken == 1 else 0)
                                sums[until, 195] -= 1
                    elif log == DUNNING:
                        until = min(last, days[min(max(day + 181 - first_day, 0), top)])
                        if first < until:
                            start = first
                            key, level = v_value, levels[until - start]
                            other = until - (1 << level)
                            maxima[(level * n + start) * N_MAXIMA + 3] = max(maxima[(level * n + start) * N_MAXIMA + 3], key)
                            maxima[(level * n + other) * N_MAXIMA + 3] = max(maxima[(level * n + other) * N_MAXIMA + 3], key)
                        until = min(last, days[min(max(day + 366 - first_day, 0), top)])
                        if first < until:
                            start = first
                            sums[start, 196] += 1
                            sums[until, 196] -= 1
                        until = last
                        if first < until:
                            start = max(first, days[min(max(day + 0 - first_day, 0), top)])
                            if start < until:
                                peaks[start, 2] = max(peaks[start, 2], (day << 31) + ordinal)
                    elif log == CREDIT:
                        until = min(last, days[min(max(day + 366 - first_day, 0), top)])
                        if first < until:
                            start = first
                            sums[start, 197] += v_amount
                            sums[until, 197] -= v_amount
                    elif log == LIMIT:
                        until = last
                        if first < until:
                            start = max(first, days[min(max(day + 0 - first_day, 0), top)])
                            if start < until:
                                peaks[start, 3] = max(peaks[start, 3], (day << 31) + ordinal)
                    elif log == TERMS:
                        until = min(last, days[min(max(day + 366 - first_day, 0), top)])
                        if first < until:
                            start = first
                            sums[start, 198] += 1
                            sums[until, 198] -= 1
                        until = last
                        if first < until:
                            start = max(first, days[min(max(day + 0 - first_day, 0), top)])
                            if start < until:
                                peaks[start, 4] = max(peaks[start, 4], (day << 31) + ordinal)
                    elif log == LOSS:
                        until = last
                        if first < until:
                            start = first
                            sums[start, 199] += 1
                            sums[until, 199] -= 1
                    else:
                        until = last
                        if first < until:
                            start = first
                            sums[start, 200] += 1
                            sums[until, 200] -= 1
                moment = ends
        push_down(maxima, n, levels[n], N_MAXIMA)
        chain(spans, n_spans, n, starting, ending, next_starting, next_ending)
        held = 0
        so_far[:], peak[:] = 0, NULL
        look[SHOWN:] = 0
        net_so_far[:across] = 0
        for q in range(n):
            for j in range(WIDTH):
                so_far[j] += sums[q, j]
                sums[q, j] = 0
            for j in range(N_PEAKS):
                peak[j] = max(peak[j], peaks[q, j])
                peaks[q, j] = NULL
            for j in range(across):
                net_so_far[j] += net[q * across + j]
                net[q * across + j] = 0
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
            newest = held
            while newest > 0 and day_of(keys[newest - 1]) > today:
                newest -= 1
            a0 = float(so_far[0])
            a1 = float(so_far[1])
            a2 = np.nan if maxima[q * N_MAXIMA + 0] == NULL else float(maxima[q * N_MAXIMA + 0])
            a3 = float(so_far[2])
            a4 = float(so_far[3])
            a5 = float(so_far[4])
            a6 = np.nan if peak[0] == NULL else float(peak[0] + today)
            a7 = np.nan if peak[1] == NULL else float(today - day_of(peak[1]))
            a8 = float(so_far[5])
            a9 = float(so_far[6])
            a10 = float(so_far[7])
            a11 = float(so_far[8])
            a12 = float(so_far[9])
            a13 = float(so_far[10])
            a14 = float(so_far[11])
            a15 = float(so_far[12])
            a16 = float(so_far[13 + weekday]) if weekday >= 0 else 0.0
            a17 = float(so_far[20])
            a18 = float(so_far[21])
            a19 = float(so_far[22 + weekday]) if weekday >= 0 else 0.0
            a20 = float(so_far[29 + weekday]) if weekday >= 0 else 0.0
            a21 = float(so_far[36])
            a22 = float(so_far[37])
            a23 = float(so_far[38 + weekday]) if weekday >= 0 else 0.0
            a24 = float(so_far[45 + weekday]) if weekday >= 0 else 0.0
            a25 = float(net_so_far[code * N_NET + 0])
            a26 = float(so_far[52])
            a27 = float(so_far[53])
            a28 = float(so_far[54 + weekday]) if weekday >= 0 else 0.0
            a29 = float(net_so_far[code * N_NET + 1])
            a30 = float(so_far[61 + weekday]) if weekday >= 0 else 0.0
            a31 = float(so_far[68])
            a32 = float(so_far[69])
            a33 = float(so_far[70 + weekday]) if weekday >= 0 else 0.0
            a34 = float(so_far[77 + weekday]) if weekday >= 0 else 0.0
            a35 = float(so_far[84])
            a36 = float(so_far[85])
            a37 = float(so_far[86 + weekday]) if weekday >= 0 else 0.0
            a38 = float(so_far[93 + weekday]) if weekday >= 0 else 0.0
            a39 = float(so_far[100])
            a40 = float(so_far[101])
            a41 = float(so_far[102 + weekday]) if weekday >= 0 else 0.0
            a42 = float(so_far[109 + weekday]) if weekday >= 0 else 0.0
            a43 = float(so_far[116])
            a44 = float(so_far[117])
            a45 = float(so_far[118 + weekday]) if weekday >= 0 else 0.0
            a46 = float(so_far[125 + weekday]) if weekday >= 0 else 0.0
            a47 = float(so_far[132])
            a48 = float(so_far[133])
            a49 = float(so_far[134 + weekday]) if weekday >= 0 else 0.0
            a50 = float(so_far[141])
            a51 = float(so_far[142])
            a52 = float(so_far[143])
            a53 = float(so_far[144])
            a54 = float(so_far[145])
            a55 = float(so_far[146])
            a56 = float(so_far[147])
            a57 = float(so_far[148])
            a58 = float(so_far[149])
            a59 = float(so_far[150])
            a60 = float(so_far[151] + today * so_far[152])
            a61 = float(so_far[153])
            a62 = float(so_far[154])
            a63 = float(so_far[155] + today * (so_far[156] + today * so_far[157]))
            a64 = float(so_far[158] + today * so_far[159])
            a65 = np.nan if maxima[q * N_MAXIMA + 1] == NULL else float(maxima[q * N_MAXIMA + 1])
            a66 = float(so_far[160])
            a67 = float(so_far[161])
            a68 = float(so_far[162])
            a69 = float(so_far[163])
            a70 = float(so_far[164])
            a71 = float(so_far[165])
            a72 = float(so_far[166])
            a73 = float(so_far[167])
            a74 = float(so_far[168])
            a75 = float(so_far[169])
            a76 = float(so_far[170])
            a77 = float(so_far[171])
            a78 = float(so_far[172])
            a79 = float(so_far[173])
            a80 = float(so_far[174])
            a81 = float(so_far[175])
            a82 = float(so_far[176])
            a83 = float(so_far[177])
            a84 = float(so_far[178])
            a85 = float(today - day_of(keys[newest - 1])) if newest > 0 else np.nan
            a86 = np.nan if maxima[q * N_MAXIMA + 2] == NULL else float(maxima[q * N_MAXIMA + 2] + today)
            a87 = float(so_far[179])
            a88 = float(so_far[180])
            a89 = float(so_far[181] + today * so_far[182])
            a90 = float(so_far[183] + today * so_far[184])
            a91 = float(so_far[185])
            a92 = float(so_far[186])
            a93 = float(so_far[187])
            a94 = float(so_far[188])
            a95 = float(so_far[189])
            a96 = float(so_far[190])
            a97 = float(so_far[191])
            a98 = float(so_far[192])
            a99 = float(so_far[193])
            a100 = float(so_far[194])
            a101 = float(so_far[195])
            a102 = np.nan if maxima[q * N_MAXIMA + 3] == NULL else float(maxima[q * N_MAXIMA + 3])
            a103 = float(so_far[196])
            a104 = np.nan if peak[2] == NULL else float(today - day_of(peak[2]))
            a105 = float(so_far[197])
            a106 = np.nan if peak[3] == NULL else float(event_amount[peak[3] & ORDINAL_MASK])
            a107 = float(so_far[198])
            a108 = np.nan if peak[4] == NULL else float(event_value[peak[4] & ORDINAL_MASK])
            a109 = float(so_far[199])
            a110 = float(so_far[200])
            r0 = float(lates[held - 1]) if held >= 1 else np.nan
            r1 = float(lates[held - 2]) if held >= 2 else np.nan
            r2 = float(lates[held - 1] + lates[held - 2] + lates[held - 3]) if held >= 3 else np.nan
            r3 = float(lates[held - 1] + lates[held - 2] + lates[held - 3] + lates[held - 4] + lates[held - 5] + lates[held - 6] + lates[held - 7] + lates[held - 8] + lates[held - 9] + lates[held - 10]) if held >= 10 else np.nan
            r4 = float(look[(shown - 1) // 2] + look[shown // 2]) if shown > 0 else np.nan
            r5 = float(look[ON_TIME_STREAK]) if shown > 0 else np.nan
            r6 = float(look[LATE_STREAK]) if shown > 0 else np.nan
            r7 = float(look[DISTINCT_DAYS]) if shown > 0 else np.nan
            r8 = float(day_of(keys[held - 1]) - day_of(keys[held - shown])) if shown > 0 else np.nan
            total = 0
            for j in range(shown):
                total += WEIGHTS_3[RECENT - shown + j] * lates[held - shown + j]
            r9 = float(total) if shown > 0 else np.nan
            total = 0
            for j in range(shown):
                total += WEIGHTS_10[RECENT - shown + j] * lates[held - shown + j]
            r10 = float(total) if shown > 0 else np.nan
            r11 = float(WEIGHT_SUMS_3[shown]) if shown > 0 else np.nan
            r12 = float(WEIGHT_SUMS_10[shown]) if shown > 0 else np.nan
            x0 = given[row, 12] * 10.0
            x1 = a15 + x0
            x2 = a14 + 10.0
            x3 = x1 / x2
            x3 = np.nan if x2 == 0.0 else x3
            x4 = given[row, 13] * 10.0
            x5 = a18 + x4
            x6 = a17 + 10.0
            x7 = x5 / x6
            x7 = np.nan if x6 == 0.0 else x7
            x8 = given[row, 14] * 10.0
            x9 = a22 + x8
            x10 = a21 + 10.0
            x11 = x9 / x10
            x11 = np.nan if x10 == 0.0 else x11
            x12 = given[row, 15] * 10.0
            x13 = a27 + x12
            x14 = a26 + 10.0
            x15 = x13 / x14
            x15 = np.nan if x14 == 0.0 else x15
            x16 = given[row, 16] * 10.0
            x17 = a32 + x16
            x18 = a31 + 10.0
            x19 = x17 / x18
            x19 = np.nan if x18 == 0.0 else x19
            x20 = given[row, 17] * 10.0
            x21 = a36 + x20
            x22 = a35 + 10.0
            x23 = x21 / x22
            x23 = np.nan if x22 == 0.0 else x23
            x24 = given[row, 18] * 10.0
            x25 = a40 + x24
            x26 = a39 + 10.0
            x27 = x25 / x26
            x27 = np.nan if x26 == 0.0 else x27
            x28 = given[row, 19] * 10.0
            x29 = a44 + x28
            x30 = a43 + 10.0
            x31 = x29 / x30
            x31 = np.nan if x30 == 0.0 else x31
            x32 = given[row, 20] * 10.0
            x33 = a48 + x32
            x34 = a47 + 10.0
            x35 = x33 / x34
            x35 = np.nan if x34 == 0.0 else x35
            x36 = given[row, 21] * 10.0
            x37 = a51 + x36
            x38 = a50 + 10.0
            x39 = x37 / x38
            x39 = np.nan if x38 == 0.0 else x39
            x40 = given[row, 22] * 10.0
            x41 = a53 + x40
            x42 = a52 + 10.0
            x43 = x41 / x42
            x43 = np.nan if x42 == 0.0 else x43
            x44 = a9 + x12
            x45 = a8 + 10.0
            x46 = x44 / x45
            x46 = np.nan if x45 == 0.0 else x46
            x47 = a11 + x20
            x48 = a10 + 10.0
            x49 = x47 / x48
            x49 = np.nan if x48 == 0.0 else x49
            x50 = a13 + x32
            x51 = a12 + 10.0
            x52 = x50 / x51
            x52 = np.nan if x51 == 0.0 else x52
            x53 = a54 / a55
            x53 = np.nan if a55 == 0.0 else x53
            x54 = a57 / a58
            x54 = np.nan if a58 == 0.0 else x54
            x55 = a68 / a71
            x55 = np.nan if a71 == 0.0 else x55
            x56 = a59 / a56
            x56 = np.nan if a56 == 0.0 else x56
            x57 = a82 / a66
            x57 = np.nan if a66 == 0.0 else x57
            x58 = r9 / r11
            x58 = np.nan if r11 == 0.0 else x58
            x59 = r10 / r12
            x59 = np.nan if r12 == 0.0 else x59
            x60 = r4 * 0.5
            x61 = a71 * a83
            x62 = a68 * a68
            x63 = x61 - x62
            x64 = np.sqrt(x63)
            x65 = x64 / a71
            x65 = np.nan if a71 == 0.0 else x65
            x66 = x65 if a71 > 1.0 else np.nan
            x67 = a69 / a72
            x67 = np.nan if a72 == 0.0 else x67
            x68 = a67 / a66
            x68 = np.nan if a66 == 0.0 else x68
            x69 = a73 / a71
            x69 = np.nan if a71 == 0.0 else x69
            x70 = a70 / a71
            x70 = np.nan if a71 == 0.0 else x70
            x71 = r2 * 0.3333333333333333
            x72 = r3 * 0.1
            x73 = a62 * a64
            x74 = a60 * a61
            x75 = x73 - x74
            x76 = a62 * a63
            x77 = a60 * a60
            x78 = x76 - x77
            x79 = x75 / x78
            x79 = np.nan if x78 == 0.0 else x79
            x80 = x79 if a62 > 2.0 else np.nan
            x81 = x80 * -30.0
            x82 = x53 - x55
            x83 = x46 - x15
            x84 = a1 * 4.055555555555555
            x85 = x84 / a3
            x85 = np.nan if a3 == 0.0 else x85
            x86 = 0.2 * 5.0
            x87 = a75 + x86
            x88 = a71 + 5.0
            x89 = x87 / x88
            x89 = np.nan if x88 == 0.0 else x89
            x90 = a76 + x86
            x91 = x90 / x88
            x91 = np.nan if x88 == 0.0 else x91
            x92 = a77 + x86
            x93 = x92 / x88
            x93 = np.nan if x88 == 0.0 else x93
            x94 = a78 + x86
            x95 = x94 / x88
            x95 = np.nan if x88 == 0.0 else x95
            x96 = a79 + x86
            x97 = x96 / x88
            x97 = np.nan if x88 == 0.0 else x97
            x98 = 0.0 * 5.0
            x99 = a80 + x98
            x100 = x99 / x88
            x100 = np.nan if x88 == 0.0 else x100
            x101 = a81 + x98
            x102 = x101 / x88
            x102 = np.nan if x88 == 0.0 else x102
            x103 = x89 * x89
            x104 = x91 * x91
            x105 = x103 + x104
            x106 = x93 * x93
            x107 = x105 + x106
            x108 = x95 * x95
            x109 = x107 + x108
            x110 = x97 * x97
            x111 = x109 + x110
            x112 = x100 * x100
            x113 = x111 + x112
            x114 = x102 * x102
            x115 = x113 + x114
            x116, largest = 0.0, x89
            x116, largest = (1.0, x91) if x91 > largest else (x116, largest)
            x116, largest = (2.0, x93) if x93 > largest else (x116, largest)
            x116, largest = (3.0, x95) if x95 > largest else (x116, largest)
            x116, largest = (4.0, x97) if x97 > largest else (x116, largest)
            x116, largest = (5.0, x100) if x100 > largest else (x116, largest)
            x116, largest = (6.0, x102) if x102 > largest else (x116, largest)
            x117 = x116 - given[row, 0]
            x118 = x117 - 7.0 * np.floor(x117 / 7.0)
            x119 = x118 if a71 > 2.5 else np.nan
            x120 = x7 * 5.0
            x121 = a19 + x120
            x122 = a16 + 5.0
            x123 = x121 / x122
            x123 = np.nan if x122 == 0.0 else x123
            x124 = given[row, 0] * 0.0
            x125 = x123 + x124
            x126 = x11 * 5.0
            x127 = a23 + x126
            x128 = a20 + 5.0
            x129 = x127 / x128
            x129 = np.nan if x128 == 0.0 else x129
            x130 = x129 + x124
            x131 = x15 * 5.0
            x132 = a28 + x131
            x133 = a24 + 5.0
            x134 = x132 / x133
            x134 = np.nan if x133 == 0.0 else x134
            x135 = x134 + x124
            x136 = x19 * 5.0
            x137 = a33 + x136
            x138 = a30 + 5.0
            x139 = x137 / x138
            x139 = np.nan if x138 == 0.0 else x139
            x140 = x139 + x124
            x141 = x23 * 5.0
            x142 = a37 + x141
            x143 = a34 + 5.0
            x144 = x142 / x143
            x144 = np.nan if x143 == 0.0 else x144
            x145 = x144 + x124
            x146 = x27 * 5.0
            x147 = a41 + x146
            x148 = a38 + 5.0
            x149 = x147 / x148
            x149 = np.nan if x148 == 0.0 else x149
            x150 = x149 + x124
            x151 = x31 * 5.0
            x152 = a45 + x151
            x153 = a42 + 5.0
            x154 = x152 / x153
            x154 = np.nan if x153 == 0.0 else x154
            x155 = x154 + x124
            x156 = x35 * 5.0
            x157 = a49 + x156
            x158 = a46 + 5.0
            x159 = x157 / x158
            x159 = np.nan if x158 == 0.0 else x159
            x160 = x159 + x124
            x161 = r7 - 1.0
            x162 = r8 / x161
            x162 = np.nan if x161 == 0.0 else x162
            x163 = a88 * given[row, 1]
            x164 = a92 * given[row, 1]
            x165 = a91 / a87
            x165 = np.nan if a87 == 0.0 else x165
            x166 = a92 / a88
            x166 = np.nan if a88 == 0.0 else x166
            x167 = a93 / a88
            x167 = np.nan if a88 == 0.0 else x167
            x168 = a94 / a88
            x168 = np.nan if a88 == 0.0 else x168
            x169 = a95 / a88
            x169 = np.nan if a88 == 0.0 else x169
            x170 = a90 / a91
            x170 = np.nan if a91 == 0.0 else x170
            x171 = a89 / a88
            x171 = np.nan if a88 == 0.0 else x171
            x172 = a92 / a1
            x172 = np.nan if a1 == 0.0 else x172
            x173 = a88 * 90.0
            x174 = x173 / a1
            x174 = np.nan if a1 == 0.0 else x174
            x175 = a106 * given[row, 1]
            x176 = a88 / a106
            x176 = np.nan if a106 == 0.0 else x176
            x177 = a88 + given[row, 2]
            x178 = x177 / a106
            x178 = np.nan if a106 == 0.0 else x178
            x179 = given[row, 2] * given[row, 1]
            x180 = given[row, 2] * a5
            x181 = x180 / a3
            x181 = np.nan if a3 == 0.0 else x181
            x182 = given[row, 2] / a2
            x182 = np.nan if a2 == 0.0 else x182
            x183 = given[row, 2] / a88
            x183 = np.nan if a88 == 0.0 else x183
            x184 = a0 * 12.166666666666666
            x185 = x184 / a5
            x185 = np.nan if a5 == 0.0 else x185
            x186 = a3 * given[row, 1]
            x187 = x186 / a5
            x187 = np.nan if a5 == 0.0 else x187
            x188 = a4 / a5
            x188 = np.nan if a5 == 0.0 else x188
            x189 = given[row, 3] - x188
            x190 = a29 + x131
            x191 = a25 + 5.0
            x192 = x190 / x191
            x192 = np.nan if x191 == 0.0 else x192
            x193 = given[row, 3] * 0.0
            x194 = x192 + x193
            x195 = a96 / a5
            x195 = np.nan if a5 == 0.0 else x195
            x196 = a97 / a88
            x196 = np.nan if a88 == 0.0 else x196
            x197 = a100 / a101
            x197 = np.nan if a101 == 0.0 else x197
            x198 = a103 / a5
            x198 = np.nan if a5 == 0.0 else x198
            x199 = a74 / a71
            x199 = np.nan if a71 == 0.0 else x199
            x200 = a105 / a3
            x200 = np.nan if a3 == 0.0 else x200
            x201 = np.nan if np.isnan(a110) else 1.0 if a110 > 0.0 else 0.0
            x202 = x15 - given[row, 15]
            x203 = given[row, 11] if np.isnan(a6) or given[row, 11] >= a6 else a6
            x204 = a84 * -1.0
            x205 = np.nan if np.isnan(x204) else 1.0 if x204 > -3.0 else 0.0
            out[row, 0] = x3  # late_over_m10_rate
            out[row, 1] = x7  # late_over_m5_rate
            out[row, 2] = x11  # late_over_m2_rate
            out[row, 3] = x15  # late_over_0_rate
            out[row, 4] = x19  # late_over_2_rate
            out[row, 5] = x23  # late_over_5_rate
            out[row, 6] = x27  # late_over_8_rate
            out[row, 7] = x31  # late_over_15_rate
            out[row, 8] = x35  # late_over_30_rate
            out[row, 9] = x39  # late_over_60_rate
            out[row, 10] = x43  # late_over_90_rate
            out[row, 11] = x46  # late_over_0_rate_90d
            out[row, 12] = x49  # late_over_5_rate_90d
            out[row, 13] = x52  # late_over_30_rate_90d
            out[row, 14] = x53  # mean_days_late_30d
            out[row, 15] = x54  # mean_days_late_90d
            out[row, 16] = x55  # mean_days_late_365d
            out[row, 17] = x56  # wadl_90d
            out[row, 18] = x57  # wadl_365d
            out[row, 19] = x58  # ewma_days_late_3
            out[row, 20] = x59  # ewma_days_late_10
            out[row, 21] = x60  # median_days_late_25
            out[row, 22] = a65  # max_days_late_365d
            out[row, 23] = x66  # days_late_std_365d
            out[row, 24] = x67  # avg_days_late_if_late_365d
            out[row, 25] = x68  # late_ratio_amount_365d
            out[row, 26] = x69  # early_pay_ratio_365d
            out[row, 27] = x70  # mean_days_to_pay_365d
            out[row, 28] = r0  # last_days_late
            out[row, 29] = r1  # second_last_days_late
            out[row, 30] = x71  # mean_days_late_last_3
            out[row, 31] = x72  # mean_days_late_last_10
            out[row, 32] = r5  # on_time_streak
            out[row, 33] = r6  # late_streak
            out[row, 34] = x81  # days_late_slope_180d
            out[row, 35] = x82  # mean_days_late_30_minus_365
            out[row, 36] = x83  # late_rate_90_minus_365
            out[row, 37] = x85  # sales_growth_90_365
            out[row, 38] = x89  # pay_share_monday
            out[row, 39] = x91  # pay_share_tuesday
            out[row, 40] = x93  # pay_share_wednesday
            out[row, 41] = x95  # pay_share_thursday
            out[row, 42] = x97  # pay_share_friday
            out[row, 43] = x100  # pay_share_saturday
            out[row, 44] = x102  # pay_share_sunday
            out[row, 45] = x115  # pay_day_concentration
            out[row, 46] = x119  # days_from_due_to_pay_day
            out[row, 47] = x125  # late_over_m5_rate_same_due_weekday
            out[row, 48] = x130  # late_over_m2_rate_same_due_weekday
            out[row, 49] = x135  # late_over_0_rate_same_due_weekday
            out[row, 50] = x140  # late_over_2_rate_same_due_weekday
            out[row, 51] = x145  # late_over_5_rate_same_due_weekday
            out[row, 52] = x150  # late_over_8_rate_same_due_weekday
            out[row, 53] = x155  # late_over_15_rate_same_due_weekday
            out[row, 54] = x160  # late_over_30_rate_same_due_weekday
            out[row, 55] = x162  # payment_gap_days
            out[row, 56] = a85  # days_since_payment
            out[row, 57] = a87  # n_open
            out[row, 58] = x163  # open_amount
            out[row, 59] = a91  # n_overdue
            out[row, 60] = x164  # overdue_amount
            out[row, 61] = x165  # overdue_ratio_n
            out[row, 62] = x166  # overdue_ratio
            out[row, 63] = x167  # overdue_15_ratio
            out[row, 64] = x168  # overdue_30_ratio
            out[row, 65] = x169  # overdue_60_ratio
            out[row, 66] = a86  # oldest_open_item_days
            out[row, 67] = x170  # avg_open_days_late
            out[row, 68] = x171  # open_age_days
            out[row, 69] = x172  # overdue_to_sales_90d
            out[row, 70] = x174  # dso_90d
            out[row, 71] = x175  # credit_limit
            out[row, 72] = x176  # utilisation
            out[row, 73] = x178  # utilisation_after
            out[row, 74] = x179  # order_amount
            out[row, 75] = x181  # order_amount_to_mean
            out[row, 76] = x182  # order_amount_to_max
            out[row, 77] = x183  # order_to_open_amount
            out[row, 78] = a0  # invoices_30d
            out[row, 79] = x185  # order_velocity_ratio
            out[row, 80] = a7  # days_since_invoice
            out[row, 81] = x187  # mean_invoice_amount_365d
            out[row, 82] = given[row, 3]  # net_days
            out[row, 83] = given[row, 4]  # days_to_due
            out[row, 84] = x189  # terms_vs_own_mean
            out[row, 85] = x194  # late_rate_same_terms
            out[row, 86] = a107  # terms_changes_365d
            out[row, 87] = a108  # agreed_net_days
            out[row, 88] = given[row, 0]  # due_weekday
            out[row, 89] = given[row, 5]  # due_day_of_month
            out[row, 90] = given[row, 6]  # due_month_end
            out[row, 91] = given[row, 7]  # due_quarter_end
            out[row, 92] = given[row, 8]  # due_on_holiday
            out[row, 93] = given[row, 9]  # due_to_working_day
            out[row, 94] = given[row, 10]  # issue_weekday
            out[row, 95] = x195  # dispute_ratio_365d
            out[row, 96] = a98  # n_open_disputes
            out[row, 97] = x196  # open_dispute_share
            out[row, 98] = a99  # promises_365d
            out[row, 99] = x197  # broken_promise_ratio_365d
            out[row, 100] = a102  # dunning_level_max_180d
            out[row, 101] = x198  # dunnings_365d
            out[row, 102] = a104  # days_since_dunning
            out[row, 103] = x199  # partial_payment_ratio_365d
            out[row, 104] = x200  # credit_note_ratio_365d
            out[row, 105] = a109  # write_offs_ever
            out[row, 106] = x201  # is_insolvent
            out[row, 107] = given[row, 13]  # peer_late_over_m5_rate
            out[row, 108] = given[row, 14]  # peer_late_over_m2_rate
            out[row, 109] = given[row, 15]  # peer_late_over_0_rate
            out[row, 110] = given[row, 16]  # peer_late_over_2_rate
            out[row, 111] = given[row, 17]  # peer_late_over_5_rate
            out[row, 112] = given[row, 19]  # peer_late_over_15_rate
            out[row, 113] = given[row, 20]  # peer_late_over_30_rate
            out[row, 114] = x202  # distance_to_peers
            out[row, 115] = a71  # n_settled_365d
            out[row, 116] = a84  # n_settled
            out[row, 117] = a6  # history_days
            out[row, 118] = x203  # tenure_days
            out[row, 119] = x205  # is_cold_start
        sums[n] = 0
        net[n * across : (n + 1) * across] = 0
