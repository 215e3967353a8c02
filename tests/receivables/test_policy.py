"""The policy file, the decision that follows from it, and the money, limits and remedies that come with it."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receivables.config import conf_dir
from receivables.credit_checks import CHECKS, OUTCOMES, evaluate
from receivables.credit_limit import largest_amount, limit_figures
from receivables.errors import ConfigError
from receivables.facts import Facts
from receivables.loss import LossTerms, loss
from receivables.policy import Policy, decide, load_policy, outcome_of
from receivables.remedies import PARAMETERS, Situation, actions

SHIPPED = conf_dir() / "policy.toml"
POLICY = load_policy(SHIPPED)

#: The order of the scoring contract.
CONTRACT = Facts(
    as_of=dt.date(2026, 11, 20),
    currency="EUR",
    gross_minor=4998000,
    net_days=30,
    legal_form="LEGAL_PERSON",
    limit_currency="EUR",
    margin_minor=756000,
    limit_minor=15000000,
    limit_valid_to=dt.date(2027, 3, 31),
    exposure_before_minor=12090000,
    max_dunning_level=2,
    oldest_overdue_days=41,
    late_over={0: 0.54, 30: 0.13, 60: 0.048, 90: 0.021},
    mean_days_late=9.8,
    event_probability=0.034,
    rating="R06",
    risk_class="C",
)
#: The same order where nothing speaks against it.
HARMLESS = replace(CONTRACT, exposure_before_minor=1000000)


@pytest.fixture(scope="module")
def policy() -> Policy:
    return POLICY


def _situation(policy: Policy, facts: Facts, **more: object) -> Situation:
    decision = decide(policy, facts)
    return Situation(facts, decision.checks, limit_figures(policy.limit, facts), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"exposure_before_minor": 1000000},
        {"late_over": None, "mean_days_late": None, "event_probability": None, "rating": None, "risk_class": None},
        {"margin_minor": -1, "exposure_before_minor": 0},
        {"risk_class": "E", "secured_minor": 10**12},
        {"limit_minor": None, "max_dunning_level": None, "oldest_overdue_days": None},
    ],
)
def test_an_outcome_alone_is_that_of_the_decision(policy: Policy, change: dict[str, Any]) -> None:
    facts = CONTRACT.changed(**change)
    assert facts == replace(CONTRACT, **change)
    assert outcome_of(policy, facts) == decide(policy, facts).outcome


def test_the_contract_order_is_held_because_it_exceeds_the_limit(policy: Policy) -> None:
    decision = decide(policy, CONTRACT)
    assert (decision.outcome, decision.decided_by, decision.credit_status) == ("HOLD", "POLICY", "B")
    assert decision.human_review_required
    first = decision.checks[0]
    assert (first.check, first.sap_step, first.result) == ("CREDIT_LIMIT_UTILISATION", "010", "FAIL")
    assert (first.actual, first.threshold) == ("170880.00", "150000.00")
    assert first.message == "Exposure after order exceeds the credit limit by 20,880.00 EUR"


def test_every_check_of_the_policy_is_listed_whatever_fails(policy: Policy) -> None:
    assert [c.check for c in decide(policy, CONTRACT).checks] == [rule.check for rule in policy.checks]
    assert {rule.check for rule in policy.checks} == set(CHECKS)


def test_an_order_that_nothing_speaks_against_is_approved_by_the_model(policy: Policy) -> None:
    decision = decide(policy, HARMLESS)
    assert (decision.outcome, decision.decided_by, decision.credit_status) == ("APPROVE", "MODEL", "A")
    assert not decision.human_review_required


def test_a_perfect_score_does_not_override_a_limit_breach(policy: Policy) -> None:
    perfect = replace(
        CONTRACT, late_over=dict.fromkeys((0, 30, 60, 90), 0.0), event_probability=1e-9, rating="R01", risk_class="A"
    )
    assert decide(policy, perfect).outcome == "HOLD"


@pytest.mark.parametrize(
    ("change", "check", "outcome", "who"),
    [
        ({"gross_minor": 7500001}, "MAX_DOCUMENT_VALUE", "REVIEW", "POLICY"),
        ({"max_dunning_level": 4}, "MAX_DUNNING_LEVEL", "HOLD", "POLICY"),
        ({"oldest_overdue_days": 61}, "OLDEST_OPEN_ITEM_AGE", "HOLD", "POLICY"),
        ({"late_over": {0: 0.6, 30: 0.21, 60: 0.1, 90: 0.1}}, "MODEL_P_LATE_30", "APPROVE_WITH_CONDITIONS", "MODEL"),
        ({"event_probability": 0.11}, "MODEL_PD", "REVIEW", "MODEL"),
        ({"risk_class": "D"}, "RISK_CLASS", "REVIEW", "MODEL"),
        ({"risk_class": "E"}, "RISK_CLASS", "HOLD", "MODEL"),
        ({"limit_valid_to": dt.date(2026, 11, 19)}, "CREDIT_LIMIT_VALIDITY", "REVIEW", "LIMIT"),
        ({"is_blocked": True}, "BLOCKED", "HOLD", "POLICY"),
        ({"is_insolvent": True}, "INSOLVENCY", "HOLD", "POLICY"),
        ({"country": "KP"}, "BLOCK_RULE", "HOLD", "POLICY"),
        ({"average_days_late": 45.5}, "PAYMENT_BEHAVIOUR", "REVIEW", "POLICY"),
        ({"overdue_ratio": 0.8}, "OVERDUE_RATIO", "APPROVE_WITH_CONDITIONS", "POLICY"),
        ({"margin_minor": 100}, "EXPECTED_PROFIT", "REVIEW", "POLICY"),
    ],
)
def test_each_check_alone_leads_to_its_outcome(
    policy: Policy, change: dict[str, object], check: str, outcome: str, who: str
) -> None:
    decision = decide(policy, replace(HARMLESS, limit_minor=10**9, **change))  # type: ignore[arg-type]
    failed = [c.check for c in decision.checks if c.result == "FAIL"]
    assert (failed, decision.outcome, decision.decided_by) == ([check], outcome, who)


@pytest.mark.parametrize(
    ("fact", "check"),
    [
        ("limit_minor", "CREDIT_LIMIT_UTILISATION"),
        ("exposure_before_minor", "CREDIT_LIMIT_UTILISATION"),
        ("max_dunning_level", "MAX_DUNNING_LEVEL"),
        ("oldest_overdue_days", "OLDEST_OPEN_ITEM_AGE"),
        ("late_over", "MODEL_P_LATE_30"),
        ("event_probability", "MODEL_PD"),
        ("risk_class", "RISK_CLASS"),
        ("limit_valid_to", "CREDIT_LIMIT_VALIDITY"),
    ],
)
def test_a_missing_fact_is_not_evaluated_and_never_a_pass(policy: Policy, fact: str, check: str) -> None:
    decision = decide(policy, replace(HARMLESS, **{fact: None}))
    found = {c.check: c.result for c in decision.checks}
    assert found[check] == "NOT_EVALUATED"


def test_without_an_answer_of_the_models_a_person_looks(policy: Policy) -> None:
    silent = replace(
        HARMLESS, late_over=None, mean_days_late=None, event_probability=None, risk_class=None, rating=None
    )
    decision = decide(policy, silent)
    assert (decision.outcome, decision.decided_by) == ("REVIEW", "FALLBACK")
    assert loss(policy.loss, silent) is None


def test_an_unlisted_currency_is_reviewed_not_waved_through(policy: Policy) -> None:
    assert decide(policy, replace(HARMLESS, currency="KWD", rate=Decimal("2.8"))).outcome == "REVIEW"


def test_a_decision_about_a_natural_person_is_always_reviewed_by_a_person(policy: Policy) -> None:
    decision = decide(policy, replace(HARMLESS, legal_form="NATURAL_PERSON"))
    assert decision.outcome == "APPROVE"
    assert decision.human_review_required


def test_the_weaker_event_has_its_own_threshold_and_is_never_called_default(policy: Policy) -> None:
    weaker = replace(
        HARMLESS, event="serious_delinquency_6m", event_label="serious delinquency", event_probability=0.45
    )
    check = next(c for c in decide(policy, weaker).checks if c.check == "MODEL_PD")
    assert (check.result, check.threshold) == ("FAIL", "0.400")
    assert check.message == "The probability of serious delinquency, 45.0%, exceeds 40.0%"


_OUTCOME_FACTS = st.fixed_dictionaries(
    {
        "is_blocked": st.booleans(),
        "is_insolvent": st.booleans(),
        "max_dunning_level": st.integers(0, 9),
        "oldest_overdue_days": st.integers(0, 400),
        "event_probability": st.floats(0, 1),
        "risk_class": st.sampled_from("ABCDE"),
        "gross_minor": st.integers(1, 10**9),
    }
)


@given(_OUTCOME_FACTS)
def test_the_outcome_is_the_worst_of_all_checks_and_risk_is_never_left_without_a_remedy(
    changes: dict[str, object],
) -> None:
    policy = POLICY
    facts = replace(CONTRACT, **changes)  # type: ignore[arg-type]
    decision = decide(policy, facts)
    assert decision.outcome == max((c.outcome for c in decision.checks), key=OUTCOMES.index)
    needed = decision.outcome != "APPROVE" or facts.risk_class in "DE"  # type: ignore[operator]
    found = actions(policy.remedies, _situation(policy, facts), needed=needed)
    assert bool(found) or not needed
    assert [action.priority for action in found] == list(range(1, len(found) + 1))
    assert all(action.why for action in found)


def test_a_risky_class_gets_a_remedy_even_where_no_check_and_no_reason_calls_for_one(policy: Policy) -> None:
    bare = replace(policy, checks=(), remedies=tuple(r for r in policy.remedies if r.code == "ROUTE_TO_CREDIT_ANALYST"))
    found = actions(bare.remedies, _situation(bare, HARMLESS), needed=True)
    assert [(action.code, action.why) for action in found] == [("ROUTE_TO_CREDIT_ANALYST", ("RISK_CLASS",))]


def test_remedies_follow_checks_and_reasons_and_carry_what_is_needed_to_act(policy: Policy) -> None:
    situation = _situation(
        policy,
        CONTRACT,
        adverse=[("PB03", "PAYMENT_TREND"), ("OD01", "OVERDUE")],
        overdue=["9000771203"],
        overdue_minor=2130000,
        overdue_currency="EUR",
        approvable_minor=2910000,
        queue="B2B-DE",
    )
    found = {action.code: action for action in actions(policy.remedies, situation, needed=True)}
    overdue = found["REQUEST_PAYMENT_OF_OVERDUE"]
    assert overdue.parameters == {"document_numbers": ["9000771203"], "amount": "21300.00", "currency": "EUR"}
    assert overdue.why == ("OD01", "CREDIT_LIMIT_UTILISATION")
    assert found["ROUTE_TO_CREDIT_ANALYST"].parameters == {"queue": "B2B-DE"}
    assert found["SHORTEN_PAYMENT_TERMS"].parameters == {"net_days": 14}
    assert found["SPLIT_DELIVERY"].parameters == {"first_gross_amount": "29100.00", "currency": "EUR"}
    # 42 % of 49,980.00 prepaid leaves 28,988.40, which fits into 29,100.00
    assert found["REQUEST_PREPAYMENT"].parameters == {"percent": "42"}
    assert found["PRE_DUE_REMINDER"].why == ("LATE_PAYMENT_LIKELY",)


def test_a_remedy_asks_for_exactly_what_would_let_the_order_through(policy: Policy) -> None:
    released = {
        "PREPAYMENT": {"percent": "42", "amount": "20991.60"},
        "SECURE": {"secured_amount": "20880.00"},
        "SHORTEN_TERMS": {"net_days": 21},
    }
    secured = replace(CONTRACT, secured_minor=80000, risk_class="D")
    situation = _situation(policy, secured, released=released, adverse=[("PB03", "PAYMENT_TREND")])
    found = {action.code: action.parameters for action in actions(policy.remedies, situation, needed=True)}
    assert found["REQUEST_PREPAYMENT"] == {"percent": "42", "amount": "20991.60", "currency": "EUR"}
    assert found["REQUEST_SECURITY_OR_INSURANCE"] == {"amount": "20080.00", "currency": "EUR"}
    assert found["SHORTEN_PAYMENT_TERMS"] == {"net_days": 21}


def test_every_remedy_of_the_contract_can_be_offered() -> None:
    assert set(PARAMETERS) == {
        "REQUEST_PAYMENT_OF_OVERDUE",
        "REQUEST_PREPAYMENT",
        "SHORTEN_PAYMENT_TERMS",
        "REDUCE_LIMIT",
        "REQUEST_SECURITY_OR_INSURANCE",
        "ROUTE_TO_CREDIT_ANALYST",
        "RESOLVE_DISPUTE_FIRST",
        "PRE_DUE_REMINDER",
        "CALL",
        "SPLIT_DELIVERY",
        "OFFER_EARLY_DISCOUNT",
    }


def test_the_loss_of_the_contract_order_is_that_of_the_contract() -> None:
    found = loss(LossTerms(0.55, 0.08), CONTRACT)
    assert found is not None
    assert (found.expected_credit_loss, found.financing_cost, found.expected_profit) == (57727, 43599, 654674)


def test_prepaid_and_secured_amounts_lower_what_is_at_risk_but_not_below_nothing() -> None:
    found = loss(LossTerms(0.55, 0.08), replace(CONTRACT, prepaid_minor=4000000, secured_minor=2000000))
    assert found is not None
    assert (found.exposure_at_default, found.expected_credit_loss) == (0, 0)


def test_the_limit_figures_of_the_contract_order_are_those_of_the_contract(policy: Policy) -> None:
    found = limit_figures(policy.limit, CONTRACT)
    assert (found.exposure_before, found.exposure_after, found.available_before) == (12090000, 17088000, 2910000)
    assert (found.utilisation_before, found.utilisation_after) == (0.806, 1.139)
    assert (found.recommended, found.recommendation) == (14000000, "REDUCE")
    assert found.review_by == dt.date(2026, 12, 20)
    assert largest_amount(policy.checks, CONTRACT) == 2910000


def test_what_security_covers_does_not_count_against_the_limit(policy: Policy) -> None:
    # 49,980.00 less 20,880.00 secured leaves 150,000.00 of exposure, which is the limit
    covered = replace(CONTRACT, secured_minor=2088000)
    assert decide(policy, covered).outcome == "APPROVE"
    assert decide(policy, replace(covered, secured_minor=2087999)).outcome == "HOLD"
    assert largest_amount(policy.checks, covered) == 4998000
    assert covered.exposure_after_minor == CONTRACT.exposure_after_minor


def test_a_customer_of_a_bad_class_may_buy_what_is_secured_in_full(policy: Policy) -> None:
    bad = replace(HARMLESS, risk_class="E", event_probability=0.3, secured_minor=HARMLESS.gross_minor)
    assert decide(policy, bad).outcome == "APPROVE"
    assert decide(policy, replace(bad, secured_minor=bad.secured_minor - 1)).outcome == "HOLD"


def test_an_order_beyond_the_horizon_does_not_count_against_the_limit_yet(policy: Policy) -> None:
    rules = tuple(replace(r, horizon_days=60) if r.check == "CREDIT_LIMIT_UTILISATION" else r for r in policy.checks)
    looking_ahead = replace(policy, checks=rules)
    for day, outcome in ((dt.date(2027, 1, 19), "HOLD"), (dt.date(2027, 1, 20), "APPROVE")):
        assert decide(looking_ahead, replace(CONTRACT, delivery_on=day)).outcome == outcome
    later = replace(CONTRACT, delivery_on=dt.date(2027, 1, 20))
    assert largest_amount(rules, later) == 7500000  # the largest order value alone


def test_a_segment_has_rules_of_its_own(policy: Policy) -> None:
    large = replace(HARMLESS, gross_minor=20_000_000, limit_minor=10**9)
    assert decide(policy, large).outcome == "REVIEW"
    assert decide(policy, replace(large, segment="KEY_ACCOUNT")).outcome == "APPROVE"


def test_an_excluded_check_is_not_run_and_says_why(policy: Policy) -> None:
    public = replace(HARMLESS, legal_form="PUBLIC_BODY", risk_class="E", event_probability=0.5)
    decision = decide(policy, public)
    assert (decision.outcome, decision.decided_by) == ("APPROVE", "MODEL")
    found = {c.check: (c.result, c.message) for c in decision.checks}
    assert found["RISK_CLASS"] == ("NOT_EVALUATED", "Not run: excluded by PUBLIC_BODY")


@pytest.mark.parametrize(
    ("change", "role"),
    [
        ({}, "AUTOMATIC"),
        ({"risk_class": "D"}, "CREDIT_ANALYST"),
        ({"risk_class": "E"}, "CREDIT_MANAGER"),
        ({"risk_class": None}, "CREDIT_MANAGER"),
        ({"gross_minor": 10_000_001}, "CREDIT_MANAGER"),
        ({"gross_minor": 50_000_001}, "CHIEF_FINANCIAL_OFFICER"),
        ({"currency": "KWD"}, "CHIEF_FINANCIAL_OFFICER"),
    ],
)
def test_who_may_approve_follows_from_class_and_amount(policy: Policy, change: dict[str, object], role: str) -> None:
    decision = decide(policy, replace(HARMLESS, **change))  # type: ignore[arg-type]
    assert decision.approver == role
    assert decision.human_review_required is (role != "AUTOMATIC")


def test_a_raise_is_proposed_only_where_the_limit_is_used(policy: Policy) -> None:
    best = replace(CONTRACT, rating="R01", history_days=2818, settled_invoices=212)
    assert limit_figures(policy.limit, best).recommendation == "RAISE"
    assert limit_figures(policy.limit, replace(best, exposure_before_minor=0)).recommendation == "KEEP"
    assert limit_figures(policy.limit, replace(best, settled_invoices=3)).recommendation == "KEEP"


def test_a_limit_is_capped_by_class_and_nothing_below_the_floor(policy: Policy) -> None:
    large = replace(CONTRACT, limit_minor=300_000_000)
    assert limit_figures(policy.limit, large).recommended == 100_000_000
    small = replace(CONTRACT, limit_minor=200_000, rating="R09", risk_class="E")
    assert limit_figures(policy.limit, small).recommended == 0


def test_a_limit_is_reviewed_at_the_latest_when_it_ends(policy: Policy) -> None:
    assert limit_figures(policy.limit, replace(CONTRACT, limit_valid_to=dt.date(2026, 12, 1))).review_by == dt.date(
        2026, 12, 1
    )


@given(
    before=st.integers(0, 2 * 10**7),
    prepaid=st.integers(0, 4998000),
    rate=st.decimals("0.001", "200", places=4),
    pair=st.sampled_from(list(itertools.product(("EUR", "JPY", "KWD"), ("EUR", "JPY")))),
)
def test_the_largest_amount_passes_and_one_unit_more_does_not(
    before: int, prepaid: int, rate: Decimal, pair: tuple[str, str]
) -> None:
    rule = next(rule for rule in POLICY.checks if rule.check == "CREDIT_LIMIT_UTILISATION")
    facts = replace(
        CONTRACT,
        exposure_before_minor=before,
        prepaid_minor=prepaid,
        rate=rate,
        currency=pair[0],
        limit_currency=pair[1],
    )
    most = largest_amount((rule,), facts)
    assert most is not None
    if most:
        assert evaluate(rule, replace(facts, gross_minor=most)).result == "PASS"
    enough = most + 10**5 + int(10**5 / rate)
    assert evaluate(rule, replace(facts, gross_minor=max(enough, prepaid + 10**5))).result == "FAIL"


def test_a_wrong_policy_is_refused_with_every_problem_at_once(tmp_path: Path) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    for old, new in (
        ("very_late_after_days = 30", "very_late_after_days = 45"),
        ('check = "MAX_DUNNING_LEVEL"', 'check = "MAX_DUNING_LEVEL"'),
        ("threshold = 60", 'threshold = -1\nby_class = { D = "REVIEW" }'),
        ('EUR = "75000.00"', 'EUR = "75000.005"'),
        ("default = 0.10", "default = 10"),
        ("loss_given_default = 0.55", "loss_given_default = 55"),
        ('E = "HOLD"', 'E = "STOP"'),
        ('code = "CALL"', 'code = "VISIT"'),
        ("E = 7\n", ""),
        ('when = { countries = ["KP"] }', "when = {}"),
        ('role = "CREDIT_MANAGER"', 'role = "CREDIT_ANALYST"'),
        ('A = { EUR = "5000000.00"', 'A = { EUR = "many"'),
        ("net_days = [30, 21", "net_days = [-30, 21"),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "policy.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_policy(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: 14 problem(s)")
    parts = (
        "very_late_after_days",
        "MAX_DUNING_LEVEL",
        "by_class has no meaning",
        "expected at least 0, got -1",
        "amounts.EUR",
        "by_event.default",
        "loss_given_default",
        "by_class.E",
        "VISIT",
        "class E",
        "blocks NO_BUSINESS_ON_ACCOUNT: when",
        "CREDIT_ANALYST is listed twice",
        "limit.cap.A.EUR",
        "release.net_days",
    )
    for part in parts:
        assert part in message


def test_unknown_and_ill_typed_keys_are_refused_together(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    text = SHIPPED.read_text(encoding="utf-8")
    path.write_text(text.replace("valid_hours = 24", 'valid_hours = "24"\nappetite = 1', 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"2 problem\(s\)"):
        load_policy(path)


def test_the_policy_names_the_hash_of_its_file(policy: Policy, tmp_path: Path) -> None:
    copy = tmp_path / "policy.toml"
    copy.write_bytes(SHIPPED.read_bytes() + b"# a remark\n")
    assert re.fullmatch("[0-9a-f]{64}", policy.sha256)
    assert load_policy(copy).sha256 != policy.sha256
