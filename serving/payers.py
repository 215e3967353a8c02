"""What is known about payers: accounts read once from the ledger, then kept current by its events."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Final, Self

from features.state import CustomerState
from receivables import event_store
from receivables.errors import UnavailableError
from receivables.event_store import Merge
from receivables.event_taking import Posted
from receivables.fallback import FULL, RULES, STALE
from receivables.ledger import Ledger
from receivables.reservations import Reservation
from receivables.store import LedgerStore
from serving.account import SOURCES, Account
from serving.breaker import Breaker
from serving.rates import RateBook

#: Facts of payers that are kept in memory, at about a kilobyte each; the payer that was read first goes first.
_KEPT_FACTS: Final = 60_000
#: Seconds within which a ledger must answer a small question before a larger one is asked.
_ANSWERS_WITHIN: Final = 1.0
#: A cause in `degraded`: the ledger could not be asked.
LEDGER_UNAVAILABLE: Final = "LEDGER_UNAVAILABLE"


@dataclass(frozen=True)
class Knowledge:
    """What is known about a payer, and how far that can be trusted.

    `quotes` is a ledger of exchange rates; `mode` is FULL, or STALE where the store cannot be reached and memory or the
    request must do, or RULES where they hold nothing either. `is_synchronised` says that open items missing here are
    not open; `sequence` is that of the ledger. `group` are the accounts of the payer's group but its own, `reserved`
    what approved orders have taken of the limit, `coverage` the share of answered payment dates that held, null where
    too few have matured.
    """

    account: Account
    quotes: Ledger
    is_synchronised: bool
    loaded_at: dt.datetime | None = None
    sequence: int = 0
    mode: str = FULL
    causes: tuple[str, ...] = ()
    group: tuple[Account, ...] = ()
    reserved: tuple[Reservation, ...] = ()
    coverage: float | None = None

    @classmethod
    def of(cls, ledger: Ledger, rates: RateBook, *, is_synchronised: bool) -> Self:
        """The knowledge that a ledger of one payer is."""
        account = Account.of(ledger, rates.into(ledger))
        return cls(account, ledger, is_synchronised, sequence=ledger.sequence)


class Payers:
    """What is known about each payer; an account that was read stays in memory until its facts change elsewhere.

    Without a store (`store` is null) nothing is known about anyone. Safe for threads.
    """

    def __init__(self, store: LedgerStore | None, rates: RateBook) -> None:
        self.store = store
        self._rates, self._lock = rates, Lock()
        self._kept: dict[str, Account] = {}
        self._facts, self._sequence = 0, -1
        self._loaded_at: dt.datetime | None = None
        self._merges: list[Merge] = []
        self._groups: dict[str, tuple[str, ...]] = {}
        self._quotes = Ledger.of()
        self.ledger_calls = Breaker(store.sequence if store else int)

    def close(self) -> None:
        """Gives database connections back; a look-up that hangs is not waited for."""
        self.ledger_calls.close()
        if self.store is not None and not self.ledger_calls.is_open:
            self.store.close()

    def known(self, payer: str, *, has_items: bool, as_of: dt.datetime | None = None) -> Knowledge:
        """What is known about the payer; an unreachable store degrades the answer, it does not prevent it.

        `has_items` says that the request alone can be scored. Accounts that were merged by `as_of` (by default now)
        count as one.
        """
        try:
            return self.look_up(payer, as_of=as_of)
        except UnavailableError:
            return self.unreachable(payer, has_items=has_items, as_of=as_of)

    def look_up(self, payer: str, *, as_of: dt.datetime | None = None) -> Knowledge:
        """`known`; raises UnavailableError where the ledger cannot be read."""
        if self.store is None:
            return self.nothing()
        self._catch_up(self.store)
        own, others = self._members(payer, as_of)
        return self._knowledge(*([self._account(self.store, name) for name in names] for names in (own, others)))

    def catch_up(self) -> None:
        """Reads exchange rates, groups and merges where they are not the ledger's; raises as `look_up` does."""
        if self.store is not None:
            self._catch_up(self.store)

    async def answers(self) -> bool:
        """Whether the ledger answers at once; true without one, and for a file, which cannot hang."""
        if self.store is None or self.store.is_file:
            return True
        return await self.ledger_calls.ask(self.store.sequence, _ANSWERS_WITHIN) is not None

    def kept(self, payer: str, *, as_of: dt.datetime | None = None) -> Knowledge | None:
        """What is known about the payer where that takes no more than a look into a file of this machine, else null."""
        if self.store is None:
            return self.nothing()
        if not self.store.is_file:
            return None
        try:
            self._catch_up(self.store)
        except UnavailableError:
            return None
        own, others = self._members(payer, as_of)
        if not all(name in self._kept for name in (*own, *others)):
            return None
        return self._knowledge([self._kept[name] for name in own], [self._kept[name] for name in others])

    def nothing(self) -> Knowledge:
        """The knowledge of a service without a ledger."""
        return Knowledge(Account(CustomerState(self._rates.into(self._quotes))), self._quotes, is_synchronised=False)

    def unreachable(self, payer: str, *, has_items: bool, as_of: dt.datetime | None = None) -> Knowledge:
        """The knowledge while the ledger does not answer: what is in memory, else the request's items, else nothing."""
        own, others = self._members(payer, as_of)
        kept = [[self._kept.get(name) for name in names] for names in (own, others)]
        if all(account is not None for accounts in kept for account in accounts):
            known = self._knowledge(*([account for account in accounts if account] for accounts in kept))
            return replace(known, mode=STALE, causes=(LEDGER_UNAVAILABLE,))
        return replace(self.nothing(), mode=STALE if has_items else RULES, causes=(LEDGER_UNAVAILABLE,))

    def ledger(self, payer: str) -> Ledger:
        """The payer's part of the ledger as frames; raises UnavailableError where the store cannot be reached."""
        return Ledger.of() if self.store is None else self.store.read([payer])

    def follow(self, posted: Posted) -> None:
        """Takes in what events have added to the ledger, so that accounts in memory need not be read again."""
        with self._lock:
            # where something came in between, `_catch_up` finds out who has changed
            if posted.before != self._sequence or posted.sequence == posted.before or posted.merged:
                return
            for customer, facts in posted.facts.items():
                if customer in self._kept:
                    self._kept[customer] = self._kept[customer].with_facts(facts)
                    self._facts += len(facts)
            self._sequence, self._loaded_at = posted.sequence, dt.datetime.now(dt.UTC)

    def _catch_up(self, store: LedgerStore) -> None:
        """Forgets what has changed in the ledger since it was last looked at."""
        if store.sequence() == self._sequence:
            return
        with self._lock:
            newest, changed = event_store.changed_since(store, self._sequence)
            if newest == self._sequence:
                return
            for customer in list(self._kept) if changed is None or self._sequence < 0 else changed:
                dropped = self._kept.pop(customer, None)
                self._facts -= dropped.facts if dropped else 0
            if changed is None or self._sequence < 0:
                self._quotes, self._groups = store.exchange_rates(), _groups(store.parents())
            self._merges = event_store.merges(store)
            self._loaded_at, self._sequence = store.loaded_at(), newest

    def _account(self, store: LedgerStore, customer: str) -> Account:
        kept = self._kept.get(customer)
        if kept is not None:
            return kept
        facts = store.facts([customer])
        empty = Account(CustomerState(self._rates.into(self._quotes)))
        account = empty.with_facts((table, row) for table in SOURCES for row in facts.rows[table])
        with self._lock:
            if facts.sequence == self._sequence:
                self._facts += account.facts
                while self._facts > _KEPT_FACTS and self._kept:
                    self._facts -= self._kept.pop(next(iter(self._kept))).facts
                self._kept[customer] = account
        return account

    def _members(self, payer: str, as_of: dt.datetime | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The customers whose accounts are the payer's at a moment, the head first, and the others of its group."""
        own = self._merged(payer, as_of)
        group = self._groups.get(own[0], ())
        return own, tuple(name for name in group if name not in own)

    def _merged(self, payer: str, as_of: dt.datetime | None) -> tuple[str, ...]:
        if not self._merges:
            return (payer,)
        moment = (as_of or dt.datetime.now(dt.UTC)).astimezone(dt.UTC).replace(tzinfo=None)
        held = [m for m in self._merges if m.since <= moment and (m.until is None or moment < m.until)]
        into = {merge.customer_id: merge.into_id for merge in held}
        head = payer
        while head in into:
            head = into[head]
        return (head, *sorted(_below(head, held)))

    def _knowledge(self, accounts: Sequence[Account], group: Sequence[Account]) -> Knowledge:
        account = accounts[0] if len(accounts) == 1 else _joined(accounts)
        sequence = max(self._sequence, 0)
        return Knowledge(account, self._quotes, True, self._loaded_at, sequence, group=tuple(group))


def _groups(parents: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """For each customer of a group all of it, the head first."""
    members: dict[str, list[str]] = {}
    for customer, parent in sorted(parents.items()):
        if customer != parent:
            members.setdefault(parent, [parent]).append(customer)
    return {name: tuple(group) for group in members.values() for name in group}


def _below(head: str, held: Sequence[Merge]) -> Iterator[str]:
    for merge in held:
        if merge.into_id == head:
            yield merge.customer_id
            yield from _below(merge.customer_id, held)


def _joined(accounts: Sequence[Account]) -> Account:
    """Several accounts as one; master data is that of the first which has any."""
    made = accounts[0]
    for account in accounts[1:]:
        facts = account.state.facts()
        kept = ((table, row) for table, row in facts if table != "customers" or not made.has_master_data)
        made = made.with_facts(kept)
        paid = tuple(sorted((*made.paid, *account.paid)))
        made = replace(made, paid=paid, newest=max(made.newest, account.newest))
    return made
