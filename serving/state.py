"""What a serving process holds: the champion, the policy, the ledger store and the decision log."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.champion import Champion, load_champion
from receivables.config import conf_dir, home
from receivables.currencies import Currencies
from receivables.decision_log import DecisionLog
from receivables.errors import UnavailableError
from receivables.ledger import Ledger
from receivables.policy import Policy, load_policy
from receivables.store import LedgerStore, open_store
from serving.rates import RateBook

#: Environment variables: the champion's folder, the ledger's path or URL.
CHAMPION: Final = "OTCRISK_CHAMPION"
LEDGER: Final = "OTCRISK_LEDGER"
#: Payers that are kept in memory.
_KEPT: Final = 512


@dataclass(frozen=True)
class Tools:
    """What an assessment is made with; equal tools and equal requests give equal assessments."""

    champion: Champion
    policy: Policy
    rates: RateBook


@dataclass(frozen=True)
class Knowledge:
    """What the store knows about a payer, and how far that can be trusted.

    `mode` is FULL, or STALE where the store cannot be reached and the request alone must do, or RULES where it holds
    nothing either. `is_synchronised` says that open items missing here are not open.
    """

    ledger: Ledger
    is_synchronised: bool
    loaded_at: dt.datetime | None = None
    mode: str = "FULL"
    causes: tuple[str, ...] = ()


class Payers:
    """What the store knows about each payer; a ledger that was read stays in memory until the store is loaded anew.

    Without a store (`store` is null) nothing is known about anyone. Safe for threads.
    """

    def __init__(self, store: LedgerStore | None) -> None:
        self.store = store
        self._sequence = -1
        self._read: dict[str, Knowledge] = {}
        self._nothing = Ledger.of()

    def known(self, payer: str, *, has_items: bool) -> Knowledge:
        """What is known about the payer; an unreachable store degrades the answer, it does not prevent it.

        `has_items` says that the request alone can be scored.
        """
        if self.store is None:
            return Knowledge(self._nothing, is_synchronised=False)
        try:
            return self._current(self.store).get(payer) or self._fetch(self.store, payer)
        except UnavailableError:
            mode = "STALE" if has_items else "RULES"
            return Knowledge(self._nothing, is_synchronised=False, mode=mode, causes=("LEDGER_UNAVAILABLE",))

    def _current(self, store: LedgerStore) -> dict[str, Knowledge]:
        """What has been read of the store as it is now."""
        sequence = store.sequence()
        if sequence != self._sequence or len(self._read) >= _KEPT:
            # a new dictionary, never a cleared one: another thread may still be adding to the old one
            self._sequence, self._read = sequence, {}
        return self._read

    def _fetch(self, store: LedgerStore, payer: str) -> Knowledge:
        kept, ledger = self._read, store.read([payer])
        found = Knowledge(ledger, is_synchronised=True, loaded_at=store.loaded_at())
        if ledger.sequence == self._sequence:
            kept[payer] = found
        return found


@dataclass(frozen=True)
class State:
    """Loaded once at start."""

    tools: Tools
    log: DecisionLog
    payers: Payers

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

    Raises ArtefactError for a damaged champion, ConfigError for a wrong policy, UnavailableError or NotFoundError where
    the ledger or the decision log cannot be opened.
    """
    policy = load_policy(conf_dir() / "policy.toml")
    rates = RateBook(Currencies.read())
    champion = load_champion(champion_folder())
    spec = os.environ.get(LEDGER)
    store = open_store(spec) if spec else None
    log = DecisionLog(home() / "decisions.sqlite")
    return State(Tools(champion, policy, rates), log, Payers(store))
