"""What a serving process holds: the champion, the policy, the ledger store and the decision log."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

from features.state import CustomerState
from models.champion import Champion, load_champion
from receivables.access_keys import AccessKeys
from receivables.config import conf_dir, home, key_folder
from receivables.currencies import Currencies
from receivables.decision_log import DecisionLog
from receivables.errors import UnavailableError
from receivables.ledger import Ledger
from receivables.policy import Policy, load_policy
from receivables.store import LedgerStore, open_store
from serving.account import SOURCES, Account
from serving.auth import KeyRing
from serving.rates import RateBook

#: Environment variables: the champion's folder, the ledger's path or URL.
CHAMPION: Final = "OTCRISK_CHAMPION"
LEDGER: Final = "OTCRISK_LEDGER"
#: Facts of payers that are kept in memory, at about a kilobyte each; the payer that was read first goes first.
_KEPT_FACTS: Final = 60_000


@dataclass(frozen=True)
class Tools:
    """What an assessment is made with; equal tools and equal requests give equal assessments."""

    champion: Champion
    policy: Policy
    rates: RateBook


@dataclass(frozen=True)
class Knowledge:
    """What is known about a payer, and how far that can be trusted.

    `quotes` is a ledger of exchange rates; `mode` is FULL, or STALE where the store cannot be reached and the request
    alone must do, or RULES where it holds nothing either. `is_synchronised` says that open items missing here are not
    open; `sequence` is that of the ledger.
    """

    account: Account
    quotes: Ledger
    is_synchronised: bool
    loaded_at: dt.datetime | None = None
    sequence: int = 0
    mode: str = "FULL"
    causes: tuple[str, ...] = ()

    @classmethod
    def of(cls, ledger: Ledger, rates: RateBook, *, is_synchronised: bool) -> Self:
        """The knowledge that a ledger of one payer is."""
        account = Account.of(ledger, rates.into(ledger))
        return cls(account, ledger, is_synchronised, sequence=ledger.sequence)


class Payers:
    """What is known about each payer; an account that was read stays in memory until the store is loaded anew.

    Without a store (`store` is null) nothing is known about anyone. Safe for threads.
    """

    def __init__(self, store: LedgerStore | None, rates: RateBook) -> None:
        self.store = store
        self._rates = rates
        self._sequence = -1
        self._kept: dict[str, Knowledge] = {}
        self._quotes = Ledger.of()
        self._facts = 0

    def known(self, payer: str, *, has_items: bool) -> Knowledge:
        """What is known about the payer; an unreachable store degrades the answer, it does not prevent it.

        `has_items` says that the request alone can be scored.
        """
        if self.store is None:
            return self._nothing()
        try:
            return self._current(self.store).get(payer) or self._fetch(self.store, payer)
        except UnavailableError:
            mode = "STALE" if has_items else "RULES"
            return replace(self._nothing(), mode=mode, causes=("LEDGER_UNAVAILABLE",))

    def kept(self, payer: str) -> Knowledge | None:
        """What is known about the payer where that takes no look into the ledger, else null."""
        if self.store is None:
            return self._nothing()
        try:
            return self._current(self.store).get(payer)
        except UnavailableError:
            return None

    def ledger(self, payer: str) -> Ledger:
        """The payer's part of the ledger as frames; raises UnavailableError where the store cannot be reached."""
        return Ledger.of() if self.store is None else self.store.read([payer])

    def _nothing(self) -> Knowledge:
        return Knowledge(Account(CustomerState(self._rates.into(self._quotes))), self._quotes, is_synchronised=False)

    def _current(self, store: LedgerStore) -> dict[str, Knowledge]:
        """What has been read of the store as it is now."""
        sequence = store.sequence()
        if sequence != self._sequence:
            self._quotes = store.exchange_rates()
            # a new dictionary, never a cleared one: another thread may still be adding to the old one
            self._sequence, self._kept, self._facts = self._quotes.sequence, {}, 0
        return self._kept

    def _fetch(self, store: LedgerStore, payer: str) -> Knowledge:
        kept, quotes, facts = self._kept, self._quotes, store.facts([payer])
        empty = Account(CustomerState(self._rates.into(quotes)))
        account = empty.with_facts((table, row) for table in SOURCES for row in facts.rows[table])
        found = Knowledge(account, quotes, True, store.loaded_at(), facts.sequence)
        if facts.sequence == self._sequence:
            self._facts += sum(map(len, facts.rows.values()))
            while self._facts > _KEPT_FACTS and kept:
                self._facts -= kept.pop(next(iter(kept))).account.facts
            kept[payer] = found
        return found


@dataclass(frozen=True)
class State:
    """Loaded once at start; without `keys` only programs on this machine are answered."""

    tools: Tools
    log: DecisionLog
    payers: Payers
    keys: KeyRing | None = None

    @property
    def convertible(self) -> frozenset[str]:
        """Currencies for which there is an exchange rate."""
        return self.tools.rates.convertible

    def close(self) -> None:
        """Closes the log and gives database connections back."""
        self.log.close()
        if self.payers.store is not None:
            self.payers.store.close()


def champion_folder() -> Path:
    """Where the champion lies: OTCRISK_CHAMPION, else beside the packages (as in a Bento), else in OTCRISK_HOME."""
    bundled = Path(__file__).resolve().parent.parent / "champion"
    return Path(os.environ.get(CHAMPION) or (bundled if bundled.is_dir() else home() / "champion"))


def load_state() -> State:
    """The state as the environment names it.

    Raises ArtefactError for a champion that is damaged, not signed by a trusted key or fails its trial, ConfigError for
    a wrong policy or damaged keys, UnavailableError or NotFoundError where the ledger or the decision log cannot be
    opened.
    """
    policy = load_policy(conf_dir() / "policy.toml")
    rates = RateBook(Currencies.read())
    champion = load_champion(champion_folder(), is_tried=True)
    spec = os.environ.get(LEDGER)
    store = open_store(spec) if spec else None
    log = DecisionLog(home() / "decisions.sqlite")
    return State(Tools(champion, policy, rates), log, Payers(store, rates), open_keys())


def open_keys() -> KeyRing | None:
    """The keys of this installation, null where none was ever made; raises ConfigError where they are damaged."""
    keys = AccessKeys(key_folder())
    return KeyRing(keys) if keys.all() else None
