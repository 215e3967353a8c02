"""The comparison with other learners: the peer's features by hand, the sign of a difference, what a leak does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.world import business_central, page
from benchmarks.world.contenders import CONTENDERS, Task
from benchmarks.world.judge import OURS, lines
from benchmarks.world.leaks import flattered


def ledger() -> pd.DataFrame:
    dates = {
        "issued_on": ["2026-01-01", "2026-01-05", "2026-02-01", "2026-03-01"],
        "due_on": ["2026-01-11", "2026-01-15", "2026-02-11", "2026-03-31"],
        "settled_on": ["2026-01-10", "2026-01-20", None, None],
    }
    frame = pd.DataFrame({name: pd.to_datetime(values) for name, values in dates.items()})
    return frame.assign(customer_id=["A", "A", "A", "A"], amount=[100.0, 50.0, 30.0, 10.0])


def test_the_peers_features_are_those_of_a_ledger_worked_by_hand() -> None:
    last = dict(zip(business_central.NAMES, business_central.features(ledger())[-1].tolist(), strict=True))
    assert last == {
        "amount": 10.0, "terms_days": 30.0, "n_paid": 2.0, "n_paid_late": 1.0, "ratio_paid_late": 0.5,
        "amount_paid": 150.0, "amount_paid_late": 50.0, "ratio_amount_paid_late": 50 / 150, "mean_days_late": 5.0,
        "n_open": 1.0, "n_open_late": 1.0, "ratio_open_late": 1.0, "amount_open": 30.0, "amount_open_late": 30.0,
        "ratio_amount_open_late": 1.0, "mean_open_days_late": 18.0,
    }  # fmt: skip


def test_the_peers_features_see_nothing_of_the_day_itself_or_later() -> None:
    invoices = ledger()
    later = invoices.assign(settled_on=[invoices["issued_on"][2], *invoices["settled_on"][1:]])
    seen = business_central.features(later)[2]
    assert seen[business_central.NAMES.index("n_paid")] == 1.0
    assert seen[business_central.NAMES.index("n_open")] == 1.0


def test_a_difference_below_zero_means_that_the_product_is_better() -> None:
    y = np.tile([0.0, 1.0], 100)
    customer = np.array([f"C{i % 40}" for i in range(200)], dtype=object)
    good, bad = np.where(y == 1, 0.9, 0.1), np.full(200, 0.5)
    found = {line.contender: line for line in lines(0, y, {OURS: good, "coin": bad}, customer)}
    assert found["coin"].verdict == "product better"
    assert found["coin"].minus is not None
    assert found["coin"].minus.value == pytest.approx(found[OURS].log_loss - found["coin"].log_loss)
    swapped = {line.contender: line for line in lines(0, y, {OURS: bad, "good": good}, customer)}
    assert swapped["good"].verdict == "product worse"


def some_task(seed: int = 0, n: int = 600, m: int = 300) -> tuple[Task, np.ndarray, np.ndarray]:
    """Customers whose lateness cannot be known beforehand: every customer has its own rate, features say nothing."""
    rng = np.random.default_rng(seed)
    code = rng.integers(0, 90, n + m)
    y = (rng.random(n + m) < rng.beta(0.5, 0.5, 90)[code]).astype(float)
    x = rng.normal(size=(n + m, 3))
    names = ("late_over_0_rate", "b", "c")
    task = Task(0, names, x[:n], y[:n], x[n:], (x[:n], x[n:]))
    return task, y[n:], code.astype(str).astype(object)


def test_averages_over_all_rows_let_a_model_know_what_nobody_could() -> None:
    task, y, customer = some_task()
    trees = next(contender for contender in CONTENDERS if contender.name == "lightgbm")
    auc = flattered(task, y, customer, [trees])["lightgbm"]
    assert abs(auc["honest"] - 0.5) < 0.08
    assert auc["averages"] > auc["honest"] + 0.2


def test_every_contender_answers_with_probabilities_of_every_row() -> None:
    rng = np.random.default_rng(1)
    names = tuple(f"late_over_{k}_rate" for k in (0, 5, 15, 30, 60, 90))
    x = rng.random((400, len(names)))
    y = (rng.random(400) < x[:, 0]).astype(float)
    task = Task(0, names, x[:300], y[:300], x[300:], (x[:300], x[300:]))
    quick = [c for c in CONTENDERS if c.name in ("own_rate", "scorecard", "business_central", "lightgbm", "histgb")]
    for contender in quick:
        p = contender.answer(task)
        assert p.shape == (100,), contender.name
        assert ((p >= 0) & (p <= 1)).all(), contender.name


def test_the_flat_map_and_the_tables_hold_every_contender_and_the_file_keeps_what_it_held(tmp_path) -> None:
    y, customer = np.tile([0.0, 1.0], 50), np.array([f"C{i % 20}" for i in range(100)], dtype=object)
    found = lines(30, y, {OURS: np.where(y == 1, 0.8, 0.2), "coin": np.full(100, 0.5)}, customer)
    leaks = {"coin": dict.fromkeys(("honest", "random_split", "averages", "both"), 0.5)}
    file = tmp_path / "results.json"
    file.write_text('{"other": 1.0, "world_gone_late_over_0_auc": 0.1}')
    page.merge(file, page.flat(found, leaks))
    held = pd.read_json(file, typ="series")
    assert held["other"] == 1.0
    assert held["world_coin_late_over_30_auc"] == 0.5
    assert "world_gone_late_over_0_auc" not in held
    text = page.tables(found, leaks, {OURS: "this product", "coin": "a coin"})
    assert text.index("**this product**") < text.index("| a coin |")
    page.draw(found, {OURS: "this product", "coin": "a coin"}, tmp_path / "world.png")
    assert (tmp_path / "world.png").stat().st_size > 5_000


def test_names_of_contenders_are_distinct() -> None:
    names = [contender.name for contender in CONTENDERS]
    assert len(set(names)) == len(names)
