"""A change takes two persons with two keys, is shown before it is approved, and is kept in a chain."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from receivables import four_eyes
from receivables.audit import verify
from receivables.config import conf_dir
from receivables.control_log import ControlLog
from receivables.decision_log import DecisionLog
from receivables.errors import ConfigError, ConflictError, InputError, NotFoundError
from receivables.four_eyes import APPLIED, PROPOSED, REJECTED, Change, Person
from receivables.policy import load_policy
from receivables.policy_change import apply_policy, propose_policy, require_applicable, require_approved

NOW = dt.datetime(2026, 11, 20, 10, tzinfo=dt.UTC)
ANN, BEN = Person("k1", "ann"), Person("k2", "ben")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return Path(shutil.copy(conf_dir() / "policy.toml", tmp_path / "policy.toml"))


@pytest.fixture
def acts(tmp_path: Path) -> Iterator[ControlLog]:
    DecisionLog(tmp_path / "decisions.sqlite").close()
    with ControlLog(tmp_path / "decisions.sqlite") as made:
        yield made


def lenient(place: Path, version: str = "credit-policy@next") -> str:
    current = load_policy(place).version
    text = place.read_text(encoding="utf-8").replace(current, version)
    return text.replace("threshold = 60\n", "threshold = 90\n")


def proposed(acts: ControlLog, place: Path, by: Person = ANN) -> Change:
    return propose_policy(acts, place, lenient(place), by=by, now=NOW)


def approved(acts: ControlLog, change: Change, by: Person = BEN) -> Change:
    sees = four_eyes.seal_of(acts, change.change_id)
    return four_eyes.decide(acts, change.change_id, approve=True, by=by, reason="agreed", now=NOW, sees=sees)


def test_a_proposal_says_what_differs_and_changes_nothing(acts: ControlLog, place: Path) -> None:
    before = place.read_bytes()
    change = proposed(acts, place)
    where = {difference["where"]: difference["after"] for difference in change.content["differences"]}
    assert where == {"version": "credit-policy@next", "checks[OLDEST_OPEN_ITEM_AGE].threshold": 90.0}
    assert (change.state, change.proposed_by, place.read_bytes()) == (PROPOSED, ANN, before)


def test_approved_by_a_second_person_it_is_put_in_place_and_recorded(acts: ControlLog, place: Path) -> None:
    change = approved(acts, proposed(acts, place))
    policy = apply_policy(acts, change, place, by=BEN, now=NOW)
    assert policy.sha256 == change.content["sha256"] == load_policy(place).sha256
    (kept,) = four_eyes.changes(acts)
    assert (kept.state, kept.proposed_by, kept.decided_by, kept.reason) == (APPLIED, ANN, BEN, "agreed")
    log = DecisionLog(acts.path)
    assert verify(log).is_intact
    log.close()


@pytest.mark.parametrize("same", [ANN, Person("k1", "somebody"), Person("k3", " Ann ")])
def test_nobody_approves_what_they_proposed_under_another_key_or_name(
    acts: ControlLog, place: Path, same: Person
) -> None:
    change = proposed(acts, place)
    with pytest.raises(InputError, match="another person"):
        approved(acts, change, by=same)
    assert four_eyes.get(acts, change.change_id).state == PROPOSED
    with pytest.raises(ConflictError, match="not approved"):
        apply_policy(acts, change, place, by=same, now=NOW)


def test_one_may_withdraw_what_one_proposed_and_a_verdict_is_final(acts: ControlLog, place: Path) -> None:
    change = proposed(acts, place)
    sees = four_eyes.seal_of(acts, change.change_id)
    kept = four_eyes.decide(acts, change.change_id, approve=False, by=ANN, reason="a slip", now=NOW, sees=sees)
    assert kept.state == REJECTED
    with pytest.raises(ConflictError, match="before"):
        approved(acts, change)


def test_only_what_was_seen_can_be_approved_and_only_what_was_proposed(acts: ControlLog, place: Path) -> None:
    change = proposed(acts, place)
    with pytest.raises(InputError, match="shown"):
        four_eyes.decide(acts, change.change_id, approve=True, by=BEN, reason="", now=NOW, sees="0" * 64)
    with pytest.raises(NotFoundError):
        four_eyes.get(acts, "chg_0")


def test_a_policy_that_came_meanwhile_makes_the_proposal_stale(acts: ControlLog, place: Path) -> None:
    change = proposed(acts, place)
    place.write_text(lenient(place, "credit-policy@other"), encoding="utf-8")
    with pytest.raises(ConflictError, match="not the policy any more"):
        require_applicable(change, place)


@pytest.mark.parametrize(
    ("text", "error"),
    [("version = 1", ConfigError), ("x" * 200_001, InputError)],
)
def test_a_policy_with_problems_cannot_be_proposed(
    acts: ControlLog, place: Path, text: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        propose_policy(acts, place, text, by=ANN, now=NOW)
    for unchanged in (place.read_text(encoding="utf-8"), lenient(place, load_policy(place).version)):
        with pytest.raises(InputError):
            propose_policy(acts, place, unchanged, by=ANN, now=NOW)
    assert four_eyes.changes(acts) == []


def test_from_the_first_approval_on_a_policy_that_nobody_approved_is_not_served(acts: ControlLog, place: Path) -> None:
    require_approved(acts.path, load_policy(place))
    change = approved(acts, proposed(acts, place))
    with pytest.raises(ConfigError, match="was not approved"):
        require_approved(acts.path, load_policy(place))
    apply_policy(acts, change, place, by=BEN, now=NOW)
    require_approved(acts.path, load_policy(place))
    place.write_text(lenient(place) + "# by hand\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="was not approved"):
        require_approved(acts.path, load_policy(place))
