"""What a serving process holds: the champion, the policy, the ledger store and the decision log."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.champion import Champion, load_champion, load_standby
from receivables.access_keys import AccessKeys
from receivables.config import conf_dir, home, key_folder
from receivables.currencies import Currencies
from receivables.decision_log import DecisionLog
from receivables.errors import ArtefactError, ConfigError
from receivables.journal import Journal
from receivables.policy import Policy, load_policy
from receivables.policy_change import require_approved
from receivables.store import open_store
from serving.auth import KeyRing
from serving.breaker import Pool
from serving.payers import Payers
from serving.rates import RateBook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from receivables.matured import Coverage
    from serving.shadow import Shadow

#: Environment variables: the champion's folder, the ledger's path or URL.
CHAMPION: Final = "OTCRISK_CHAMPION"
LEDGER: Final = "OTCRISK_LEDGER"
#: Environment variable: 1 where the scorecards may answer when the models cannot be loaded at the start.
STANDBY: Final = "OTCRISK_STANDBY"
_LOG: Final = logging.getLogger("otcrisk.serving")
#: Threads for what is not answered on the loop, of either kind.
_THREADS: Final = 8


@dataclass(frozen=True)
class Tools:
    """What an assessment is made with; equal tools and equal requests give equal assessments."""

    champion: Champion
    policy: Policy
    rates: RateBook


@dataclass
class State:
    """Loaded once at start; until there is a key only programs on this machine are answered.

    `tools` are replaced as a whole when a champion is promoted: whoever scores takes them once. `shadow` scores with a
    challenger what was answered. `coverage` is how often answered payment dates held, null while too few have matured.
    `pages` makes the console's pages, from a page's name and what it is to show; without
    it there is no console.
    """

    tools: Tools
    log: DecisionLog
    payers: Payers
    keys: KeyRing | None = None
    shadow: Shadow | None = None
    coverage: Coverage | None = None
    pages: Callable[[str, Mapping[str, Any]], str] | None = None

    @property
    def convertible(self) -> frozenset[str]:
        """Currencies for which there is an exchange rate."""
        return self.tools.rates.convertible

    @cached_property
    def journal(self) -> Journal:
        """Writes the log: what it has taken is durable."""
        return Journal(self.log)

    @cached_property
    def threads(self) -> Pool:
        """Work that is not written for the loop."""
        return Pool(_THREADS, "otcrisk-work")

    @cached_property
    def readers(self) -> Pool:
        """Work that reads the ledger, and may hang with it."""
        return Pool(_THREADS, "otcrisk-read")

    def close(self) -> None:
        """Writes what waits, closes the log and gives database connections back."""
        if self.shadow is not None:
            self.shadow.close()
        self.journal.close()
        self.log.close()
        self.payers.close()
        for pool in ("threads", "readers"):
            if pool in self.__dict__:
                self.__dict__[pool].close()


def champion_folder() -> Path:
    """Where the champion lies: OTCRISK_CHAMPION, else beside the packages (as in a Bento), else in OTCRISK_HOME."""
    bundled = Path(__file__).resolve().parent.parent / "champion"
    return Path(os.environ.get(CHAMPION) or (bundled if bundled.is_dir() else home() / "champion"))


def load_tools() -> Tools:
    """Champion and policy as the environment names them; starts no thread and keeps no file open.

    Raises ArtefactError for a champion that is damaged, not signed by a trusted key or fails its trial, ConfigError for
    a wrong policy. Where the environment says so (`STANDBY`), sound scorecards of a damaged champion will do.
    """
    policy = load_policy(conf_dir() / "policy.toml")
    rates = RateBook(Currencies.read())
    try:
        champion = load_champion(champion_folder(), is_tried=True)
    except ArtefactError as error:
        if os.environ.get(STANDBY) != "1":
            raise
        champion = load_standby(champion_folder())
        _LOG.error("the scorecards answer in the place of the models: %s", error)
    return Tools(champion, policy, rates)


def load_state(tools: Tools | None = None) -> State:
    """The state as the environment names it, with `tools` where they were loaded before.

    Raises what `load_tools` raises, ConfigError for damaged keys, UnavailableError or NotFoundError where the ledger or
    the decision log cannot be opened.
    """
    tools = tools or load_tools()
    spec = os.environ.get(LEDGER)
    store = open_store(spec) if spec else None
    log = DecisionLog(home() / "decisions.sqlite")
    tools = _with_approved_policy(tools, log.path)
    payers = Payers(store, tools.rates)
    payers.catch_up()  # so that the first order need not wait for it
    return State(tools, log, payers, KeyRing(AccessKeys(key_folder())))


def _with_approved_policy(tools: Tools, log: Path) -> Tools:
    """The tools, with the policy that was approved since they were loaded, if one was; raises ConfigError."""
    try:
        require_approved(log, tools.policy)
    except ConfigError:
        policy = load_policy(conf_dir() / "policy.toml")
        require_approved(log, policy)
        return replace(tools, policy=policy)
    return tools
