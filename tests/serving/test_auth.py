"""Who is let in: a live key with the scope, within its rate; a change of the keys counts within seconds."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import pytest

from receivables.access_keys import AccessKeys
from serving.auth import LOOK_EVERY, KeyRing
from serving.problems import ApiError

START = dt.datetime(2026, 11, 20, 9, 0, tzinfo=dt.UTC)


@dataclass
class Clock:
    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds

    def today(self) -> dt.datetime:
        return START + dt.timedelta(seconds=self.seconds)


@pytest.fixture
def keys(tmp_path: Path) -> AccessKeys:
    return AccessKeys(tmp_path / "access")


def ring(keys: AccessKeys, clock: Clock) -> KeyRing:
    return KeyRing(keys, clock=clock, today=clock.today)


def refused(made: KeyRing, authorization: str | None, scope: str = "score") -> str:
    with pytest.raises(ApiError) as raised:
        made.admit(authorization, scope)
    return raised.value.code


def test_a_live_key_with_the_scope_is_let_in(keys: AccessKeys) -> None:
    text, made = keys.create("SAP", ["score"], now=START, company_codes=["1000"])
    caller = ring(keys, Clock()).admit(f"Bearer {text}", "score")
    assert (caller.key_id, caller.name, caller.company_codes) == (made.key_id, "SAP", {"1000"})


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Basic {}", "{}", "Bearer {}x", "Bearer otc_{id}_" + "A" * 43, "Bearer é" * 9],
)
def test_whoever_shows_no_live_key_is_not(keys: AccessKeys, authorization: str | None) -> None:
    text, made = keys.create("SAP", ["score"], now=START)
    shown = authorization and authorization.replace("{}", text).replace("{id}", made.key_id)
    assert refused(ring(keys, Clock()), shown) == "UNAUTHORIZED"


def test_a_key_without_the_scope_is_not_let_in(keys: AccessKeys) -> None:
    text, _ = keys.create("SAP", ["score"], now=START)
    assert refused(ring(keys, Clock()), f"Bearer {text}", "review") == "FORBIDDEN"


def test_admin_opens_nothing_but_admin(keys: AccessKeys) -> None:
    text, _ = keys.create("ops", ["admin"], now=START)
    assert refused(ring(keys, Clock()), f"Bearer {text}", "score") == "FORBIDDEN"


def test_a_revoked_key_is_refused_within_seconds_and_a_new_one_let_in(keys: AccessKeys) -> None:
    clock = Clock()
    text, made = keys.create("SAP", ["score"], now=START)
    opened = ring(keys, clock)
    opened.admit(f"Bearer {text}", "score")
    keys.revoke(made.key_id, now=START)
    new, _ = keys.create("SAP", ["score"], now=START)
    clock.seconds += LOOK_EVERY
    assert LOOK_EVERY <= 5
    assert refused(opened, f"Bearer {text}") == "UNAUTHORIZED"
    assert opened.admit(f"Bearer {new}", "score").name == "SAP"


def test_a_key_expires_while_the_file_stays_as_it_is(keys: AccessKeys) -> None:
    clock = Clock()
    text, _ = keys.create("SAP", ["score"], now=START, expires_at=START + dt.timedelta(seconds=10))
    opened = ring(keys, clock)
    opened.admit(f"Bearer {text}", "score")
    clock.seconds = 10.0
    assert refused(opened, f"Bearer {text}") == "UNAUTHORIZED"


@pytest.mark.parametrize("damage", ["delete", "spoil"])
def test_where_the_keys_cannot_be_read_any_more_nobody_is_let_in(keys: AccessKeys, damage: str) -> None:
    clock = Clock()
    text, _ = keys.create("SAP", ["score"], now=START)
    opened = ring(keys, clock)
    opened.admit(f"Bearer {text}", "score")
    keys.path.unlink() if damage == "delete" else keys.path.write_text("{")
    clock.seconds += LOOK_EVERY
    assert refused(opened, f"Bearer {text}") == "UNAVAILABLE"


def test_a_key_beyond_its_rate_waits_as_long_as_it_is_told(keys: AccessKeys) -> None:
    clock = Clock()
    text, _ = keys.create("SAP", ["score"], now=START, per_minute=60)
    opened = ring(keys, clock)
    for _ in range(6):  # a tenth of a minute's requests at once
        opened.admit(f"Bearer {text}", "score")
    with pytest.raises(ApiError) as raised:
        opened.admit(f"Bearer {text}", "score")
    assert raised.value.code == "TOO_MANY_REQUESTS"
    wait = int(raised.value.headers["Retry-After"])
    clock.seconds += wait
    opened.admit(f"Bearer {text}", "score")


def test_rates_are_by_key(keys: AccessKeys) -> None:
    one, two = (keys.create(name, ["score"], now=START, per_minute=1)[0] for name in ("a", "b"))
    opened = ring(keys, Clock())
    opened.admit(f"Bearer {one}", "score")
    assert refused(opened, f"Bearer {one}") == "TOO_MANY_REQUESTS"
    opened.admit(f"Bearer {two}", "score")


def test_a_key_bound_to_company_codes_scores_no_others(keys: AccessKeys) -> None:
    text, _ = keys.create("SAP", ["score"], now=START, company_codes=["1000"])
    caller = ring(keys, Clock()).admit(f"Bearer {text}", "score")
    caller.require_company("1000")
    for other in ("2000", None, ""):
        with pytest.raises(ApiError):
            caller.require_company(other)


def test_the_first_key_made_while_the_service_runs_is_asked_for_from_then_on(keys: AccessKeys) -> None:
    clock = Clock()
    opened = ring(keys, clock)
    assert not opened.exist()
    text, _ = keys.create("SAP", ["score"], now=START)
    clock.seconds += LOOK_EVERY
    assert opened.exist()
    assert opened.admit(f"Bearer {text}", "score").name == "SAP"


def test_keys_that_come_back_as_they_were_are_let_in_again(keys: AccessKeys) -> None:
    clock = Clock()
    text, _ = keys.create("SAP", ["score"], now=START)
    opened = ring(keys, clock)
    assert opened.exist()
    away = keys.path.rename(keys.path.with_suffix(".away"))
    clock.seconds += LOOK_EVERY
    assert refused(opened, f"Bearer {text}") == "UNAVAILABLE"
    away.rename(keys.path)
    clock.seconds += LOOK_EVERY
    assert opened.admit(f"Bearer {text}", "score").name == "SAP"
