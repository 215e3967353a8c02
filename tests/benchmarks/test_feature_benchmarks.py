"""The measurements at toy size: that contenders agree, that the parts run, that the page shows what was measured."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from benchmarks import ours, page, reference
from benchmarks.__main__ import arguments, main, measure
from benchmarks.contest import OURS, PEERS, Contender, UnequalError, contest
from benchmarks.part import Part
from benchmarks.parts import BY_NAME
from benchmarks.synthetic import INVOICES_PER_CUSTOMER, OPEN, Columns, customer_ids, history_of, ledger_of, orders_of
from benchmarks.whole import inputs
from features import FEATURES, INDEX, NAMES, History, Orders, build_features
from features.expression import Floats

ROWS = 2_000
FEATURE_PARTS = tuple(BY_NAME[name] for name in ("contest", "table", "memory", "online", "scaling"))


@pytest.fixture(scope="module")
def columns() -> Columns:
    return Columns.make(ROWS, seed=3)


@pytest.fixture(scope="module")
def expected(columns: Columns) -> Floats:
    answer: Floats = OURS.matrix(OURS.run(OURS.prepare(columns)))
    return answer


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


def test_the_engine_of_the_reference_set_gives_what_the_whole_table_gives(columns: Columns) -> None:
    whole, some = (compute(*inputs(columns), ours.priors()) for compute in (ours.whole_table, ours.reference))
    assert whole.shape == (ROWS, len(FEATURES))
    assert some.tobytes() == whole[:, [INDEX[name] for name in reference.NAMES]].tobytes()


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
        answer: Floats = OURS.matrix(OURS.run(OURS.prepare(given)))
        return answer + 1.0

    monkeypatch.setattr("benchmarks.contest.PEERS", [Contender("wrong", lambda given: given, wrong, np.asarray, 1)])
    with pytest.raises(UnequalError, match="wrong: 25 features differ"):
        contest(columns, 1, tmp_path)


def test_parts_run_one_by_one_write_a_flat_map_of_numbers_a_picture_and_the_table(
    tmp_path: Path,
) -> None:
    sizes = ["--rows", "2000", "--large", "4000", "--calls", "40", "--repetitions", "1", "--out", str(tmp_path)]
    for part in FEATURE_PARTS:
        measure(part, arguments([*sizes, "--parts", part.name]))
    results = page.results_of(tmp_path)
    assert all(isinstance(value, int | float) for value in results.values())
    wanted = {bar.key for part in FEATURE_PARTS for bar in part.bars}
    wanted |= {"features_vs_duckdb_asof", "features_peak_memory_ratio"}
    assert wanted - set(results) <= {"dask_vs_processes"}  # where Dask is not installed
    assert all(results[key] > 0 for key in wanted & set(results))
    assert (tmp_path / "features.png").read_bytes().startswith(b"\x89PNG")
    assert "`features_vs_polars`" in page.figures(results)


def test_a_part_that_runs_alone_replaces_only_its_own_figures(tmp_path: Path) -> None:
    page.write_results({"another": 1.0, "mine": 1.0, "with numpy 0.1": 1.0}, tmp_path)
    measure(Part("some", "", lambda _: {"mine": 2.0}), arguments(["--out", str(tmp_path), "--parts", "memory"]))
    results = page.results_of(tmp_path)
    assert (results["another"], results["mine"]) == (1.0, 2.0)
    assert "with numpy 0.1" not in results


def test_a_part_that_fails_does_not_keep_the_others_from_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[str] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        ran.append(command[-1])
        return subprocess.CompletedProcess(command, int(command[-1] == "memory"))

    monkeypatch.setattr("benchmarks.__main__.subprocess.run", run)
    assert main(["--out", str(tmp_path), "--parts", "memory", "online"]) == 1
    assert ran == ["memory", "online"]
    assert "memory: failed" in capsys.readouterr().err


def test_a_bar_that_is_missed_stays_visible() -> None:
    bar = page.BARS[0]
    missed, met = page.bars_table({bar.key: bar.bound * 0.99}), page.bars_table({bar.key: bar.bound})
    assert "**not reached**" in missed
    assert "**not reached**" not in met
    assert met.count("not measured") == len(page.BARS) - 1


def test_the_page_shows_the_results_that_are_committed() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.filled(text, page.results_of()) == text, "run: make bench"
