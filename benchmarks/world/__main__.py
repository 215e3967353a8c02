"""The product's payment-time law beside other learners: one ledger, one split in time, the same labels, one run.

    python -m benchmarks.world --ledger seller.sqlite --as-of 2026-04-30 --issued 2026-05-01:2026-05-31
    python -m benchmarks.world                                   # a simulated seller

Everyone learns from invoices whose outcome had matured by the end of `--as-of` and answers for the invoices issued in
the span, each as of its issue; judged is what had matured by the last day that the ledger observes. Prints the tables,
merges the figures into `--out`/results.json and draws `--out`/world.png.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

from benchmarks.world import business_central, page
from benchmarks.world.contenders import CONTENDERS, Contender, Task, autogluon
from benchmarks.world.judge import OURS, Line, lines
from benchmarks.world.leaks import flattered
from features import INDEX, History
from models import inputs_for
from models.champion import load_champion
from receivables.ledger import Ledger
from receivables.outcomes import OutcomeConfig, late_column, late_labels
from receivables.settlements import settlements_of
from receivables.simulation.config import SimulationConfig
from receivables.simulator import simulate
from receivables.store import open_store
from training.dataset import Known, LateData, cutoff_after, last_observed_day
from training.fit import Settings
from training.run import train
from training.scoring import score

Floats = npt.NDArray[np.float64]
HORIZONS: Final = (0, 5, 15, 30)
#: Contenders whose flattery by leaks is measured, on late at all: trees, which profit most, and are quick.
LEAKY: Final = ("lightgbm", "lightgbm_careful", "xgboost", "histgb")
ROOT: Final = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Arena:
    """Invoices with features, `learnt` (n,) those to learn from and `judged` (n,) those to answer for."""

    ledger: Ledger
    known: Known
    data: LateData
    other: Floats
    judged: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, ledger: Ledger, cutoff: pd.Timestamp, first: dt.date, last: dt.date) -> Arena:
        """Features are point in time, so one pass over the whole ledger serves both sides of the cut-off."""
        known = Known.at(ledger, cutoff_after(last_observed_day(ledger)))
        data = LateData.of(known)
        issued = data.orders.as_of.astype("datetime64[D]")
        judged = (issued >= np.datetime64(first)) & (issued <= np.datetime64(last))
        return cls(ledger, Known.at(ledger, cutoff), data, business_central.features(_invoices(data)), judged)

    def labels(self, cutoff: pd.Timestamp) -> Floats:
        """(n, horizons) as could be told at `cutoff`."""
        margin = OutcomeConfig.read().maturity_margin_days
        found = late_labels(self.ledger.known(cutoff), horizons=HORIZONS, cutoff=cutoff, margin_days=margin)
        aligned = found.set_index("invoice_id").reindex(pd.Index(self.data.orders.ids))
        return aligned[[late_column(k) for k in HORIZONS]].to_numpy(dtype=np.float64)

    def task(self, place: int, learnt: npt.NDArray[np.bool_], asked: npt.NDArray[np.bool_], y: Floats) -> Task:
        """The task of one horizon."""
        names = inputs_for("late")
        x = self.data.x[:, [INDEX[name] for name in names]]
        other = self.other[learnt], self.other[asked]
        return Task(HORIZONS[place], names, x[learnt], y[learnt], x[asked], other)


def compete(arena: Arena, contenders: Sequence[Contender], folder: Path, days: Sequence[int]) -> Iterator[Line]:
    """Every contender's lines at the horizons `days`, the product's first."""
    before, after = arena.labels(arena.known.cutoff), arena.labels(arena.data.known.cutoff)
    ours = _product(arena, folder)
    for day in tqdm(days, desc="horizons", disable=not sys.stderr.isatty()):
        place = HORIZONS.index(day)
        learnt = ~np.isnan(before[:, place]) & ~arena.judged
        asked = arena.judged & ~np.isnan(after[:, place])
        task = arena.task(place, learnt, asked, before[:, place])
        predicted = {OURS: ours[late_column(day)].to_numpy(np.float64)[asked[arena.judged]]}
        for contender in contenders:
            print(f"late over {day}: {contender.title}", file=sys.stderr, flush=True)
            predicted[contender.name] = contender.answer(task)
        yield from lines(day, after[asked, place], predicted, arena.data.orders.customer_id[asked])


def leak_figures(arena: Arena, contenders: Sequence[Contender]) -> dict[str, dict[str, float]]:
    """AUC of late over 0, judged honestly and in each wrong way, by contender."""
    before, after = arena.labels(arena.known.cutoff)[:, 0], arena.labels(arena.data.known.cutoff)[:, 0]
    learnt, asked = ~np.isnan(before) & ~arena.judged, arena.judged & ~np.isnan(after)
    customer = np.concatenate([arena.data.orders.customer_id[rows] for rows in (learnt, asked)])
    chosen = [contender for contender in contenders if contender.name in LEAKY]
    return flattered(arena.task(0, learnt, asked, before), after[asked], customer, chosen)


def _product(arena: Arena, folder: Path) -> pd.DataFrame:
    """What `otcrisk train` and `otcrisk score` give: a complete run, then the judged invoices."""
    cutoff = arena.known.cutoff
    made = train(
        arena.ledger,
        cutoff=cutoff,
        folder=folder,
        trained_at=cutoff.to_pydatetime().replace(tzinfo=dt.UTC),
        settings=Settings(),
        config=OutcomeConfig.read(),
    )
    orders = arena.data.orders.take(np.flatnonzero(arena.judged))
    return score(History.of(arena.ledger), orders, load_champion(made.champion))


def _invoices(data: LateData) -> pd.DataFrame:
    """One row per order of what the Business Central predictor reads."""
    orders = data.orders
    state = settlements_of(data.known.ledger).set_index("invoice_id").reindex(pd.Index(orders.ids))
    return pd.DataFrame(
        {
            "customer_id": orders.customer_id,
            "issued_on": orders.issued_on,
            "due_on": orders.due_on,
            "settled_on": state["settled_on"].to_numpy(),
            "amount": orders.amount_minor.astype(np.float64),
        }
    )


def _span(text: str) -> tuple[dt.date, dt.date]:
    first, last = (dt.date.fromisoformat(part) for part in text.split(":"))
    return first, last


def main(argv: Sequence[str] | None = None) -> int:
    """Measures, writes and prints."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.world", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ledger", help="path or postgresql:// address; without it a seller is simulated")
    parser.add_argument("--as-of", type=dt.date.fromisoformat, help="last day of which facts are learnt from")
    parser.add_argument("--issued", type=_span, metavar="FROM:TO", help="issue dates of the judged invoices")
    parser.add_argument("--autogluon", type=Path, metavar="PYTHON", help="interpreter that has AutoGluon")
    parser.add_argument("--seconds", type=int, default=200, help="AutoGluon's budget for each horizon")
    parser.add_argument("--only", nargs="+", choices=[c.name for c in CONTENDERS], help="some contenders")
    parser.add_argument("--days", nargs="+", type=int, choices=HORIZONS, default=HORIZONS, help="some horizons")
    parser.add_argument("--out", type=Path, default=ROOT / "var" / "benchmarks")
    args = parser.parse_args(argv)
    ledger, as_of, span = _given(args)
    chosen = [c for c in CONTENDERS if args.only is None or c.name in args.only]
    chosen += [autogluon(args.autogluon, args.seconds)] if args.autogluon else []
    arena = Arena.of(ledger, cutoff_after(as_of), *span)
    with tempfile.TemporaryDirectory() as folder:
        found = list(compete(arena, chosen, Path(folder), args.days))
    leaks = leak_figures(arena, chosen)
    args.out.mkdir(parents=True, exist_ok=True)
    titles = {OURS: "this product", **{c.name: c.title for c in chosen}}
    page.merge(args.out / "results.json", page.flat(found, leaks))
    page.draw(found, titles, args.out / "world.png")
    print(page.tables(found, leaks, titles))
    return 0


def _given(args: argparse.Namespace) -> tuple[Ledger, dt.date, tuple[dt.date, dt.date]]:
    if args.ledger:
        if not (args.as_of and args.issued):
            raise SystemExit("--ledger needs --as-of and --issued")
        store = open_store(args.ledger)
        try:
            return store.read(), args.as_of, args.issued
        finally:
            store.close()
    config = SimulationConfig.read()
    # the two months before the last are judged, so that the far horizons have matured for most of them
    first = (pd.Timestamp(config.end).to_period("M") - 3).to_timestamp()
    last = (first + pd.DateOffset(months=2) - pd.Timedelta(days=1)).date()
    made = simulate(400, 14, 1, config.end, config)
    return made.ledger, (first - pd.Timedelta(days=1)).date(), (first.date(), last)


if __name__ == "__main__":
    sys.exit(main())
