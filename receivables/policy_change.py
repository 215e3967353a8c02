"""A new credit policy that takes two persons: proposed with what differs, approved, and only then put in place.

From the first approval on, a policy file that nobody approved is not served.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Final

from receivables import four_eyes
from receivables.control_log import ControlLog
from receivables.errors import ConfigError, ConflictError, InputError, UnavailableError
from receivables.files import replace_whole
from receivables.four_eyes import POLICY, Change, Person
from receivables.policy import Policy, load_policy
from receivables.policy_diff import differences

#: Characters of a policy file beyond which it is not recorded.
MAX_TEXT: Final = 200_000


def propose_policy(acts: ControlLog, place: Path, text: str, *, by: Person, now: dt.datetime) -> Change:
    """The proposal to put `text` in the place of the policy file `place`, with every value that differs.

    Raises ConfigError for a policy with problems, InputError for one that changes nothing or keeps the version.
    """
    if len(text) > MAX_TEXT:
        raise InputError(f"expected a policy of at most {MAX_TEXT:,} characters, got {len(text):,}")
    before, after = load_policy(place), _read(text)
    found = differences(before, after)
    if not found:
        raise InputError("the proposed policy does not differ from the one that counts")
    if before.version == after.version:
        raise InputError(f"version: expected another than {before.version}, under which decisions were made already")
    content = {
        "text": text,
        "sha256": after.sha256,
        "version": after.version,
        "replaces_sha256": before.sha256,
        "replaces_version": before.version,
        "differences": [asdict(difference) for difference in found],
    }
    return four_eyes.propose(acts, POLICY, content, by=by, now=now)


def require_applicable(change: Change, place: Path) -> None:
    """Raises ConflictError where another policy has come since, UnavailableError where the file cannot be replaced."""
    counts = hashlib.sha256(place.read_bytes()).hexdigest()
    if counts not in (change.content["replaces_sha256"], change.content["sha256"]):
        raise ConflictError(f"{change.change_id}: {place} is not the policy any more that it was compared with")
    if not os.access(place.parent, os.W_OK):
        raise UnavailableError(f"{place.parent}: cannot be written by this process; apply it where it can")


def apply_policy(acts: ControlLog, change: Change, place: Path, *, by: Person, now: dt.datetime) -> Policy:
    """The approved policy, now in place; raises as `require_applicable`, and ConflictError where it is not approved."""
    require_applicable(change, place)
    if change.state != four_eyes.APPROVED:
        raise ConflictError(f"{change.change_id}: it is not approved, or was applied before")
    mode = place.stat().st_mode & 0o777
    replace_whole(place, str(change.content["text"]).encode())
    place.chmod(mode)
    four_eyes.applied(acts, change.change_id, by=by, now=now)
    return load_policy(place)


def require_approved(path: Path, policy: Policy) -> None:
    """Raises ConfigError where policies are approved by a second person and this one was not.

    `path` is the decision log's file.
    """
    with ControlLog(path) as acts:
        approved = four_eyes.last_approved(acts, POLICY)
    if approved is not None and approved.content["sha256"] != policy.sha256:
        raise ConfigError(
            f"policy {policy.version} ({policy.sha256[:16]}) was not approved: the last one that was is "
            f"{approved.content['version']} ({approved.change_id}); put it in place with `otcrisk changes apply "
            f"{approved.change_id}`, or propose this one"
        )


def is_approved(path: Path, policy: Policy) -> bool:
    """Whether this very policy is the one that a second person approved last, by the decision log's file `path`."""
    with ControlLog(path) as acts:
        approved = four_eyes.last_approved(acts, POLICY)
    return approved is not None and approved.content["sha256"] == policy.sha256


def _read(text: str) -> Policy:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "policy.toml"
        file.write_text(text, encoding="utf-8")
        try:
            return load_policy(file)
        except ConfigError as error:
            raise ConfigError(str(error).replace(str(file), "the proposed policy")) from None
