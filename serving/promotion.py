"""A promoted champion takes over while orders are answered: loaded, verified and warmed beside the one that serves.

An order is scored by the tools that it finds when it comes in; the next one finds the new ones. Where anything is wrong
with the new champion the old one goes on serving. A credit policy that a second person approved is taken over likewise.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from models.artefact import MANIFEST
from models.champion import Champion, load_champion
from receivables.config import conf_dir
from receivables.errors import OtcRiskError
from receivables.policy import load_policy
from receivables.policy_change import is_approved
from serving.state import State, champion_folder
from serving.warm import warm

#: Seconds between two looks at the champion's folder.
EVERY: Final = 1.0
_LOG: Final = logging.getLogger("otcrisk.serving")
_Mark = tuple[int, int] | None


def verified(folder: Path) -> Champion:
    """The champion in the folder, tried in a process of its own; raises ArtefactError where anything is wrong."""
    return load_champion(folder, is_tried=True)


class Promotions:
    """Watches the champion's folder from a thread of its own until it is closed."""

    def __init__(
        self,
        state: State,
        *,
        folder: Path | None = None,
        load: Callable[[Path], Champion] = verified,
        every: float = EVERY,
    ) -> None:
        self._state, self._folder, self._load, self._every = state, folder or champion_folder(), load, every
        # a worker that replaces another was loaded before it was started: a promotion may have come between
        self._seen = self._mark() if self._is_served() else None
        self._policy = conf_dir() / "policy.toml"
        self._policy_seen = _mark_of(self._policy)
        self._ended = threading.Event()
        self._watching = threading.Thread(target=self._watch, name="otcrisk-promotions", daemon=True)
        self._watching.start()

    def close(self) -> None:
        """Ends the watch."""
        self._ended.set()
        self._watching.join()

    def _is_served(self) -> bool:
        """Whether the folder holds the champion that serves, by its manifest."""
        try:
            there = json.loads((self._folder / MANIFEST).read_bytes())
        except (OSError, ValueError):
            return False
        served = self._state.tools.champion.manifest
        return bool({name: there.get(name) for name in served} == served)

    def _watch(self) -> None:
        while not self._ended.wait(self._every):
            mark = self._mark()
            if mark is not None and mark != self._seen:
                self._seen = mark
                self._take_over()
            mark = _mark_of(self._policy)
            if mark is not None and mark != self._policy_seen:
                self._policy_seen = mark
                self._take_over_policy()

    def _take_over_policy(self) -> None:
        state = self._state
        try:
            policy = load_policy(self._policy)
            if policy.sha256 == state.tools.policy.sha256 or not is_approved(state.log.path, policy):
                return
        except (OtcRiskError, OSError) as error:
            _LOG.error("the policy file is not served, the policy before it is: %s", error)
            return
        state.tools = replace(state.tools, policy=policy)
        _LOG.warning("policy %s serves now", policy.version)

    def _take_over(self) -> None:
        state = self._state
        try:
            champion = self._load(self._folder)
            if champion.manifest == state.tools.champion.manifest:
                return
            tools = replace(state.tools, champion=champion)
            warm(tools)
        except (OtcRiskError, OSError) as error:
            _LOG.error("the promoted champion is not served, the one before it is: %s", error)
            return
        state.tools = tools
        _LOG.warning("champion %s serves now", champion.manifest["version"])

    def _mark(self) -> _Mark:
        """Changes whenever another champion lies in the folder; promotion replaces the folder as a whole."""
        return _mark_of(self._folder / MANIFEST)


def _mark_of(path: Path) -> _Mark:
    try:
        found = path.stat()
    except OSError:  # between two renames
        return None
    return found.st_ino, found.st_mtime_ns
