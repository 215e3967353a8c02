"""The decisions that wait for a person, in memory and kept current from the decision log.

Names are not kept: they are read from the log when a page shows them, so that an erasure counts at once.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from receivables.decision import DecisionRecord
from receivables.decision_log import DecisionLog
from receivables.decision_notes import DecisionNotes
from receivables.ledger import Ledger
from receivables.money import parse_minor
from serving.rates import RateBook

#: Newest decisions of the log that are looked through; what is older waits no longer.
REACH: Final = 20_000
_EPOCH: Final = dt.date(1970, 1, 1)


@dataclass(frozen=True)
class Waiting:
    """One decision as the list shows it; `base_minor` is its gross amount in the reporting currency, to sort by."""

    score_id: str
    recorded_at: str
    payer: str
    sales_order: str
    outcome: str
    risk_class: str | None
    gross_amount: str
    currency: str
    base_minor: int
    valid_until: str
    cause: str


class ReviewQueue:
    """What of `log` waits for review: not approved, or to be confirmed by a person; safe for threads.

    Entries stay in memory: one is some hundred bytes.
    """

    def __init__(self, log: DecisionLog, rates: RateBook) -> None:
        self._log, self._rates = log, rates.into(Ledger.of())
        self._seen = max(log.head()[0] - REACH, 0)
        self._entries: dict[str, Waiting] = {}
        self._reading = threading.Lock()

    def waiting(self, filters: Mapping[str, str]) -> list[Waiting]:
        """The entries that no person has decided on, the largest amounts first.

        `filters`: `outcome`, `risk_class`, and `search` in customer number, sales order and score id.
        """
        with self._reading:
            newest = self._log.head()[0]
            for record in self._log.to_review(self._seen, newest):
                self._entries[record.score_id] = self._entry(record)
            self._seen = newest
            entries = list(self._entries.values())
        with DecisionNotes(self._log.path) as notes:
            decided = notes.overridden()
        found = [entry for entry in entries if entry.score_id not in decided and _fits(entry, filters)]
        return sorted(found, key=lambda entry: (-entry.base_minor, entry.recorded_at))

    def _entry(self, record: DecisionRecord) -> Waiting:
        order, response = record.request["order"], record.response
        minor = parse_minor(order["gross_amount"], order["currency"])
        day = (dt.date.fromisoformat(record.as_of[:10]) - _EPOCH).days
        failed = (c["message"] for c in response["decision"]["checks"] if c["result"] == "FAIL" and c["message"])
        return Waiting(
            record.score_id,
            record.recorded_at,
            record.customer_id,
            order["sales_order"],
            response["decision"]["outcome"],
            (response.get("score") or {}).get("risk_class"),
            order["gross_amount"],
            order["currency"],
            self._rates.convert_one(minor, order["currency"], day),
            response["valid_until"],
            next(failed, ""),
        )


def _fits(entry: Waiting, filters: Mapping[str, str]) -> bool:
    text = filters.get("search", "").casefold()
    return (
        filters.get("outcome", "") in ("", entry.outcome)
        and filters.get("risk_class", "") in ("", entry.risk_class)
        and any(text in value.casefold() for value in (entry.payer, entry.sales_order, entry.score_id))
    )
