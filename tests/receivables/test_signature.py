"""Who may sign, whose signature counts, and how key files are kept."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from receivables.errors import ArtefactError
from receivables.signature import (
    SIGNING,
    SIGNING_FILE,
    TRUSTED,
    TRUSTED_FILE,
    SigningKey,
    TrustedKeys,
    make_pair,
    read_key,
    signing_key,
    trusted_keys,
)


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation without named keys; the folder of its local pair."""
    for name in (SIGNING, TRUSTED):
        monkeypatch.delenv(name)
    monkeypatch.setenv("OTCRISK_HOME", str(tmp_path))
    return tmp_path / "keys"


def _key(folder: Path) -> SigningKey:
    make_pair(folder)
    return read_key(folder / SIGNING_FILE)


def test_the_local_pair_is_made_on_first_use_and_only_its_owner_may_read_it(local: Path) -> None:
    with pytest.raises(ArtefactError, match="no trusted key"):
        trusted_keys()
    key = signing_key()
    assert stat.S_IMODE((local / SIGNING_FILE).stat().st_mode) == 0o600
    assert signing_key().id == key.id
    assert trusted_keys().verify("d", b"data", key.sign("d", b"data"), "x") == key.id


def test_sixteen_first_uses_at_once_agree_on_one_pair(local: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        ids = {key.id for key in pool.map(lambda _: signing_key(), range(16))}
    assert {*trusted_keys().keys} == ids
    assert len(ids) == 1
    assert sorted(path.name for path in local.iterdir()) == [SIGNING_FILE, TRUSTED_FILE]


def test_a_signature_is_worth_nothing_for_other_data_another_domain_or_another_key(tmp_path: Path) -> None:
    key, other = _key(tmp_path / "a"), _key(tmp_path / "b")
    trusted = TrustedKeys.of_pem(key.public_pem, "here")
    line = key.sign("d", b"data")
    assert trusted.verify("d", b"data", line, "x") == key.id
    for domain, data, signature in (
        ("d", b"date", line),
        ("e", b"data", line),
        ("d", b"data", line.replace(line[-20:-10], b"0123456789")),
        # a stranger's signature under the name of a trusted key
        ("d", b"data", other.sign("d", b"data").replace(other.id.encode(), key.id.encode())),
    ):
        with pytest.raises(ArtefactError, match="one of them was changed"):
            trusted.verify(domain, data, signature, "x")
    with pytest.raises(ArtefactError, match=f"{other.id}, which is not among those trusted here"):
        trusted.verify("d", b"data", other.sign("d", b"data"), "x")
    for malformed in (b"", line[:-1], line + b"\n", line.upper(), b"rsa " + line[8:]):
        with pytest.raises(ArtefactError, match="expected a line"):
            trusted.verify("d", b"data", malformed, "x")


def test_several_keys_may_be_trusted_while_one_replaces_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = _key(tmp_path / "a"), _key(tmp_path / "b")
    (tmp_path / "both.pem").write_bytes(old.public_pem + b"# next year's\n" + new.public_pem)
    monkeypatch.setenv(TRUSTED, str(tmp_path / "both.pem"))
    for key in (old, new):
        assert trusted_keys().verify("d", b"data", key.sign("d", b"data"), "x") == key.id
    assert TrustedKeys.of_pem(trusted_keys().pem, "copy").keys.keys() == {old.id, new.id}


def test_keys_in_the_configuration_come_before_the_local_pair(
    local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signing_key()
    monkeypatch.setenv("OTCRISK_CONF", str(tmp_path / "conf"))
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / TRUSTED_FILE).write_bytes(_key(tmp_path / "a").public_pem)
    assert trusted_keys().origin == str(tmp_path / "conf" / TRUSTED_FILE)


def test_a_private_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    make_pair(tmp_path)
    (tmp_path / SIGNING_FILE).chmod(0o640)
    with pytest.raises(ArtefactError, match="chmod 600"):
        read_key(tmp_path / SIGNING_FILE)


def test_a_file_that_holds_no_key_of_the_right_kind_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_pair(tmp_path)
    monkeypatch.setenv(SIGNING, str(tmp_path / "absent.pem"))
    with pytest.raises(ArtefactError, match=r"absent\.pem: the key cannot be read"):
        signing_key()
    (tmp_path / TRUSTED_FILE).chmod(0o600)
    with pytest.raises(ArtefactError, match="expected an unencrypted Ed25519 private key"):
        read_key(tmp_path / TRUSTED_FILE)
    with pytest.raises(ArtefactError, match="found none"):
        TrustedKeys.of_pem((tmp_path / SIGNING_FILE).read_bytes(), "x")
    with pytest.raises(ArtefactError, match="not a public key"):
        TrustedKeys.of_pem(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "x")
