"""What differs between two policies is said by name."""

from __future__ import annotations

from dataclasses import replace

from receivables.config import conf_dir
from receivables.policy import load_policy
from receivables.policy_diff import Difference, differences

POLICY = load_policy(conf_dir() / "policy.toml")


def test_a_policy_does_not_differ_from_itself_whatever_its_file_looks_like() -> None:
    assert differences(POLICY, replace(POLICY, sha256="another")) == []


def test_a_changed_threshold_is_named_by_its_check() -> None:
    rules = tuple(replace(r, threshold=90) if r.check == "OLDEST_OPEN_ITEM_AGE" else r for r in POLICY.checks)
    found = differences(POLICY, replace(POLICY, version="next", checks=rules))
    assert found == [
        Difference("version", POLICY.version, "next"),
        Difference("checks[OLDEST_OPEN_ITEM_AGE].threshold", 60, 90),
    ]


def test_an_entry_that_is_gone_or_has_moved_is_said() -> None:
    first, second, *rest = POLICY.remedies
    moved = differences(POLICY, replace(POLICY, remedies=(second, first, *rest)))
    assert [d.where for d in moved] == ["remedies (order)"]
    gone = differences(POLICY, replace(POLICY, remedies=(second, *rest)))
    assert [(d.where, d.after) for d in gone] == [(f"remedies[{first.code}]", None)]
