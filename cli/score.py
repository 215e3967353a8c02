"""`otcrisk score`: scores every invoice issued in a span as of its issue date."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from models.champion import Champion


def configure(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("--ledger", required=True, metavar="L", help="path of a SQLite file, or a PostgreSQL URL")
    parser.add_argument("--issued", required=True, metavar="FROM:TO", help="issue dates, both days included")
    parser.add_argument("--out", required=True, metavar="FILE", help="where to write, .csv or .parquet")
    parser.add_argument("--explain", metavar="FILE", help="also write each invoice's reasons, to a .parquet file")
    parser.add_argument(
        "--model",
        metavar="FOLDER|VERSION",
        help="a champion folder, or a version of the registered models (default: the champion)",
    )


def run(args: argparse.Namespace) -> int:
    """Scores, writes the file in one step, and returns 0; raises where no invoice was issued in the span."""
    import pandas as pd

    from cli.output import emit, progress, say, span
    from features import History, Orders
    from receivables.errors import EmptyInputError
    from receivables.store import open_store
    from training.reasons import reasons
    from training.scoring import CHUNK, score

    out = _format_of(Path(args.out))
    why = _format_of(Path(args.explain), "--explain", (".parquet",)) if args.explain else None
    first, last = span(args.issued)
    champion = _champion(args.model)
    with open_store(args.ledger) as store:
        ledger = store.read()
    orders = Orders.of_invoices(ledger, first, last)
    if not len(orders):
        held = ledger["invoices"]["issued_on"]
        raise EmptyInputError(
            f"no invoice was issued from {first} to {last}; the ledger holds {len(held):,} invoices"
            + ("" if held.empty else f" issued from {held.min().date()} to {held.max().date()}")
        )
    chunks = -(-len(orders) // CHUNK)
    scores = score(
        History.of(ledger), orders, champion, track=lambda starts: progress(starts, label="score", total=chunks)
    )
    _write(scores, out)
    if why is not None:
        track = partial(progress, label="explain", total=chunks)
        _write_reasons(reasons(History.of(ledger), orders, champion, track=track), why)
    cutoff = pd.Timestamp(str(champion.manifest["training_cutoff"]))
    learnt = int((orders.as_of < cutoff.to_datetime64()).sum())
    warning = (
        f"{learnt:,} of them were issued before the model's cut-off {cutoff.date()}: it may have learnt their outcome"
    )
    say(f"{len(scores):,} invoices issued from {first} to {last} scored: {out}", args)
    if learnt:
        say(warning, args)
    emit(
        {
            "rows": len(scores),
            "file": str(out),
            "reasons": None if why is None else str(why),
            "issued_before_the_models_cutoff": learnt,
            "event": champion.default.event.name,
        },
        args,
    )
    return 0


def _champion(model: str | None) -> Champion:
    """The champion in OTCRISK_HOME, in a folder, or of a registered version."""
    from models.champion import load_champion
    from receivables.config import home

    if model is None or not model.isdecimal():
        return load_champion(home() / "champion" if model is None else Path(model))
    from training.registered import champion_of

    return champion_of(model)


def _format_of(out: Path, option: str = "--out", endings: tuple[str, ...] = (".csv", ".parquet")) -> Path:
    from receivables.errors import InputError

    if out.suffix not in endings:
        raise InputError(f"{option}: expected a file that ends in {' or '.join(endings)}, got {out}")
    if not out.absolute().parent.is_dir():
        raise InputError(f"{option}: there is no folder {out.absolute().parent}; make it first")
    return out


def _write(scores: pd.DataFrame, out: Path) -> None:
    """Writes beside the target and renames: a reader sees the old file or the whole new one."""
    import os

    from receivables.spreadsheet import guarded
    from training.scores import TEXTS

    draft = out.with_name(f".{out.name}.{os.getpid()}{out.suffix}")
    try:
        if out.suffix == ".csv":
            texts = {name: scores[name].map(guarded, na_action="ignore") for name in TEXTS}
            scores.assign(**texts).to_csv(draft, index=False)
        else:
            scores.to_parquet(draft, index=False)
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)


def _write_reasons(frames: Iterable[pd.DataFrame], out: Path) -> None:
    """Writes frame by frame beside the target and renames; no more than one frame is held."""
    import os

    import pyarrow as pa
    import pyarrow.parquet as pq

    draft, writer = out.with_name(f".{out.name}.{os.getpid()}{out.suffix}"), None
    try:
        for frame in frames:
            # said outright: a frame without any fourth reason does not show its type
            names = [str(name) for name in frame]
            kinds = [pa.string() if "_reason_" in name or name.endswith("_id") else pa.float64() for name in names]
            schema = pa.schema(list(zip(names, kinds, strict=True)))
            writer = writer or pq.ParquetWriter(draft, schema)
            writer.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False))
        if writer is not None:
            writer.close()
            draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)
