"""Written by `otcrisk docs` from features/table.py; do not edit. The method: features/kernel.py."""

# kernel 7b6083f18c9a9f39: numba's cache of this file must go when what it calls has changed
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

ISSUED, BILLED, SETTLED, OPEN, DISPUTE, PROMISE, DUNNING, CREDIT, LIMIT, TERMS, LOSS, INSOLVENCY = range(12)
GIVEN = ('order_due_weekday', 'base_unit', 'order_amount', 'order_net_days', 'order_days_to_due', 'order_due_day_of_month', 'order_due_month_end', 'order_due_quarter_end', 'order_due_on_holiday', 'order_due_to_working_day', 'order_issue_weekday', 'customer_tenure')
PRIORS = (-10, -5, -2, 0, 2, 5, 8, 15, 30, 60, 90)
N_FEATURES, WIDTH, N_MAXIMA, N_NET = 110, 117, 10, 2
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
                key, level = v_amount, levels[until - start]
                other = until - (1 << level)
                maxima[0, level, start] = max(maxima[0, level, start], key)
                maxima[0, level, other] = max(maxima[0, level, other], key)
                sums[start, 2] += v_amount
                sums[until, 2] -= v_amount
                sums[start, 3] += v_net_days
                sums[until, 3] -= v_net_days
                sums[start, 4] += 1
                sums[until, 4] -= 1
            until = last
            if first < until:
                start = first
                key, level = -day, levels[until - start]
                other = until - (1 << level)
                maxima[1, level, start] = max(maxima[1, level, start], key)
                maxima[1, level, other] = max(maxima[1, level, other], key)
                start = max(first, days[min(max(day + 0 - first_day, 0), top)])
                if start < until:
                    key, level = (day << 31) + ordinal, levels[until - start]
                    other = until - (1 << level)
                    maxima[2, level, start] = max(maxima[2, level, start], key)
                    maxima[2, level, other] = max(maxima[2, level, other], key)
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
                            key, level = -due_day, levels[until - start]
                            other = until - (1 << level)
                            maxima[5, level, start] = max(maxima[5, level, start], key)
                            maxima[5, level, other] = max(maxima[5, level, other], key)
                            sums[start, 95] += 1
                            sums[until, 95] -= 1
                            sums[start, 96] += v_residual
                            sums[until, 96] -= v_residual
                            sums[start, 97] += (v_residual) * (-day)
                            sums[until, 97] -= (v_residual) * (-day)
                            sums[start, 98] += v_residual
                            sums[until, 98] -= v_residual
                            start = max(first, days[min(max(due_day + 1 - first_day, 0), top)])
                            if start < until:
                                sums[start, 99] += -due_day
                                sums[until, 99] -= -due_day
                                sums[start, 100] += 1
                                sums[until, 100] -= 1
                                sums[start, 101] += 1
                                sums[until, 101] -= 1
                                sums[start, 102] += v_residual
                                sums[until, 102] -= v_residual
                            start = max(first, days[min(max(due_day + 16 - first_day, 0), top)])
                            if start < until:
                                sums[start, 103] += v_residual
                                sums[until, 103] -= v_residual
                            start = max(first, days[min(max(due_day + 31 - first_day, 0), top)])
                            if start < until:
                                sums[start, 104] += v_residual
                                sums[until, 104] -= v_residual
                            start = max(first, days[min(max(due_day + 61 - first_day, 0), top)])
                            if start < until:
                                sums[start, 105] += v_residual
                                sums[until, 105] -= v_residual
                    if is_open or lost > 0 or paid > 0:
                        day = due_day
                        code = -1
                        for j in range(len(codes)):
                            if codes[j] == v_net_days:
                                code = j
                        until = min(last, days[min(max(day + 91 - first_day, 0), top)])
                        if first < until:
                            start = max(first, days[min(max(due_day + 1 - first_day, 0), top)])
                            if start < until:
                                sums[start, 5] += (1 if v_days_late > 0 else 0)
                                sums[until, 5] -= (1 if v_days_late > 0 else 0)
                                sums[start, 6] += 1
                                sums[until, 6] -= 1
                        until = min(last, days[min(max(day + 96 - first_day, 0), top)])
                        if first < until:
                            start = max(first, days[min(max(due_day + 6 - first_day, 0), top)])
                            if start < until:
                                sums[start, 7] += (1 if v_days_late > 5 else 0)
                                sums[until, 7] -= (1 if v_days_late > 5 else 0)
                                sums[start, 8] += 1
                                sums[until, 8] -= 1
                        until = min(last, days[min(max(day + 121 - first_day, 0), top)])
                        if first < until:
                            start = max(first, days[min(max(due_day + 31 - first_day, 0), top)])
                            if start < until:
                                sums[start, 9] += (1 if v_days_late > 30 else 0)
                                sums[until, 9] -= (1 if v_days_late > 30 else 0)
                                sums[start, 10] += 1
                                sums[until, 10] -= 1
                        until = min(last, days[min(max(day + 366 - first_day, 0), top)])
                        if first < until:
                            start = max(first, days[min(max(due_day + -9 - first_day, 0), top)])
                            if start < until:
                                sums[start, 11] += (1 if v_days_late > -10 else 0)
                                sums[until, 11] -= (1 if v_days_late > -10 else 0)
                                sums[start, 12] += 1
                                sums[until, 12] -= 1
                            start = max(first, days[min(max(due_day + -4 - first_day, 0), top)])
                            if start < until:
                                sums[start, 13] += (1 if v_days_late > -5 else 0)
                                sums[until, 13] -= (1 if v_days_late > -5 else 0)
                                sums[start, 14] += 1
                                sums[until, 14] -= 1
                            start = max(first, days[min(max(due_day + -1 - first_day, 0), top)])
                            if start < until:
                                sums[start, 15] += (1 if v_days_late > -2 else 0)
                                sums[until, 15] -= (1 if v_days_late > -2 else 0)
                                sums[start, 16] += 1
                                sums[until, 16] -= 1
                            start = max(first, days[min(max(due_day + 1 - first_day, 0), top)])
                            if start < until:
                                sums[start, 17] += (1 if v_days_late > 0 else 0)
                                sums[until, 17] -= (1 if v_days_late > 0 else 0)
                                sums[start, 18 + v_due_weekday] += (1 if v_days_late > 0 else 0)
                                sums[until, 18 + v_due_weekday] -= (1 if v_days_late > 0 else 0)
                                if code >= 0 and v_days_late > 0:
                                    net[start, code * N_NET + 0] += 1
                                    net[until, code * N_NET + 0] -= 1
                                sums[start, 25 + v_due_weekday] += 1
                                sums[until, 25 + v_due_weekday] -= 1
                                if code >= 0:
                                    net[start, code * N_NET + 1] += 1
                                    net[until, code * N_NET + 1] -= 1
                                sums[start, 32] += 1
                                sums[until, 32] -= 1
                            start = max(first, days[min(max(due_day + 3 - first_day, 0), top)])
                            if start < until:
                                sums[start, 33] += (1 if v_days_late > 2 else 0)
                                sums[until, 33] -= (1 if v_days_late > 2 else 0)
                                sums[start, 34 + v_due_weekday] += (1 if v_days_late > 2 else 0)
                                sums[until, 34 + v_due_weekday] -= (1 if v_days_late > 2 else 0)
                                sums[start, 41 + v_due_weekday] += 1
                                sums[until, 41 + v_due_weekday] -= 1
                                sums[start, 48] += 1
                                sums[until, 48] -= 1
                            start = max(first, days[min(max(due_day + 6 - first_day, 0), top)])
                            if start < until:
                                sums[start, 49] += (1 if v_days_late > 5 else 0)
                                sums[until, 49] -= (1 if v_days_late > 5 else 0)
                                sums[start, 50] += 1
                                sums[until, 50] -= 1
                            start = max(first, days[min(max(due_day + 9 - first_day, 0), top)])
                            if start < until:
                                sums[start, 51] += (1 if v_days_late > 8 else 0)
                                sums[until, 51] -= (1 if v_days_late > 8 else 0)
                                sums[start, 52] += 1
                                sums[until, 52] -= 1
                            start = max(first, days[min(max(due_day + 16 - first_day, 0), top)])
                            if start < until:
                                sums[start, 53] += (1 if v_days_late > 15 else 0)
                                sums[until, 53] -= (1 if v_days_late > 15 else 0)
                                sums[start, 54] += 1
                                sums[until, 54] -= 1
                            start = max(first, days[min(max(due_day + 31 - first_day, 0), top)])
                            if start < until:
                                sums[start, 55] += (1 if v_days_late > 30 else 0)
                                sums[until, 55] -= (1 if v_days_late > 30 else 0)
                                sums[start, 56] += 1
                                sums[until, 56] -= 1
                            start = max(first, days[min(max(due_day + 61 - first_day, 0), top)])
                            if start < until:
                                sums[start, 57] += (1 if v_days_late > 60 else 0)
                                sums[until, 57] -= (1 if v_days_late > 60 else 0)
                                sums[start, 58] += 1
                                sums[until, 58] -= 1
                            start = max(first, days[min(max(due_day + 91 - first_day, 0), top)])
                            if start < until:
                                sums[start, 59] += (1 if v_days_late > 90 else 0)
                                sums[until, 59] -= (1 if v_days_late > 90 else 0)
                                sums[start, 60] += 1
                                sums[until, 60] -= 1
                    if is_settled:
                        day = last_day
                        v_days_to_pay, v_settled_weekday = last_day - issued[i], (last_day + 3) % 7
                        until = min(last, days[min(max(day + 31 - first_day, 0), top)])
                        if first < until:
                            start = first
                            sums[start, 61] += v_days_late
                            sums[until, 61] -= v_days_late
                            sums[start, 62] += 1
                            sums[until, 62] -= 1
                        until = min(last, days[min(max(day + 91 - first_day, 0), top)])
                        if first < until:
                            start = first
                            sums[start, 63] += v_amount
                            sums[until, 63] -= v_amount
                            sums[start, 64] += v_days_late
                            sums[until, 64] -= v_days_late
                            sums[start, 65] += 1
                            sums[until, 65] -= 1
                            sums[start, 66] += (v_amount) * (v_days_late)
                            sums[until, 66] -= (v_amount) * (v_days_late)
                        until = min(last, days[min(max(day + 181 - first_day, 0), top)])
                        if first < until:
                            start = first
                            sums[start, 67] += -day
                            sums[until, 67] -= -day
                            sums[start, 68] += 1
                            sums[until, 68] -= 1
                            sums[start, 69] += v_days_late
                            sums[until, 69] -= v_days_late
                            sums[start, 70] += 1
                            sums[until, 70] -= 1
                            sums[start, 71] += (-day) * (-day)
                            sums[until, 71] -= (-day) * (-day)
                            sums[start, 72] += (-day) + (-day)
                            sums[until, 72] -= (-day) + (-day)
                            sums[start, 73] += 1
                            sums[until, 73] -= 1
                            sums[start, 74] += (-day) * (v_days_late)
                            sums[until, 74] -= (-day) * (v_days_late)
                            sums[start, 75] += v_days_late
                            sums[until, 75] -= v_days_late
                        until = min(last, days[min(max(day + 366 - first_day, 0), top)])
                        if first < until:
                            start = first
                            key, level = v_days_late, levels[until - start]
                            other = until - (1 << level)
                            maxima[3, level, start] = max(maxima[3, level, start], key)
                            maxima[3, level, other] = max(maxima[3, level, other], key)
                            sums[start, 76] += v_amount
                            sums[until, 76] -= v_amount
                            sums[start, 77] += (v_amount if v_days_late > 0 else 0)
                            sums[until, 77] -= (v_amount if v_days_late > 0 else 0)
                            sums[start, 78] += v_days_late
                            sums[until, 78] -= v_days_late
                            sums[start, 79] += (v_days_late if v_days_late > 0 else 0)
                            sums[until, 79] -= (v_days_late if v_days_late > 0 else 0)
                            sums[start, 80] += v_days_to_pay
                            sums[until, 80] -= v_days_to_pay
                            sums[start, 81] += 1
                            sums[until, 81] -= 1
                            sums[start, 82] += (1 if v_days_late > 0 else 0)
                            sums[until, 82] -= (1 if v_days_late > 0 else 0)
                            sums[start, 83] += (1 if v_days_late <= -1 else 0)
                            sums[until, 83] -= (1 if v_days_late <= -1 else 0)
                            sums[start, 84] += (1 if v_parts > 1 else 0)
                            sums[until, 84] -= (1 if v_parts > 1 else 0)
                            sums[start, 85] += (1 if v_settled_weekday == 0 else 0)
                            sums[until, 85] -= (1 if v_settled_weekday == 0 else 0)
                            sums[start, 86] += (1 if v_settled_weekday == 1 else 0)
                            sums[until, 86] -= (1 if v_settled_weekday == 1 else 0)
                            sums[start, 87] += (1 if v_settled_weekday == 2 else 0)
                            sums[until, 87] -= (1 if v_settled_weekday == 2 else 0)
                            sums[start, 88] += (1 if v_settled_weekday == 3 else 0)
                            sums[until, 88] -= (1 if v_settled_weekday == 3 else 0)
                            sums[start, 89] += (1 if v_settled_weekday == 4 else 0)
                            sums[until, 89] -= (1 if v_settled_weekday == 4 else 0)
                            sums[start, 90] += (1 if v_settled_weekday == 5 else 0)
                            sums[until, 90] -= (1 if v_settled_weekday == 5 else 0)
                            sums[start, 91] += (1 if v_settled_weekday == 6 else 0)
                            sums[until, 91] -= (1 if v_settled_weekday == 6 else 0)
                            sums[start, 92] += (v_amount) * (v_days_late)
                            sums[until, 92] -= (v_amount) * (v_days_late)
                            sums[start, 93] += (v_days_late) * (v_days_late)
                            sums[until, 93] -= (v_days_late) * (v_days_late)
                        until = last
                        if first < until:
                            start = first
                            sums[start, 94] += 1
                            sums[until, 94] -= 1
                            start = max(first, days[min(max(day + 0 - first_day, 0), top)])
                            if start < until:
                                key, level = (day << 31) + ordinal, levels[until - start]
                                other = until - (1 << level)
                                maxima[4, level, start] = max(maxima[4, level, start], key)
                                maxima[4, level, other] = max(maxima[4, level, other], key)
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
                            sums[start, 106] += 1
                            sums[until, 106] -= 1
                        until = last
                        if first < until:
                            start = first
                            sums[start, 107] += (v_amount if v_is_open == 1 else 0)
                            sums[until, 107] -= (v_amount if v_is_open == 1 else 0)
                            sums[start, 108] += (1 if v_is_open == 1 else 0)
                            sums[until, 108] -= (1 if v_is_open == 1 else 0)
                    elif log == PROMISE:
                        until = min(last, days[min(max(day + 366 - first_day, 0), top)])
                        if first < until:
                            start = first
                            sums[start, 109] += 1
                            sums[until, 109] -= 1
                            start = max(first, days[min(max(due_day + 4 - first_day, 0), top)])
                            if start < until:
                                sums[start, 110] += (1 if v_broken == 1 else 0)
                                sums[until, 110] -= (1 if v_broken == 1 else 0)
                                sums[start, 111] += 1
                                sums[until, 111] -= 1
                    elif log == DUNNING:
                        until = min(last, days[min(max(day + 181 - first_day, 0), top)])
                        if first < until:
                            start = first
                            key, level = v_value, levels[until - start]
                            other = until - (1 << level)
                            maxima[6, level, start] = max(maxima[6, level, start], key)
                            maxima[6, level, other] = max(maxima[6, level, other], key)
                        until = min(last, days[min(max(day + 366 - first_day, 0), top)])
                        if first < until:
                            start = first
                            sums[start, 112] += 1
                            sums[until, 112] -= 1
                        until = last
                        if first < until:
                            start = max(first, days[min(max(day + 0 - first_day, 0), top)])
                            if start < until:
                                key, level = (day << 31) + ordinal, levels[until - start]
                                other = until - (1 << level)
                                maxima[7, level, start] = max(maxima[7, level, start], key)
                                maxima[7, level, other] = max(maxima[7, level, other], key)
                    elif log == CREDIT:
                        until = min(last, days[min(max(day + 366 - first_day, 0), top)])
                        if first < until:
                            start = first
                            sums[start, 113] += v_amount
                            sums[until, 113] -= v_amount
                    elif log == LIMIT:
                        until = last
                        if first < until:
                            start = max(first, days[min(max(day + 0 - first_day, 0), top)])
                            if start < until:
                                key, level = (day << 31) + ordinal, levels[until - start]
                                other = until - (1 << level)
                                maxima[8, level, start] = max(maxima[8, level, start], key)
                                maxima[8, level, other] = max(maxima[8, level, other], key)
                    elif log == TERMS:
                        until = min(last, days[min(max(day + 366 - first_day, 0), top)])
                        if first < until:
                            start = first
                            sums[start, 114] += 1
                            sums[until, 114] -= 1
                        until = last
                        if first < until:
                            start = max(first, days[min(max(day + 0 - first_day, 0), top)])
                            if start < until:
                                key, level = (day << 31) + ordinal, levels[until - start]
                                other = until - (1 << level)
                                maxima[9, level, start] = max(maxima[9, level, start], key)
                                maxima[9, level, other] = max(maxima[9, level, other], key)
                    elif log == LOSS:
                        until = last
                        if first < until:
                            start = first
                            sums[start, 115] += 1
                            sums[until, 115] -= 1
                    else:
                        until = last
                        if first < until:
                            start = first
                            sums[start, 116] += 1
                            sums[until, 116] -= 1
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
            a0 = float(sums[q, 0])
            a1 = float(sums[q, 1])
            a2 = np.nan if maxima[0, 0, q] == NULL else float(maxima[0, 0, q])
            a3 = float(sums[q, 2])
            a4 = float(sums[q, 3])
            a5 = float(sums[q, 4])
            a6 = np.nan if maxima[1, 0, q] == NULL else float(maxima[1, 0, q] + today)
            a7 = np.nan if maxima[2, 0, q] == NULL else float(today - day_of(maxima[2, 0, q]))
            a8 = float(sums[q, 5])
            a9 = float(sums[q, 6])
            a10 = float(sums[q, 7])
            a11 = float(sums[q, 8])
            a12 = float(sums[q, 9])
            a13 = float(sums[q, 10])
            a14 = float(sums[q, 11])
            a15 = float(sums[q, 12])
            a16 = float(sums[q, 13])
            a17 = float(sums[q, 14])
            a18 = float(sums[q, 15])
            a19 = float(sums[q, 16])
            a20 = float(sums[q, 17])
            a21 = float(sums[q, 18 + weekday]) if weekday >= 0 else 0.0
            a22 = float(net[q, code * N_NET + 0])
            a23 = float(sums[q, 25 + weekday]) if weekday >= 0 else 0.0
            a24 = float(net[q, code * N_NET + 1])
            a25 = float(sums[q, 32])
            a26 = float(sums[q, 33])
            a27 = float(sums[q, 34 + weekday]) if weekday >= 0 else 0.0
            a28 = float(sums[q, 41 + weekday]) if weekday >= 0 else 0.0
            a29 = float(sums[q, 48])
            a30 = float(sums[q, 49])
            a31 = float(sums[q, 50])
            a32 = float(sums[q, 51])
            a33 = float(sums[q, 52])
            a34 = float(sums[q, 53])
            a35 = float(sums[q, 54])
            a36 = float(sums[q, 55])
            a37 = float(sums[q, 56])
            a38 = float(sums[q, 57])
            a39 = float(sums[q, 58])
            a40 = float(sums[q, 59])
            a41 = float(sums[q, 60])
            a42 = float(sums[q, 61])
            a43 = float(sums[q, 62])
            a44 = float(sums[q, 63])
            a45 = float(sums[q, 64])
            a46 = float(sums[q, 65])
            a47 = float(sums[q, 66])
            a48 = float(sums[q, 67] + today * sums[q, 68])
            a49 = float(sums[q, 69])
            a50 = float(sums[q, 70])
            a51 = float(sums[q, 71] + today * (sums[q, 72] + today * sums[q, 73]))
            a52 = float(sums[q, 74] + today * sums[q, 75])
            a53 = np.nan if maxima[3, 0, q] == NULL else float(maxima[3, 0, q])
            a54 = float(sums[q, 76])
            a55 = float(sums[q, 77])
            a56 = float(sums[q, 78])
            a57 = float(sums[q, 79])
            a58 = float(sums[q, 80])
            a59 = float(sums[q, 81])
            a60 = float(sums[q, 82])
            a61 = float(sums[q, 83])
            a62 = float(sums[q, 84])
            a63 = float(sums[q, 85])
            a64 = float(sums[q, 86])
            a65 = float(sums[q, 87])
            a66 = float(sums[q, 88])
            a67 = float(sums[q, 89])
            a68 = float(sums[q, 90])
            a69 = float(sums[q, 91])
            a70 = float(sums[q, 92])
            a71 = float(sums[q, 93])
            a72 = float(sums[q, 94])
            a73 = np.nan if maxima[4, 0, q] == NULL else float(today - day_of(maxima[4, 0, q]))
            a74 = np.nan if maxima[5, 0, q] == NULL else float(maxima[5, 0, q] + today)
            a75 = float(sums[q, 95])
            a76 = float(sums[q, 96])
            a77 = float(sums[q, 97] + today * sums[q, 98])
            a78 = float(sums[q, 99] + today * sums[q, 100])
            a79 = float(sums[q, 101])
            a80 = float(sums[q, 102])
            a81 = float(sums[q, 103])
            a82 = float(sums[q, 104])
            a83 = float(sums[q, 105])
            a84 = float(sums[q, 106])
            a85 = float(sums[q, 107])
            a86 = float(sums[q, 108])
            a87 = float(sums[q, 109])
            a88 = float(sums[q, 110])
            a89 = float(sums[q, 111])
            a90 = np.nan if maxima[6, 0, q] == NULL else float(maxima[6, 0, q])
            a91 = float(sums[q, 112])
            a92 = np.nan if maxima[7, 0, q] == NULL else float(today - day_of(maxima[7, 0, q]))
            a93 = float(sums[q, 113])
            a94 = np.nan if maxima[8, 0, q] == NULL else float(event_amount[maxima[8, 0, q] & ORDINAL_MASK])
            a95 = float(sums[q, 114])
            a96 = np.nan if maxima[9, 0, q] == NULL else float(event_value[maxima[9, 0, q] & ORDINAL_MASK])
            a97 = float(sums[q, 115])
            a98 = float(sums[q, 116])
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
            x0 = given[12, row] * 10.0
            x1 = a14 + x0
            x2 = a15 + 10.0
            x3 = x1 / x2
            x3 = np.nan if x2 == 0.0 else x3
            x4 = given[13, row] * 10.0
            x5 = a16 + x4
            x6 = a17 + 10.0
            x7 = x5 / x6
            x7 = np.nan if x6 == 0.0 else x7
            x8 = given[14, row] * 10.0
            x9 = a18 + x8
            x10 = a19 + 10.0
            x11 = x9 / x10
            x11 = np.nan if x10 == 0.0 else x11
            x12 = given[15, row] * 10.0
            x13 = a20 + x12
            x14 = a25 + 10.0
            x15 = x13 / x14
            x15 = np.nan if x14 == 0.0 else x15
            x16 = given[16, row] * 10.0
            x17 = a26 + x16
            x18 = a29 + 10.0
            x19 = x17 / x18
            x19 = np.nan if x18 == 0.0 else x19
            x20 = given[17, row] * 10.0
            x21 = a30 + x20
            x22 = a31 + 10.0
            x23 = x21 / x22
            x23 = np.nan if x22 == 0.0 else x23
            x24 = given[18, row] * 10.0
            x25 = a32 + x24
            x26 = a33 + 10.0
            x27 = x25 / x26
            x27 = np.nan if x26 == 0.0 else x27
            x28 = given[19, row] * 10.0
            x29 = a34 + x28
            x30 = a35 + 10.0
            x31 = x29 / x30
            x31 = np.nan if x30 == 0.0 else x31
            x32 = given[20, row] * 10.0
            x33 = a36 + x32
            x34 = a37 + 10.0
            x35 = x33 / x34
            x35 = np.nan if x34 == 0.0 else x35
            x36 = given[21, row] * 10.0
            x37 = a38 + x36
            x38 = a39 + 10.0
            x39 = x37 / x38
            x39 = np.nan if x38 == 0.0 else x39
            x40 = given[22, row] * 10.0
            x41 = a40 + x40
            x42 = a41 + 10.0
            x43 = x41 / x42
            x43 = np.nan if x42 == 0.0 else x43
            x44 = a8 + x12
            x45 = a9 + 10.0
            x46 = x44 / x45
            x46 = np.nan if x45 == 0.0 else x46
            x47 = a10 + x20
            x48 = a11 + 10.0
            x49 = x47 / x48
            x49 = np.nan if x48 == 0.0 else x49
            x50 = a12 + x32
            x51 = a13 + 10.0
            x52 = x50 / x51
            x52 = np.nan if x51 == 0.0 else x52
            x53 = a42 / a43
            x53 = np.nan if a43 == 0.0 else x53
            x54 = a45 / a46
            x54 = np.nan if a46 == 0.0 else x54
            x55 = a56 / a59
            x55 = np.nan if a59 == 0.0 else x55
            x56 = a47 / a44
            x56 = np.nan if a44 == 0.0 else x56
            x57 = a70 / a54
            x57 = np.nan if a54 == 0.0 else x57
            x58 = r9 / r11
            x58 = np.nan if r11 == 0.0 else x58
            x59 = r10 / r12
            x59 = np.nan if r12 == 0.0 else x59
            x60 = r4 * 0.5
            x61 = a59 * a71
            x62 = a56 * a56
            x63 = x61 - x62
            x64 = np.sqrt(x63)
            x65 = x64 / a59
            x65 = np.nan if a59 == 0.0 else x65
            x66 = x65 if a59 > 1.0 else np.nan
            x67 = a57 / a60
            x67 = np.nan if a60 == 0.0 else x67
            x68 = a55 / a54
            x68 = np.nan if a54 == 0.0 else x68
            x69 = a61 / a59
            x69 = np.nan if a59 == 0.0 else x69
            x70 = a58 / a59
            x70 = np.nan if a59 == 0.0 else x70
            x71 = r2 * 0.3333333333333333
            x72 = r3 * 0.1
            x73 = a50 * a52
            x74 = a48 * a49
            x75 = x73 - x74
            x76 = a50 * a51
            x77 = a48 * a48
            x78 = x76 - x77
            x79 = x75 / x78
            x79 = np.nan if x78 == 0.0 else x79
            x80 = x79 if a50 > 2.0 else np.nan
            x81 = x80 * -30.0
            x82 = x53 - x55
            x83 = x46 - x15
            x84 = a1 * 4.055555555555555
            x85 = x84 / a3
            x85 = np.nan if a3 == 0.0 else x85
            x86 = 0.2 * 5.0
            x87 = a63 + x86
            x88 = a59 + 5.0
            x89 = x87 / x88
            x89 = np.nan if x88 == 0.0 else x89
            x90 = a64 + x86
            x91 = x90 / x88
            x91 = np.nan if x88 == 0.0 else x91
            x92 = a65 + x86
            x93 = x92 / x88
            x93 = np.nan if x88 == 0.0 else x93
            x94 = a66 + x86
            x95 = x94 / x88
            x95 = np.nan if x88 == 0.0 else x95
            x96 = a67 + x86
            x97 = x96 / x88
            x97 = np.nan if x88 == 0.0 else x97
            x98 = 0.0 * 5.0
            x99 = a68 + x98
            x100 = x99 / x88
            x100 = np.nan if x88 == 0.0 else x100
            x101 = a69 + x98
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
            x117 = x116 - given[0, row]
            x118 = x117 - 7.0 * np.floor(x117 / 7.0)
            x119 = x118 if a59 > 2.5 else np.nan
            x120 = x15 * 5.0
            x121 = a21 + x120
            x122 = a23 + 5.0
            x123 = x121 / x122
            x123 = np.nan if x122 == 0.0 else x123
            x124 = given[0, row] * 0.0
            x125 = x123 + x124
            x126 = x19 * 5.0
            x127 = a27 + x126
            x128 = a28 + 5.0
            x129 = x127 / x128
            x129 = np.nan if x128 == 0.0 else x129
            x130 = x129 + x124
            x131 = r7 - 1.0
            x132 = r8 / x131
            x132 = np.nan if x131 == 0.0 else x132
            x133 = a76 * given[1, row]
            x134 = a80 * given[1, row]
            x135 = a79 / a75
            x135 = np.nan if a75 == 0.0 else x135
            x136 = a80 / a76
            x136 = np.nan if a76 == 0.0 else x136
            x137 = a81 / a76
            x137 = np.nan if a76 == 0.0 else x137
            x138 = a82 / a76
            x138 = np.nan if a76 == 0.0 else x138
            x139 = a83 / a76
            x139 = np.nan if a76 == 0.0 else x139
            x140 = a78 / a79
            x140 = np.nan if a79 == 0.0 else x140
            x141 = a77 / a76
            x141 = np.nan if a76 == 0.0 else x141
            x142 = a80 / a1
            x142 = np.nan if a1 == 0.0 else x142
            x143 = a76 * 90.0
            x144 = x143 / a1
            x144 = np.nan if a1 == 0.0 else x144
            x145 = a94 * given[1, row]
            x146 = a76 / a94
            x146 = np.nan if a94 == 0.0 else x146
            x147 = a76 + given[2, row]
            x148 = x147 / a94
            x148 = np.nan if a94 == 0.0 else x148
            x149 = given[2, row] * given[1, row]
            x150 = given[2, row] * a5
            x151 = x150 / a3
            x151 = np.nan if a3 == 0.0 else x151
            x152 = given[2, row] / a2
            x152 = np.nan if a2 == 0.0 else x152
            x153 = given[2, row] / a76
            x153 = np.nan if a76 == 0.0 else x153
            x154 = a0 * 12.166666666666666
            x155 = x154 / a5
            x155 = np.nan if a5 == 0.0 else x155
            x156 = a3 * given[1, row]
            x157 = x156 / a5
            x157 = np.nan if a5 == 0.0 else x157
            x158 = a4 / a5
            x158 = np.nan if a5 == 0.0 else x158
            x159 = given[3, row] - x158
            x160 = a22 + x120
            x161 = a24 + 5.0
            x162 = x160 / x161
            x162 = np.nan if x161 == 0.0 else x162
            x163 = given[3, row] * 0.0
            x164 = x162 + x163
            x165 = a84 / a5
            x165 = np.nan if a5 == 0.0 else x165
            x166 = a85 / a76
            x166 = np.nan if a76 == 0.0 else x166
            x167 = a88 / a89
            x167 = np.nan if a89 == 0.0 else x167
            x168 = a91 / a5
            x168 = np.nan if a5 == 0.0 else x168
            x169 = a62 / a59
            x169 = np.nan if a59 == 0.0 else x169
            x170 = a93 / a3
            x170 = np.nan if a3 == 0.0 else x170
            x171 = np.nan if np.isnan(a98) else 1.0 if a98 > 0.0 else 0.0
            x172 = x15 - given[15, row]
            x173 = given[11, row] if np.isnan(a6) or given[11, row] >= a6 else a6
            x174 = a72 * -1.0
            x175 = np.nan if np.isnan(x174) else 1.0 if x174 > -3.0 else 0.0
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
            out[row, 22] = a53  # max_days_late_365d
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
            out[row, 47] = x125  # late_rate_same_due_weekday
            out[row, 48] = x130  # late_over_2_rate_same_due_weekday
            out[row, 49] = x132  # payment_gap_days
            out[row, 50] = a73  # days_since_payment
            out[row, 51] = a75  # n_open
            out[row, 52] = x133  # open_amount
            out[row, 53] = a79  # n_overdue
            out[row, 54] = x134  # overdue_amount
            out[row, 55] = x135  # overdue_ratio_n
            out[row, 56] = x136  # overdue_ratio
            out[row, 57] = x137  # overdue_15_ratio
            out[row, 58] = x138  # overdue_30_ratio
            out[row, 59] = x139  # overdue_60_ratio
            out[row, 60] = a74  # oldest_open_item_days
            out[row, 61] = x140  # avg_open_days_late
            out[row, 62] = x141  # open_age_days
            out[row, 63] = x142  # overdue_to_sales_90d
            out[row, 64] = x144  # dso_90d
            out[row, 65] = x145  # credit_limit
            out[row, 66] = x146  # utilisation
            out[row, 67] = x148  # utilisation_after
            out[row, 68] = x149  # order_amount
            out[row, 69] = x151  # order_amount_to_mean
            out[row, 70] = x152  # order_amount_to_max
            out[row, 71] = x153  # order_to_open_amount
            out[row, 72] = a0  # invoices_30d
            out[row, 73] = x155  # order_velocity_ratio
            out[row, 74] = a7  # days_since_invoice
            out[row, 75] = x157  # mean_invoice_amount_365d
            out[row, 76] = given[3, row]  # net_days
            out[row, 77] = given[4, row]  # days_to_due
            out[row, 78] = x159  # terms_vs_own_mean
            out[row, 79] = x164  # late_rate_same_terms
            out[row, 80] = a95  # terms_changes_365d
            out[row, 81] = a96  # agreed_net_days
            out[row, 82] = given[0, row]  # due_weekday
            out[row, 83] = given[5, row]  # due_day_of_month
            out[row, 84] = given[6, row]  # due_month_end
            out[row, 85] = given[7, row]  # due_quarter_end
            out[row, 86] = given[8, row]  # due_on_holiday
            out[row, 87] = given[9, row]  # due_to_working_day
            out[row, 88] = given[10, row]  # issue_weekday
            out[row, 89] = x165  # dispute_ratio_365d
            out[row, 90] = a86  # n_open_disputes
            out[row, 91] = x166  # open_dispute_share
            out[row, 92] = a87  # promises_365d
            out[row, 93] = x167  # broken_promise_ratio_365d
            out[row, 94] = a90  # dunning_level_max_180d
            out[row, 95] = x168  # dunnings_365d
            out[row, 96] = a92  # days_since_dunning
            out[row, 97] = x169  # partial_payment_ratio_365d
            out[row, 98] = x170  # credit_note_ratio_365d
            out[row, 99] = a97  # write_offs_ever
            out[row, 100] = x171  # is_insolvent
            out[row, 101] = given[15, row]  # peer_late_over_0_rate
            out[row, 102] = given[17, row]  # peer_late_over_5_rate
            out[row, 103] = given[20, row]  # peer_late_over_30_rate
            out[row, 104] = x172  # distance_to_peers
            out[row, 105] = a59  # n_settled_365d
            out[row, 106] = a72  # n_settled
            out[row, 107] = a6  # history_days
            out[row, 108] = x173  # tenure_days
            out[row, 109] = x175  # is_cold_start
