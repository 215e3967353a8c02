"""Why a customer's score changed: it is scored again after each event, and the change is credited to the events.

Between two moments the facts about a customer are put in one by one, as they became known. Each fact takes what the
score changes by when it comes in; what changes without a fact is the passage of time, told apart where an invoice
passes its due date or 30, 60 or 90 days, or a promise its day. The parts add up to the whole change exactly. They
depend on the order of the facts, which is that in which they became known.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from models.champion import Champion
from models.numbers import Floats
from receivables.money import spoken
from serving.account import Account, reopened
from serving.predict import customer_risk

#: Days past due whose first day is said: the day after the due date, and after 30, 60 and 90 days.
_STAGES: Final = {1: "became overdue", 31: "became more than 30 days overdue", 61: "became more than 60 days overdue",
                  91: "became more than 90 days overdue"}  # fmt: skip
TIME: Final = "TIME"
OVERDUE: Final = "OVERDUE"
PROMISE: Final = "PROMISE_NOT_KEPT"
#: More events than this are not walked through in one call.
MAX_EVENTS: Final = 5_000
_EPOCH: Final = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - UTC without an offset, as the ledger keeps moments
_CLEARING: Final = frozenset({"allocations", "credit_notes", "write_offs"})
_KINDS: Final = {
    "customers": "MASTER_DATA", "invoices": "INVOICE_POSTED", "allocations": "PAYMENT", "credit_notes": "CREDIT_NOTE",
    "disputes": "DISPUTE", "promises": "PROMISE_MADE", "dunnings": "DUNNED", "limit_changes": "LIMIT_CHANGED",
    "terms_changes": "TERMS_CHANGED", "write_offs": "WRITE_OFF", "insolvencies": "INSOLVENCY",
}  # fmt: skip
_TEXTS: Final = {
    "customers": "Master data of the customer",
    "invoices": "Invoice {number} over {amount}, due on {due_on}",
    "allocations": "Payment of {amount} on invoice {number}, dated {cleared_on}",
    "credit_notes": "Credit note over {amount}{about}",
    "disputes": "A dispute{about} over {amount} was opened",
    "promises": "A promise{about} to pay {amount} by {promised_for}",
    "dunnings": "Reminder of level {level}{about}",
    "limit_changes": "Credit limit of {amount} from {valid_from}",
    "terms_changes": "Terms of {net_days} days from {valid_from}",
    "write_offs": "{amount} of invoice {number} written off",
    "insolvencies": "Insolvency proceedings, filed on {filed_on}",
}
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """One cause: when, of which kind, the documents it is about, what it says, its score points, the score after it."""

    at: dt.datetime
    kind: str
    references: tuple[str, ...]
    text: str
    points: int
    score: int


@dataclass(frozen=True)
class ScoreChange:
    """The scores at both moments; the points of `lines` add up to `after` - `before`. `events` counts the facts."""

    before: int
    after: int
    lines: tuple[Line, ...]
    events: int


@dataclass(frozen=True)
class _Fact:
    at: dt.datetime
    table: str
    row: Row


def score_change(account: Account, champion: Champion, *, since: dt.datetime, until: dt.datetime) -> ScoreChange:
    """The change between two moments (UTC without an offset, the earlier first) of the customer's score.

    Lines without points are left out.
    """
    walk = _Walk(account, champion, since)
    facts = sorted(facts_between(account, since, until), key=lambda fact: (fact.at, fact.table))
    for moment in _moments(account, facts, since, until):
        walk.pass_time(moment)
        for fact in facts:
            if fact.at == moment:
                walk.take(fact)
    scores = _scores(champion, walk.rows)
    lines = [
        Line(at, kind, references, text, score - before, score)
        for (at, kind, references, text), before, score in zip(walk.causes, scores, scores[1:], strict=False)
        if score != before
    ]
    return ScoreChange(scores[0], scores[-1], tuple(lines), len(facts))


def facts_between(account: Account, since: dt.datetime, until: dt.datetime) -> Iterator[_Fact]:
    """What became known after `since`, up to `until`; the closing of a dispute is a fact of its own."""
    for table, row in account.state.facts():
        if since < row["known_at"] <= until:
            yield _Fact(row["known_at"], table, reopened(table, row, row["known_at"]))
        closed = row.get("closed_known_at")
        if closed is not None and since < closed <= until and closed > row["known_at"]:
            yield _Fact(closed, table, row)


class _Walk:
    """The customer's history while it grows: the feature row after every step, and what the step was."""

    def __init__(self, account: Account, champion: Champion, since: dt.datetime) -> None:
        self.state = account.as_known(since).state.copy()
        self._priors, self._now = champion.priors, since
        self._due: dict[str, dt.date] = {}
        self._left: dict[str, int] = {}
        self._promises: list[Row] = []
        for table, row in self.state.facts():
            self._count(table, row)
        self.rows: list[Floats] = [self._features(since)]
        self.causes: list[tuple[dt.datetime, str, tuple[str, ...], str]] = []

    def pass_time(self, moment: dt.datetime) -> None:
        """On to a moment, before what becomes known at it."""
        for kind, references, text in self._crossed(moment):
            just_before = moment - dt.timedelta(microseconds=1)
            self._step(just_before, TIME, (), "Time passed")
            self._step(moment, kind, references, text)
        self._step(moment, TIME, (), "Time passed")

    def take(self, fact: _Fact) -> None:
        """One fact more."""
        self.state.apply(fact.table, fact.row)
        self._count(fact.table, fact.row)
        kind, references, text = told(fact.table, fact.row)
        self._step(fact.at, kind, references, text)

    def _step(self, at: dt.datetime, kind: str, references: tuple[str, ...], text: str) -> None:
        self.rows.append(self._features(at))
        self.causes.append((at, kind, references, text))
        self._now = at

    def _features(self, at: dt.datetime) -> Floats:
        return self.state.features((at - _EPOCH) // dt.timedelta(microseconds=1), None, self._priors)

    def _count(self, table: str, row: Row) -> None:
        number: Any = row.get("invoice_id")
        if table == "invoices":
            self._due[number] = row["due_on"]
            self._left[number] = self._left.get(number, 0) + row["amount_minor"]
        elif table in _CLEARING and number is not None:
            self._left[number] = self._left.get(number, 0) - row["amount_minor"]
        elif table == "promises":
            self._promises.append(row)

    def _crossed(self, moment: dt.datetime) -> list[tuple[str, tuple[str, ...], str]]:
        """What becomes true at a midnight by time alone, at most one line: it is one step that cannot be divided."""
        if moment.time() != dt.time() or moment <= self._now:
            return []
        today, said, numbers = moment.date(), [], []
        for number, due in self._due.items():
            stage = _STAGES.get((today - due).days)
            if stage and self._left.get(number, 0) > 0:
                said.append(f"Invoice {number} {stage}")
                numbers.append(number)
        kind = OVERDUE if said else PROMISE
        for row in self._promises:
            if row["promised_for"] + dt.timedelta(days=1) == today and self._left.get(row["invoice_id"], 1) > 0:
                said.append(f"The promise to pay by {row['promised_for']} was not kept")
                numbers += [row["invoice_id"]] if row["invoice_id"] else []
        return [(kind, tuple(dict.fromkeys(numbers)), "; ".join(said))] if said else []


def _moments(account: Account, facts: Sequence[_Fact], since: dt.datetime, until: dt.datetime) -> list[dt.datetime]:
    """Every moment at which something may change: facts, days that invoices and promises pass, and the end."""
    days = {held.due_on + dt.timedelta(days=stage) for held in account.invoices.values() for stage in _STAGES}
    days |= {row["promised_for"] + dt.timedelta(days=1) for table, row in account.state.facts() if table == "promises"}
    midnights = {dt.datetime.combine(day, dt.time()) for day in days}
    return sorted({*(fact.at for fact in facts), *(m for m in midnights if since < m <= until), until})


def _scores(champion: Champion, rows: Sequence[Floats]) -> list[int]:
    return [customer_risk(champion, float(odds)).score for odds in champion.default.log_odds(np.stack(rows))]


def told(table: str, row: Row) -> tuple[str, tuple[str, ...], str]:
    """A fact's kind, the documents it is about, and what it says."""
    number = row.get("invoice_id")
    about = f" about invoice {number}" if number else ""
    amount = spoken(row["amount_minor"], row["currency"]) if "amount_minor" in row else ""
    kind = _KINDS[table]
    if table == "disputes" and row["closed_on"] is not None:
        return "DISPUTE_CLOSED", (number,) if number else (), f"A dispute{about} was closed"
    text = _TEXTS[table].format(**{**row, "amount": amount, "about": about, "number": number})
    return kind, (str(number),) if number else (), text
