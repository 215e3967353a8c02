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

#: Environment variables: the champion's folder, the ledger's path or URL.
CHAMPION: Final = "OTCRISK_CHAMPION"
LEDGER: Final = "OTCRISK_LEDGER"


@dataclass(frozen=True)
class Tools:
    """What an assessment is made with; equal tools and equal requests give equal assessments."""

    champion: Champion
    policy: Policy
    currencies: Currencies


@dataclass(frozen=True)
class State:
    """Loaded once at start; `store` is null for a service that scores statelessly."""

    tools: Tools
    log: DecisionLog
    store: LedgerStore | None = None

    @property
    def convertible(self) -> frozenset[str]:
        """Currencies for which there is an exchange rate."""
        currencies = self.tools.currencies
        return frozenset({currencies.pivot, *currencies.rates})

    def close(self) -> None:
        """Closes the log and gives database connections back."""
        self.log.close()
        if self.store is not None:
            self.store.close()


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
    currencies = Currencies.read()
    champion = load_champion(champion_folder())
    spec = os.environ.get(LEDGER)
    store = open_store(spec) if spec else None
    log = DecisionLog(home() / "decisions.sqlite")
    return State(Tools(champion, policy, currencies), log, store)


def knowledge(store: LedgerStore | None, payer: str, *, has_items: bool) -> Knowledge:
    """What the store knows about the payer; an unreachable store degrades the answer, it does not prevent it."""
    if store is None:
        return Knowledge(Ledger.of(), is_synchronised=False)
    try:
        return Knowledge(store.read([payer]), is_synchronised=True, loaded_at=store.loaded_at())
    except UnavailableError:
        mode = "STALE" if has_items else "RULES"
        return Knowledge(Ledger.of(), is_synchronised=False, mode=mode, causes=("LEDGER_UNAVAILABLE",))
