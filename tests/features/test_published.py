"""External figures as of a moment: the newest published by then, never one published later."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.expression import Floats
from features.external import Column, Source, site
from features.published import Keys, Published, columns
from receivables.errors import InputError
from tests.features.conftest import examples
from tests.features.test_external import EXAMPLE

COLUMN = Column("ext_x", "x", "a figure", "points", "none", 0, 100, "either", "EX01")
SOURCE = Source("s", "s.csv", "customer", "at", (COLUMN,), key="id")


def us(text: str) -> int:
    return int(np.datetime64(text, "us").astype(np.int64))


def read(folder: Path, text: str, source: Source = SOURCE) -> Published:
    (folder / "s.csv").write_text(text, encoding="utf-8")
    return Published.read(source, folder)


def asked(found: Published, *orders: tuple[str, str]) -> list[float]:
    keys = np.array([key for key, _ in orders], dtype=object)
    made = found.as_of(keys, np.array([us(moment) for _, moment in orders]))
    assert made.shape == (len(orders), 1)
    # one at a time it is the same to the last bit
    single = [found.as_of(keys[i : i + 1], np.array([us(orders[i][1])])) for i in range(len(orders))]
    assert np.concatenate(single).tobytes() == made.tobytes()
    return [float(v) for v in made[:, 0]]


def test_a_date_counts_from_the_midnight_that_ends_it_and_a_moment_from_itself(tmp_path: Path) -> None:
    found = read(tmp_path, "id,at,x\n007,2026-03-01,5\n8,2026-03-01T10:00:00+02:00,6\n")
    values = asked(
        found,
        ("007", "2026-03-01T23:59:59.999999"), ("007", "2026-03-02"), ("7", "2026-03-05"),
        ("8", "2026-03-01T07:59:59"), ("8", "2026-03-01T08:00:00"),
    )  # fmt: skip
    assert np.array_equal(values, [np.nan, 5, np.nan, np.nan, 6], equal_nan=True)


def test_a_null_that_was_published_replaces_the_figure_before_it(tmp_path: Path) -> None:
    found = read(tmp_path, "id,at,x\na,2026-01-01,5\na,2026-02-01,\n")
    assert np.array_equal(asked(found, ("a", "2026-01-15"), ("a", "2026-02-15")), [5, np.nan], equal_nan=True)


def test_what_is_too_old_counts_no_longer(tmp_path: Path) -> None:
    found = read(tmp_path, "id,at,x\na,2026-01-01,5\n", replace(SOURCE, max_age_days=30))
    assert asked(found, ("a", "2026-02-01"))[0] == 5  # published at 2026-01-02T00:00: thirty days to the second
    assert np.isnan(asked(found, ("a", "2026-02-01T00:00:01"))[0])


def test_a_revision_of_an_earlier_period_does_not_replace_the_newest(tmp_path: Path) -> None:
    text = (
        "id,at,q,x\na,2026-02-10,2025-Q4,1\na,2026-05-10,2026-Q1,2\na,2026-05-10,2025-Q4,1.5\na,2026-06-10,2026-Q1,3\n"
    )
    found = read(tmp_path, text, replace(SOURCE, period="q"))
    moments = ("2026-03-01", "2026-05-20", "2026-07-01")
    assert asked(found, *(("a", moment) for moment in moments)) == [1, 2, 3]


def test_one_series_serves_everybody(tmp_path: Path) -> None:
    found = read(tmp_path, "at,x\n2026-01-01,5\n", replace(SOURCE, join="none", key=None))
    keys = Keys(*(np.array(["a", "b"], dtype=object),) * 3)
    values = found.as_of(keys.of("none"), np.array([us("2026-01-02")] * 2))
    assert values[:, 0].tolist() == [5, 5]


def test_parquet_says_the_same_as_csv(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": ["a", "a"], "at": pd.to_datetime(["2026-01-01", "2026-02-01"]), "x": [5.0, np.nan]})
    frame.to_parquet(tmp_path / "s.parquet")
    found = Published.read(replace(SOURCE, file="s.parquet"), tmp_path)
    assert np.array_equal(asked(found, ("a", "2026-01-15"), ("a", "2026-02-15")), [5, np.nan], equal_nan=True)
    frame.assign(at=frame["at"].dt.tz_localize("UTC")).to_parquet(tmp_path / "s.parquet")
    found = Published.read(replace(SOURCE, file="s.parquet"), tmp_path)
    assert asked(found, ("a", "2026-01-01"))[0] == 5


def test_every_row_that_cannot_be_right_is_named(tmp_path: Path) -> None:
    text = "id,at,x\n,2026-01-01,5\na,2026-01-01T10:00,5\na,soon,5\na,2026-01-01,inf\nb,2026-01-01,5\nb,2026-01-01,6\n"
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    said = str(caught.value)
    for words in ("row 2: id: empty", "row 3: at: expected a date", "row 4: at", "row 5: x: expected a finite number"):
        assert words in said
    assert "5 problem(s)" in said
    assert "row 7: the same key, period and publication" in said
    with pytest.raises(InputError, match=r"expected columns \['x'\]"):
        read(tmp_path, "id,at\n")
    with pytest.raises(InputError, match="no such file"):
        Published.read(replace(SOURCE, file="absent.csv"), tmp_path)


@examples(40)
@given(
    published=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 60), st.integers(0, 99)), max_size=12,
                       unique_by=lambda row: row[:2]),
    orders=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 70)), min_size=1, max_size=8),
    cut=st.integers(0, 70),
)  # fmt: skip
def test_nothing_published_later_is_ever_seen(
    tmp_path_factory: pytest.TempPathFactory,
    published: list[tuple[str, int, int]],
    orders: list[tuple[str, int]],
    cut: int,
) -> None:
    folder = tmp_path_factory.mktemp("published")
    start = pd.Timestamp("2026-01-01")

    def answers(rows: list[tuple[str, int, int]]) -> list[float]:
        lines = [f"{k},{(start + pd.Timedelta(days=d)).date()},{x}" for k, d, x in rows]
        found = read(folder, "\n".join(["id,at,x", *lines, ""]))
        return asked(found, *((k, str(start + pd.Timedelta(days=d))) for k, d in orders))

    whole = answers(published)
    for (key, day), value in zip(orders, whole, strict=True):
        seen = [row for row in published if row[0] == key and row[1] < day]
        expected = float(max(seen, key=lambda row: row[1])[2]) if seen else np.nan
        assert np.array_equal([value], [expected], equal_nan=True)
    before = answers([row for row in published if row[1] < cut])
    for (_, day), with_all, with_some in zip(orders, whole, before, strict=True):
        assert day > cut or np.array_equal([with_all], [with_some], equal_nan=True)


def test_the_example_answers_by_customer_and_country(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTCRISK_CONF", str(EXAMPLE))
    keys = Keys(
        np.array(["C0001", "C0001", "C0002", "C0003"], dtype=object),
        np.array(["", "", "", ""], dtype=object),
        np.array(["DE", "DE", "FR", "ES"], dtype=object),
    )
    moments = np.array([us(t) for t in ("2026-02-13T12:00", "2026-06-19", "2026-05-22T06:30", "2026-04-01")])
    found: Floats = columns(site(EXAMPLE / "external.toml"), keys, moments)
    expected = [[71, 0.08], [64, 0.13], [np.nan, 0.02], [38, np.nan]]
    assert np.array_equal(found, expected, equal_nan=True)
