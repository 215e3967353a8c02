"""`otcrisk simulate`: makes a seeded ledger of a seller that does not exist, and the true probabilities behind it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from receivables.simulator import Simulated


def configure(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("--customers", type=int, default=300, metavar="N", help="number of customers (default 300)")
    parser.add_argument("--months", type=int, default=18, metavar="M", help="calendar months of history (default 18)")
    parser.add_argument(
        "--seed", type=int, default=7, metavar="S", help="the same seed gives the same bytes (default 7)"
    )
    parser.add_argument("--end", metavar="DATE", help="last day of the ledger (default: conf/simulation.toml)")
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument(
        "--ledger", metavar="L", help="load it: path of a SQLite file, or postgresql://user@host/database"
    )
    target.add_argument("--export", metavar="DIR", help="write files for `otcrisk import --mapping generic` instead")
    parser.add_argument(
        "--truth",
        metavar="FILE",
        help="with --ledger: Parquet file for the true probabilities (default: truth-<ledger>.parquet in OTCRISK_HOME)",
    )


def run(args: argparse.Namespace) -> int:
    """Simulates, writes, and says what there is."""
    from cli.output import day, emit, progress, say, table
    from receivables.simulation.config import SimulationConfig
    from receivables.simulator import simulate

    _check(args)
    config = SimulationConfig.read()
    end = day(args.end) if args.end else config.end
    made = simulate(
        args.customers, args.months, args.seed, end, config,
        progress=lambda chunks: progress(chunks, label="simulating", total=len(chunks)),
    )  # fmt: skip
    files = _exported(args, made) if args.export else _loaded(args, made, f"{config!r}")
    rows = {name: len(frame) for name, frame in made.ledger.frames.items()}
    say(table(list(rows.items()), ("table", "rows")), args)
    say("\n".join(f"{kind}: {path}" for kind, path in files.items()), args)
    emit({"seed": args.seed, "end": str(end), "rows": rows, "files": files, **_shares(made)}, args)
    return 0


def _check(args: argparse.Namespace) -> None:
    from receivables.errors import InputError

    if args.truth and args.export:
        raise InputError("--truth goes with --ledger; --export writes the truth into the folder's truth/")


def _exported(args: argparse.Namespace, made: Simulated) -> dict[str, str]:
    from pathlib import Path

    from receivables.simulation.export import TRUTH, export

    folder = Path(args.export)
    export(folder, made.ledger, made.truth, made.default_truth)
    return {"export": str(folder), "truth": str(folder / TRUTH)}


def _loaded(args: argparse.Namespace, made: Simulated, configuration: str) -> dict[str, str]:
    """Loads into the ledger and writes the truth beside it; a ledger that holds other facts is left alone."""
    import hashlib

    from cli.output import progress
    from receivables.errors import InputError
    from receivables.store import open_store

    truth = _truth_path(args)
    truth.parent.mkdir(parents=True, exist_ok=True)
    fingerprint = hashlib.sha256(repr((_arguments(args), configuration)).encode()).hexdigest()
    with open_store(args.ledger, create=True) as store:
        conflicts = store.conflicts(made.ledger.frames) if store.sequence() else ()
        if conflicts:
            raise InputError(
                f"{args.ledger}: {len(conflicts)} of its facts contradict the simulated ones; nothing was loaded: "
                f"simulate into a new ledger"
            )
        store.load(made.ledger.frames, source=made.ledger.source, fingerprint=fingerprint, track=progress)
    month_ends = truth.with_name(f"{truth.stem}-month-ends{truth.suffix}")
    made.truth.to_parquet(truth, index=False)
    made.default_truth.to_parquet(month_ends, index=False)
    return {"ledger": args.ledger, "truth": str(truth), "truth at month ends": str(month_ends)}


def _truth_path(args: argparse.Namespace) -> Path:
    from pathlib import Path, PurePosixPath

    from receivables.config import home

    if args.truth:
        return Path(args.truth)
    address = args.ledger.partition("?")[0] if "://" in args.ledger else args.ledger
    return home() / f"truth-{PurePosixPath(address).stem}.parquet"


def _arguments(args: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(args, name) for name in ("customers", "months", "seed", "end")}


def _shares(made: Simulated) -> dict[str, dict[str, float]]:
    """The mean true probability of each outcome."""
    columns = [name for name in made.truth if str(name).startswith("p_")]
    return {"mean_truth": {str(name): round(float(made.truth[name].mean()), 6) for name in columns if len(made.truth)}}
