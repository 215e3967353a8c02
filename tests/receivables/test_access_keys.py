"""Keys: shown once, kept as HMAC, changed whole by one process at a time, never longer-lived than said."""

from __future__ import annotations

import datetime as dt
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cli.main import main
from receivables.access_keys import AccessKeys, digest, id_of
from receivables.errors import ConfigError, InputError, NotFoundError

NOW = dt.datetime(2026, 11, 20, 9, 0, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def keys(tmp_path: Path) -> AccessKeys:
    return AccessKeys(tmp_path / "access")


def test_a_key_is_kept_as_hmac_and_its_text_nowhere(keys: AccessKeys) -> None:
    text, made = keys.create("SAP-PRD", ["score"], now=NOW)
    assert id_of(text) == made.key_id
    assert made.digest == digest(keys.pepper(), text)
    held = b"".join(path.read_bytes() for path in keys.folder.iterdir())
    assert text.rpartition("_")[2].encode() not in held
    assert keys.path.stat().st_mode & 0o077 == 0


def test_rights_that_make_no_sense_are_all_told(keys: AccessKeys) -> None:
    with pytest.raises(InputError) as raised:
        keys.create("bad\nname", ["score", "fly"], now=NOW, per_minute=0, expires_at=NOW)
    for part in ("fly", "name", "rate", "expiry"):
        assert part in str(raised.value)
    with pytest.raises(InputError, match="at least one"):
        keys.create("x", [], now=NOW)


def test_a_key_ends_when_it_expires_or_is_revoked(keys: AccessKeys) -> None:
    _, made = keys.create("x", ["score"], now=NOW, expires_at=NOW + HOUR)
    assert made.is_live(NOW)
    assert not made.is_live(NOW + HOUR)
    assert not keys.revoke(made.key_id, now=NOW).is_live(NOW)


def test_a_revocation_is_never_put_off(keys: AccessKeys) -> None:
    _, made = keys.create("x", ["score"], now=NOW)
    keys.revoke(made.key_id, now=NOW)
    assert not keys.revoke(made.key_id, now=NOW + HOUR).is_live(NOW)


def test_a_rotated_key_goes_on_for_its_grace_and_the_new_one_has_its_rights(keys: AccessKeys) -> None:
    _, old = keys.create("x", ["score", "ingest"], now=NOW, company_codes=["1000"], per_minute=60)
    text, new = keys.rotate(old.key_id, now=NOW, grace=HOUR)
    assert id_of(text) == new.key_id != old.key_id
    assert (new.scopes, new.company_codes, new.per_minute) == (old.scopes, old.company_codes, old.per_minute)
    kept = {key.key_id: key for key in keys.all()}[old.key_id]
    assert kept.is_live(NOW)
    assert not kept.is_live(NOW + HOUR)
    with pytest.raises(InputError, match="has ended"):
        keys.rotate(old.key_id, now=NOW + HOUR, grace=HOUR)


def test_an_unknown_id_is_named(keys: AccessKeys) -> None:
    with pytest.raises(NotFoundError, match="nosuchid"):
        keys.revoke("nosuchid", now=NOW)


def test_racing_changes_lose_no_key(keys: AccessKeys) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda i: keys.create(f"k{i}", ["score"], now=NOW)[1].key_id, range(24)))
    assert {key.key_id for key in keys.all()} == set(made)


@pytest.mark.parametrize("damage", ["{", "[1]", '[{"key_id": 1}]', "[{}]", '{"a": 1}'])
def test_a_damaged_file_lets_nobody_in(keys: AccessKeys, damage: str) -> None:
    keys.create("x", ["score"], now=NOW)
    keys.path.write_text(damage, encoding="utf-8")
    with pytest.raises(ConfigError, match="nobody is let in"):
        keys.all()


def test_a_pepper_that_others_may_read_is_refused(keys: AccessKeys) -> None:
    keys.pepper()
    (keys.folder / "pepper").chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        keys.pepper()


def test_the_command_makes_lists_rotates_and_revokes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTCRISK_HOME", str(tmp_path))
    assert main(["keys", "list"]) == 0
    assert "no keys" in capsys.readouterr().out
    assert main(["keys", "create", "--name", "SAP", "--scopes", "score,ingest", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert id_of(made["key"]) == made["key_id"]
    assert main(["keys", "rotate", made["key_id"], "--grace-hours", "0", "--json"]) == 0
    new = json.loads(capsys.readouterr().out)
    assert main(["keys", "revoke", new["key_id"]]) == 0
    assert main(["keys", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out.partition("\n")[2])["keys"]
    assert [key["is_live"] for key in listed] == [False, False]
    assert main(["keys", "create", "--name", "x", "--scopes", "fly"]) == 3
    assert main(["keys", "revoke"]) == 3
