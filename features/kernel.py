"""The one compiled loop: what was known about customers at given moments, as whole numbers.

A fact counts during a span of time: from the moment it became known (or met a condition such as "more than 30 days past
due") until it is superseded or leaves the window. The moments at which a customer is looked at are sorted, so the span
covers a run of them: a sum adds the fact's value where the run starts and takes it off where it ends, and one running
sum over the moments gives every answer (a difference array). Values that grow with time are polynomials in today's
date. Maxima are painted over runs of 2^j moments and pushed down. The work per fact does not depend on how many moments
there are, so one order and a portfolio go through the same code.

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

# features.expression.Log, .Field, .Op and .Compare as plain integers, which is what compiled code wants
_ISSUED, _BILLED, _SETTLED, _OPEN, _DISPUTE, _PROMISE = range(6)
(
    _ONE, _AGE, _AMOUNT, _RESIDUAL, _DAYS_LATE, _DUE_AGE, _NET_DAYS, _DAYS_TO_PAY,
    _SETTLED_WEEKDAY, _DUE_WEEKDAY, _PARTS, _IS_OPEN, _VALUE, _BROKEN,
) = range(14)  # fmt: skip
N_FIELDS = 14
_SUM, _SUM_PRODUCT, _MAX, _LATEST = range(4)
(
    _R_DAYS_LATE, _R_SUM, _R_MEDIAN_TWICE, _R_COUNT, _R_ON_TIME, _R_LATE, _R_DISTINCT, _R_SPAN, _R_DECAYED, _R_WEIGHT,
) = range(10, 20)  # fmt: skip
_ABOVE, _EQUAL = 1, 2
NO_PARAMETER, DUE_WEEKDAY_PARAMETER, NET_DAYS_PARAMETER = range(3)

# columns of a family: facts of one log that count during the same spans
F_DAYS, F_AGE_ABOVE, F_DUE_ABOVE, F_FIRST, F_LAST = range(5)
#: "No such condition".
NONE = NULL
# columns of a spec: one aggregate
S_OP, S_FIELD, S_TIMES, S_ARGUMENT, S_COLUMN, S_PARAMETER, S_GROWS, S_CONDITIONS = range(8)
SPEC_WIDTH = S_CONDITIONS + 3 * 3
#: Ordinals of facts live in the low bits of the key that finds the latest one.
_ORDINAL_BITS = 31
_ORDINAL_MASK = (1 << _ORDINAL_BITS) - 1


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
def _first_at_or_after(times, moment):
    low, high = 0, len(times)
    while low < high:
        middle = (low + high) >> 1
        if times[middle] < moment:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def _meets(specs, s, record):
    for c in range(S_CONDITIONS, SPEC_WIDTH, 3):
        compare = specs[s, c + 1]
        if compare == 0:
            return True
        field, value = record[specs[s, c]], specs[s, c + 2]
        if compare == _ABOVE:
            if field <= value:
                return False
        elif compare == _EQUAL:
            if field != value:
                return False
        elif field > value:
            return False
    return True


@njit(cache=True, nogil=True)
def _paint(maxima, key, first, last):
    """Notes that `key` is a candidate at the moments first..last-1: two overlapping runs of 2^level moments."""
    level, length = 0, last - first
    while (2 << level) <= length:
        level += 1
    maxima[level, first] = max(maxima[level, first], key)
    other = last - (1 << level)
    maxima[level, other] = max(maxima[level, other], key)


@njit(cache=True, nogil=True)
def _add(log, begin, end, day, due, ordinal, record, slopes, times, codes, families, log_start, specs, sums, maxima):
    """Adds one fact that holds from `begin` until `end` into every aggregate of its log.

    `record` holds its fields; where `slopes` is 1 the field grows by one a day and `record` is its value on day 0.
    """
    for f in range(log_start[log], log_start[log + 1]):
        start, until = begin, min(end, (day + families[f, F_DAYS] + 1) * DAY_US)
        if families[f, F_AGE_ABOVE] != NONE:
            start = max(start, (day + families[f, F_AGE_ABOVE] + 1) * DAY_US)
        if families[f, F_DUE_ABOVE] != NONE:
            start = max(start, (due + families[f, F_DUE_ABOVE] + 1) * DAY_US)
        if start >= until:
            continue
        first, last = _first_at_or_after(times, start), _first_at_or_after(times, until)
        if first >= last:
            continue
        for s in range(families[f, F_FIRST], families[f, F_LAST]):
            if not _meets(specs, s, record):
                continue
            op, column = specs[s, S_OP], specs[s, S_COLUMN]
            field, times_field = specs[s, S_FIELD], specs[s, S_TIMES]
            if op == _MAX:
                _paint(maxima[column], record[field], first, last)
                continue
            if op == _LATEST:
                _paint(maxima[column], (day << _ORDINAL_BITS) + ordinal, first, last)
                continue
            parameter = specs[s, S_PARAMETER]
            if parameter == DUE_WEEKDAY_PARAMETER:
                column += record[_DUE_WEEKDAY]
            elif parameter == NET_DAYS_PARAMETER:
                code = _first_at_or_after(codes, record[_NET_DAYS])
                if code == len(codes) or codes[code] != record[_NET_DAYS]:
                    continue
                column += code * specs[s, S_ARGUMENT]
            # (a + b t)(c + d t) = ac + (ad + bc) t + bd t^2
            a, b = record[field], slopes[field]
            c, d = record[times_field], slopes[times_field]
            sums[first, column] += a * c
            sums[last, column] -= a * c
            if specs[s, S_GROWS] == 1:
                sums[first, column + 1] += a * d + b * c
                sums[last, column + 1] -= a * d + b * c
                sums[first, column + 2] += b * d
                sums[last, column + 2] -= b * d


@njit(cache=True, nogil=True)
def _recent(op, argument, days, lates, n, decay):
    """An aggregate over the newest n settlements; `days` and `lates` are newest first."""
    if op == _R_COUNT:
        return n
    if n == 0:
        return NULL
    if op == _R_DAYS_LATE:
        return lates[argument - 1] if n >= argument else NULL
    if op == _R_SUM:
        return lates[:argument].sum() if n >= argument else NULL
    if op == _R_MEDIAN_TWICE:
        ordered = np.sort(lates[:n])
        return ordered[(n - 1) // 2] + ordered[n // 2]
    if op in (_R_ON_TIME, _R_LATE):
        streak = 0
        while streak < n and (lates[streak] > 0) == (op == _R_LATE):
            streak += 1
        return streak
    if op == _R_DISTINCT:
        distinct = 1
        for i in range(1, n):
            distinct += days[i] != days[i - 1]
        return distinct
    if op == _R_SPAN:
        return days[0] - days[n - 1]
    total = 0
    for i in range(n):
        total += decay[argument, i] * (1 if op == _R_WEIGHT else lates[i])
    return total


@njit(cache=True, nogil=True)
def _settle(n, keys, lates, key, late):
    """Puts a settlement into the list sorted by (day, ordinal); returns its new length."""
    at = n
    while at > 0 and keys[at - 1] > key:
        keys[at] = keys[at - 1]
        lates[at] = lates[at - 1]
        at -= 1
    keys[at] = key
    lates[at] = late
    return n + 1


@njit(cache=True, nogil=True)
def _unsettle(n, keys, lates, key):
    """Takes a settlement that was reversed out of the list; returns its new length."""
    at = n - 1
    while keys[at] != key:
        at -= 1
    for j in range(at, n - 1):
        keys[j] = keys[j + 1]
        lates[j] = lates[j + 1]
    return n - 1


@njit(cache=True, nogil=True)
def _recents(times, spans, n_spans, recent_specs, decay, out):
    """Fills the recent-payment aggregates: `spans` are settlements as (from, until, key, days late)."""
    n = len(times)
    starting, ending = np.full(n + 1, -1), np.full(n + 1, -1)
    next_starting, next_ending = np.full(n_spans, -1), np.full(n_spans, -1)
    for i in range(n_spans - 1, -1, -1):
        first = _first_at_or_after(times, spans[i, 0])
        last = _first_at_or_after(times, spans[i, 1])
        if first < last:
            next_starting[i], starting[first] = starting[first], i
            next_ending[i], ending[last] = ending[last], i
    keys, lates = np.empty(n_spans, np.int64), np.empty(n_spans, np.int64)
    newest_days, newest_lates = np.empty(RECENT, np.int64), np.empty(RECENT, np.int64)
    held = 0
    for q in range(n):
        i = ending[q]
        while i >= 0:
            held = _unsettle(held, keys, lates, spans[i, 2])
            i = next_ending[i]
        i = starting[q]
        while i >= 0:
            held = _settle(held, keys, lates, spans[i, 2], spans[i, 3])
            i = next_starting[i]
        shown = min(held, RECENT)
        for j in range(shown):
            newest_days[j] = keys[held - 1 - j] >> _ORDINAL_BITS
            newest_lates[j] = lates[held - 1 - j]
        for s in range(len(recent_specs)):
            column = recent_specs[s, S_COLUMN]
            out[q, column] = _recent(recent_specs[s, S_OP], recent_specs[s, S_ARGUMENT], newest_days, newest_lates,
                                     shown, decay)  # fmt: skip


@njit(cache=True, nogil=True)
def _invoice_fields(record, slopes, state, last, cleared_base, parts, issued, due, base, net_days):
    """The fields of an invoice in one of its states."""
    record[:] = 0
    slopes[:] = 0
    record[_ONE] = 1
    record[_AMOUNT] = base
    record[_RESIDUAL] = max(base - cleared_base, 0) if state == STATE_OPEN else 0
    record[_NET_DAYS] = net_days
    record[_DUE_WEEKDAY] = (due + 3) % 7
    record[_PARTS] = parts
    record[_IS_OPEN] = 1 if state == STATE_OPEN else 0
    record[_DUE_AGE], slopes[_DUE_AGE] = -due, 1
    slopes[_AGE] = 1
    if state == STATE_SETTLED:
        record[_DAYS_LATE] = last - due
        record[_DAYS_TO_PAY] = last - issued
        record[_SETTLED_WEEKDAY] = (last + 3) % 7
    else:
        # later than any bound: the family's own "more than k days past due" says from when
        record[_DAYS_LATE] = FOREVER


@njit(cache=True, nogil=True)
def _push_down(maxima):
    """Spreads every run's candidate to its moments: afterwards level 0 holds each moment's maximum."""
    for level in range(maxima.shape[1] - 1, 0, -1):
        half = 1 << (level - 1)
        for m in range(maxima.shape[0]):
            for q in range(maxima.shape[2] - 2 * half + 1):
                key = maxima[m, level, q]
                if key != NULL:
                    maxima[m, level - 1, q] = max(maxima[m, level - 1, q], key)
                    maxima[m, level - 1, q + half] = max(maxima[m, level - 1, q + half], key)


@njit(cache=True, nogil=True)
def _read(specs, sums, maxima, times, weekdays, net_days, codes, event_amount, event_value, out):
    """Turns the running sums and painted maxima into the aggregates of each moment."""
    for q in range(len(times)):
        today = times[q] // DAY_US
        if q > 0:
            sums[q] += sums[q - 1]
        for s in range(len(specs)):
            op, column = specs[s, S_OP], specs[s, S_COLUMN]
            if op == _MAX:
                key = maxima[column, 0, q]
                out[q, s] = key if key == NULL else key + specs[s, S_GROWS] * today
            elif op == _LATEST:
                key = maxima[column, 0, q]
                if key == NULL:
                    out[q, s] = NULL
                elif specs[s, S_FIELD] == _AGE:
                    out[q, s] = today - (key >> _ORDINAL_BITS)
                elif specs[s, S_FIELD] == _AMOUNT:
                    out[q, s] = event_amount[key & _ORDINAL_MASK]
                else:
                    out[q, s] = event_value[key & _ORDINAL_MASK]
            elif specs[s, S_PARAMETER] == DUE_WEEKDAY_PARAMETER:
                out[q, s] = sums[q, column + weekdays[q]] if weekdays[q] >= 0 else 0
            elif specs[s, S_PARAMETER] == NET_DAYS_PARAMETER:
                out[q, s] = sums[q, column + _first_at_or_after(codes, net_days[q]) * specs[s, S_ARGUMENT]]
            elif specs[s, S_GROWS] == 1:
                out[q, s] = sums[q, column] + today * (sums[q, column + 1] + today * sums[q, column + 2])
            else:
                out[q, s] = sums[q, column]


@njit(cache=True, nogil=True)
def collect(
    group_start, group_customer, as_of, weekdays, net_days_asked,
    families, log_start, specs, recent_specs, width, n_net_specs, n_maxima, decay,
    invoice_start, invoice_known, issued, due, amount, base, net_days,
    clearing_start, clearing_known, clearing_day, clearing_amount, clearing_base, clearing_kind,
    event_start, event_log, event_known, event_day, event_amount, event_value, event_end_known, event_invoice,
    out,
):  # fmt: skip
    """Fills `out` (moments x aggregates, int64) for moments grouped by customer and sorted by time in each group.

    `group_customer` is the position in `invoice_start`, -1 for an unknown customer, who has no facts. Moments are
    microseconds since 1970, UTC. A fact's span starts when it became known: nothing later can reach an earlier moment.
    """
    record, slopes = np.zeros(N_FIELDS, np.int64), np.zeros(N_FIELDS, np.int64)
    for g in range(len(group_customer)):
        q0, q1, customer = group_start[g], group_start[g + 1], group_customer[g]
        times, n = as_of[q0:q1], q1 - q0
        codes = np.unique(net_days_asked[q0:q1])
        levels = 1
        while (1 << levels) <= n:
            levels += 1
        sums = np.zeros((n + 1, width + n_net_specs * len(codes)), np.int64)
        maxima = np.full((n_maxima, levels, n), NULL)
        i0, i1, e0, e1 = 0, 0, 0, 0
        if customer >= 0:
            i0, i1 = invoice_start[customer], invoice_start[customer + 1]
            e0, e1 = event_start[customer], event_start[customer + 1]
        spans = np.empty((i1 - i0 + clearing_start[i1] - clearing_start[i0], 4), np.int64)
        n_spans = 0
        for i in range(i0, i1):
            begin = invoice_known[i]
            while begin <= times[n - 1]:
                state, last, cleared_base, parts, until = invoice_state(
                    i, begin, amount, clearing_start, clearing_known, clearing_day, clearing_amount, clearing_base,
                    clearing_kind)  # fmt: skip
                _invoice_fields(record, slopes, state, last, cleared_base, parts, issued[i], due[i], base[i],
                                net_days[i])  # fmt: skip
                if begin == invoice_known[i]:
                    record[_AGE] = -issued[i]
                    _add(_ISSUED, begin, FOREVER, issued[i], due[i], i, record, slopes, times, codes, families,
                         log_start, specs, sums, maxima)  # fmt: skip
                if state == STATE_OPEN:
                    record[_AGE] = -issued[i]
                    _add(_OPEN, begin, until, issued[i], due[i], i, record, slopes, times, codes, families, log_start,
                         specs, sums, maxima)  # fmt: skip
                if state != STATE_CREDITED:
                    record[_AGE] = -due[i]
                    _add(_BILLED, begin, until, due[i], due[i], i, record, slopes, times, codes, families, log_start,
                         specs, sums, maxima)  # fmt: skip
                if state == STATE_SETTLED:
                    record[_AGE] = -last
                    _add(_SETTLED, begin, until, last, due[i], i, record, slopes, times, codes, families, log_start,
                         specs, sums, maxima)  # fmt: skip
                    spans[n_spans] = begin, until, (last << _ORDINAL_BITS) + i, last - due[i]
                    n_spans += 1
                begin = until
        slopes[:] = 0
        slopes[_AGE] = 1
        for e in range(e0, e1):
            log, day = event_log[e], event_day[e]
            record[:] = 0
            record[_ONE] = 1
            record[_AGE], record[_AMOUNT], record[_VALUE] = -day, event_amount[e], event_value[e]
            begin, i = event_known[e], event_invoice[e]
            while begin <= times[n - 1]:
                until, start, broken_from = FOREVER, begin, FOREVER
                if log == _DISPUTE:
                    record[_IS_OPEN] = 1 if begin < event_end_known[e] else 0
                    until = event_end_known[e] if record[_IS_OPEN] else FOREVER
                elif log == _PROMISE and i >= 0:
                    # a promise is broken while its invoice, as known then, was not settled within the days of grace
                    if begin < invoice_known[i]:
                        until = invoice_known[i]
                    else:
                        state, last, _, _, until = invoice_state(
                            i, begin, amount, clearing_start, clearing_known, clearing_day, clearing_amount,
                            clearing_base, clearing_kind)  # fmt: skip
                        limit = event_value[e] + GRACE_DAYS
                        if state == STATE_SETTLED:
                            broken_from = begin if last > limit else FOREVER
                        elif state != STATE_CREDITED:
                            broken_from = min(max(begin, (limit + 1) * DAY_US), until)
                if start < broken_from:
                    record[_BROKEN] = 0
                    _add(log, start, min(until, broken_from), day, event_value[e], e, record, slopes, times, codes,
                         families, log_start, specs, sums, maxima)  # fmt: skip
                if broken_from < until:
                    record[_BROKEN] = 1
                    _add(log, broken_from, until, day, event_value[e], e, record, slopes, times, codes, families,
                         log_start, specs, sums, maxima)  # fmt: skip
                begin = until
        _push_down(maxima)
        _read(specs, sums, maxima, times, weekdays[q0:q1], net_days_asked[q0:q1], codes, event_amount, event_value,
              out[q0:q1])  # fmt: skip
        _recents(times, spans, n_spans, recent_specs, decay, out[q0:q1])
