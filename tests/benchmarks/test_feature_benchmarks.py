"""The measurements at toy size: that contenders agree, that the parts run, that the page shows what was measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import ours, page, reference
from benchmarks.__main__ import main
from benchmarks.contest import OURS, PEERS, Contender, UnequalError, contest
from benchmarks.synthetic import INVOICES_PER_CUSTOMER, OPEN, Columns, customer_ids, history_of, ledger_of, orders_of
from benchmarks.whole import inputs
from features import FEATURES, INDEX, NAMES, History, Orders, build_features
from features.expression import Floats

ROWS = 2_000


@pytest.fixture(scope="module")
def columns() -> Columns:
    return Columns.make(ROWS, seed=3)


@pytest.fixture(scope="module")
def expected(columns: Columns) -> Floats:
    return ours.reference(*inputs(columns), ours.priors())


def test_the_synthetic_ledger_has_the_shape_that_costs_time() -> None:
    columns = Columns.make(200_000, seed=1)
    counts = np.bincount(columns.customer, minlength=columns.customers)
    assert len(columns) == 200_000
    assert columns.customers == 200_000 // INVOICES_PER_CUSTOMER
    assert 22 <= np.median(counts) <= 34
    assert 250 <= np.percentile(counts, 99) <= 500
    assert 0.028 <= (columns.settled == OPEN).mean() <= 0.038
    settled = columns.settled != OPEN
    assert 0.57 <= (columns.settled > columns.due)[settled].mean() <= 0.63
    same_day = np.diff(columns.customer[columns.by_customer()]) == 0
    assert (same_day & (np.diff(columns.issued[columns.by_customer()]) == 0)).sum() > 1_000
    assert (np.diff(columns.issued) >= 0).all()


def test_the_shortcut_past_the_ledger_gives_every_feature_bit_for_bit(columns: Columns) -> None:
    ledger, ids = ledger_of(columns), customer_ids(columns.customers)
    through_ledger = build_features(History.of(ledger), Orders.of_invoices(ledger), ours.priors())
    at_once = build_features(history_of(columns, ids), orders_of(columns, ids), ours.priors())
    assert at_once.tobytes() == through_ledger.tobytes()


def test_the_engine_of_the_reference_set_gives_what_the_whole_table_gives(columns: Columns, expected: Floats) -> None:
    whole = ours.whole_table(*inputs(columns), ours.priors())
    assert whole.shape == (ROWS, len(FEATURES))
    assert expected.tobytes() == whole[:, [INDEX[name] for name in reference.NAMES]].tobytes()


def test_no_reference_feature_is_the_same_for_all_or_unknown_for_most(expected: Floats) -> None:
    assert len(reference.NAMES) == 25
    assert set(reference.NAMES) <= set(NAMES)
    for name, column in zip(reference.NAMES, expected.T, strict=True):
        known = column[~np.isnan(column)]
        assert len(known) > ROWS / 4, name
        assert len(np.unique(known)) > 3, name


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_peer_gives_identical_answers(peer: Contender, columns: Columns, expected: Floats) -> None:
    answer = peer.matrix(peer.run(peer.prepare(columns)))
    assert reference.differences(answer, expected) == []


@pytest.mark.parametrize(("name", "by"), [("n_open", 1.0), ("wadl_90d", 1e-6)])
def test_one_wrong_value_is_seen(name: str, by: float, expected: Floats) -> None:
    answer = expected.copy()
    column = answer[:, reference.NAMES.index(name)]
    row = int(np.flatnonzero(~np.isnan(column))[7])
    column[row] += by
    (found,) = reference.differences(answer, expected)
    assert found.startswith(f"{name}: 1 rows, first in row {row}")
    column[row] = np.nan
    assert len(reference.differences(answer, expected)) == 1


def test_a_contest_with_a_wrong_answer_fails(columns: Columns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(given: Columns) -> Floats:
        answer: Floats = OURS.run(OURS.prepare(given))
        return answer + 1.0

    monkeypatch.setattr("benchmarks.contest.PEERS", [Contender("wrong", lambda given: given, wrong, np.asarray, 1)])
    with pytest.raises(UnequalError, match="wrong: 25 features differ"):
        contest(columns, 1, tmp_path, lambda _: None)


def test_a_run_writes_a_flat_map_of_numbers_a_picture_and_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = ["--rows", "2000", "--large", "4000", "--calls", "40", "--repetitions", "1"]
    assert main([*sizes, "--out", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    assert all(isinstance(value, int | float) for value in results.values())
    wanted = {bar.key for bar in page.BARS} | {"features_vs_duckdb_asof", "features_peak_memory_ratio"}
    assert wanted - set(results) <= {"dask_vs_processes"}  # where Dask is not installed
    assert all(results[key] > 0 for key in wanted & set(results))
    assert (tmp_path / "features.png").read_bytes().startswith(b"\x89PNG")
    assert "`features_vs_polars`" in capsys.readouterr().out


def test_a_bar_that_is_missed_stays_visible() -> None:
    bar = page.BARS[0]
    missed, met = page.bars_table({bar.key: bar.bound * 0.99}), page.bars_table({bar.key: bar.bound})
    assert "**not reached**" in missed
    assert "**not reached**" not in met
    assert met.count("not measured") == len(page.BARS) - 1


def test_the_page_shows_the_results_that_are_committed() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.filled(text, page.read_results()) == text, "run: make bench"
