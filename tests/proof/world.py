"""What the proofs of the service stand on: a small seller with its champion, in this process or served by others."""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from models.champion import load_champion
from receivables.config import conf_dir
from receivables.currencies import Currencies
from receivables.decision_log import DecisionLog
from receivables.policy import load_policy
from receivables.signature import SIGNING, SIGNING_FILE, TRUSTED, TRUSTED_FILE, make_pair
from receivables.store import open_store
from serving.payers import Payers
from serving.rates import RateBook
from serving.state import State, Tools
from tests.serving.conftest import Seller, make_seller
from tests.serving.random_orders import random_order
from tests.serving.running import Running, free_port, running

ROOT: Final = Path(__file__).resolve().parents[2]


@cache
def seller() -> Seller:
    """The seller; its champion is signed with a key of this process where the environment names none."""
    if SIGNING not in os.environ:
        folder = Path(tempfile.mkdtemp(prefix="otcrisk-keys-"))
        make_pair(folder)
        os.environ[SIGNING], os.environ[TRUSTED] = str(folder / SIGNING_FILE), str(folder / TRUSTED_FILE)
    return make_seller()


@cache
def tools() -> Tools:
    """What orders are assessed with, in this process."""
    policy = load_policy(conf_dir() / "policy.toml")
    return Tools(load_champion(seller().champion), policy, RateBook(Currencies.read()))


@contextmanager
def state(folder: Path, **terms: int) -> Iterator[State]:
    """A serving state in this process, on a ledger of its own; `terms` replace those of the policy's fallback."""
    found = tools()
    policy = replace(found.policy, fallback=replace(found.policy.fallback, **terms))
    ledger = Path(shutil.copy(seller().path, folder / "ledger.sqlite"))
    with open_store(str(ledger)) as store:
        made = State(
            replace(found, policy=policy), DecisionLog(folder / "decisions.sqlite"), Payers(store, found.rates)
        )
        try:
            yield made
        finally:
            made.close()


def orders(count: int, *, seed: int = 1, **options: object) -> list[dict[str, Any]]:
    """Orders of every kind, of customers that the ledger knows and of others."""
    dice = random.Random(seed)
    made = [random_order(dice, seller().customers(), number) for number in range(count)]
    for document in made:
        document["options"] = {"timeout_ms": 2_000, **options}
    return made


@contextmanager
def served(
    *words: str, ledger: str | None = None, count: int = 1, environment: dict[str, str] | None = None
) -> Iterator[tuple[list[Running], Path]]:
    """`count` services on ports of their own with one decision log, and the folder of their state."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        made = [
            stack.enter_context(_one(folder, words, ledger or str(seller().path), environment or {}, number))
            for number in range(count)
        ]
        yield made, folder


@contextmanager
def _one(
    folder: Path, words: Sequence[str], ledger: str, environment: dict[str, str], number: int, port: int = 0
) -> Iterator[Running]:
    port = port or free_port()
    inherited = {**os.environ, "OTCRISK_HOME": str(folder), "PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, "-m", "cli.main", "serve", "--ledger", ledger, "--champion", str(seller().champion)]
    arguments = [*command, "--port", str(port), *words]
    with running(arguments, port, cwd=folder, env=inherited, log=folder / f"log-{number}.txt") as made:
        yield made


def again(folder: Path, port: int, *words: str, ledger: str | None = None) -> Any:
    """A context with another service on a port that has become free."""
    return _one(folder, words, ledger or str(seller().path), {}, port, port)


def wire(document: object) -> bytes:
    """The body as it is sent."""
    return json.dumps(document).encode()
