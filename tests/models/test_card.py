"""A model card states every fact, in Markdown and in HTML, and trusts none of them as markup."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.cards import CardFacts, Metric, html, markdown
from models.event import SERIOUS_DELINQUENCY_6M

FACTS = CardFacts(
    title="Serious delinquency of a customer",
    version="3",
    owner="Credit management",
    purpose="Estimates how likely a customer is to fall seriously behind.",
    event=SERIOUS_DELINQUENCY_6M.text(),
    trained_at="2026-01-01T00:00:00Z",
    training_cutoff="2019-04-30",
    training_period="2019-01 to 2019-04",
    evaluation_period="2019-05",
    data_fingerprint="ab12",
    rows=17727,
    customers=1234,
    events=56,
    feature_set_version="fs-1",
    features=("overdue_ratio", "net_days"),
    parameters={"num_leaves": 12},
    metrics={
        "all": (Metric("AUC", 0.88, 0.86, 0.9, 0.85, 1000), Metric("log-loss", 0.19, None, None, None, 1000)),
        "cold start": (Metric("AUC", 0.7, 0.6, 0.8, None, 60),),
    },
    calibration="identity: no map lowered held-out log-loss",
    monotone={"overdue_ratio": 1, "days_since_dunning": -1, "net_days": 0},
    leak_audit={"features unchanged when the future is scrambled": "passed"},
    limits=("Not for natural persons without review.",),
)


@pytest.mark.parametrize("render", [markdown, html])
def test_a_card_states_every_fact(render: object) -> None:
    text = render(FACTS)  # type: ignore[operator]
    for part in (
        "Serious delinquency of a customer, version 3",
        "30 days past due",
        "17,727 rows",
        "0.8600 to 0.9000",
        "0.8500",
        "cold start",
        "identity: no map",
        "num_leaves",
        "Credit management",
        "Not for natural persons",
        "passed",
        "ab12",
    ):
        assert part in text
    assert "never lowers the risk" in text
    assert "never raises the risk" in text
    assert "within 12 months" not in text


def test_the_page_loads_nothing_from_elsewhere() -> None:
    page = html(FACTS)
    assert "src=" not in page
    assert "href=" not in page
    assert "<script" not in page


def test_facts_are_text_and_never_markup() -> None:
    hostile = replace(FACTS, owner="<script>alert(1)</script>", title="a|b", limits=("<img src=x>",))
    for text in (markdown(hostile), html(hostile)):
        assert "<script>" not in text
        assert "<img" not in text
    assert "a\\|b" in markdown(hostile)


def test_a_model_without_constraints_says_so() -> None:
    assert "No feature is held to a direction" in markdown(replace(FACTS, monotone={"net_days": 0}))


def test_pictures_lie_inside_the_page_with_their_words() -> None:
    page = html(FACTS, {'Calibration "late"': b"\x89PNG..."})
    assert 'src="data:image/png;base64,iVBORy4uLg=="' in page
    assert 'alt="Calibration &#34;late&#34;"' in page
    assert page.count("src=") == 1
