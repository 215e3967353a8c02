"""`otcrisk replay`: recorded decisions made again, and whether every bit is the recorded one."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from serving.replay import Replayed

#: Decisions that one task of a process takes.
_CHUNK = 500


@dataclass(frozen=True)
class _Task:
    """Decisions of a log, made again with the champions in these folders, whole where a ledger is named."""

    log: Path
    champions: tuple[Path, ...]
    ledger: str | None
    score_ids: tuple[str, ...]


def configure(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("score_id", nargs="?", metavar="SCORE_ID", help="the decision; or --all")
    parser.add_argument("--all", action="store_true", help="every decision of the log")
    parser.add_argument("--log", metavar="FILE", help="the decision log (default: decisions.sqlite in OTCRISK_HOME)")
    parser.add_argument(
        "--champion",
        action="append",
        metavar="FOLDER",
        help="a folder of models that decided; several may be given (default: the champion and the one before it)",
    )
    parser.add_argument("--ledger", metavar="L", help="also compute every feature, and make the whole answer, again")
    parser.add_argument("--processes", type=int, default=1, help="processes at work (default 1)")


def run(args: argparse.Namespace) -> int:
    """0 where every decision came out as recorded, 14 where one did not; raises NotFoundError without a log."""
    from cli.main import NOT_REPRODUCED
    from cli.output import emit, progress, say
    from receivables.config import home
    from receivables.errors import InputError, NotFoundError

    if args.all == bool(args.score_id):
        raise InputError("expected the id of a decision, or --all")
    path = Path(args.log) if args.log else home() / "decisions.sqlite"
    if not path.exists():
        raise NotFoundError(f"{path}: no decision log; the service makes one with its first decision")
    ids = _ids(path, args.score_id)
    tasks = [
        _Task(path, _folders(args.champion), args.ledger, tuple(ids[i : i + _CHUNK]))
        for i in range(0, len(ids), _CHUNK)
    ]
    same, different, left_out = 0, list[str](), dict[str, int]()
    for found in progress(_results(tasks, args.processes), label="decisions", total=len(ids)):
        if found.left_out:
            left_out[found.left_out] = left_out.get(found.left_out, 0) + 1
        elif found.differences:
            different.append(f"{found.score_id}: {'; '.join(found.differences)}")
        else:
            same += 1
    say(f"{same:,} made again as recorded, {len(different):,} not, {sum(left_out.values()):,} left out", args)
    for text in [*different[:20], *(f"{count:,} left out: {why}" for why, count in left_out.items())]:
        say(f"  {text}", args)
    emit({"same": same, "different": len(different), "examples": different[:20], "left_out": left_out}, args)
    return NOT_REPRODUCED if different else 0


def _ids(path: Path, score_id: str | None) -> list[str]:
    from contextlib import closing

    from receivables.decision_log import DecisionLog, Stored

    with closing(DecisionLog(path)) as log:
        if score_id:
            return [log.get(score_id).score_id]
        return [row.record.score_id for row in log.stored() if isinstance(row, Stored)]


def _folders(given: Sequence[str] | None) -> tuple[Path, ...]:
    from models.artefact import previous
    from serving.state import champion_folder

    if given:
        return tuple(map(Path, given))
    folder = champion_folder()
    return tuple(place for place in (folder, previous(folder)) if place == folder or place.is_dir())


def _results(tasks: Iterable[_Task], processes: int) -> Iterator[Replayed]:
    if processes <= 1:
        for task in tasks:
            yield from _work(task)
        return
    with ProcessPoolExecutor(processes) as pool:
        for found in pool.map(_work, tasks):
            yield from found


def _work(task: _Task) -> list[Replayed]:
    """What became of each decision of a task."""
    from contextlib import ExitStack, closing

    from models.champion import load_champion
    from receivables.config import conf_dir
    from receivables.currencies import Currencies
    from receivables.decision_log import DecisionLog
    from receivables.errors import ErasedError
    from receivables.policy import load_policy
    from receivables.store import open_store
    from serving.payers import Payers
    from serving.rates import RateBook
    from serving.replay import Replayed, from_journal, whole
    from serving.state import Tools

    champions = [load_champion(folder) for folder in task.champions]
    made = []
    with ExitStack() as stack:
        log = stack.enter_context(closing(DecisionLog(task.log)))
        payers, rates = None, RateBook(Currencies.read())
        if task.ledger:
            payers = stack.enter_context(closing(Payers(open_store(task.ledger), rates)))
            tools = [Tools(champion, load_policy(conf_dir() / "policy.toml"), rates) for champion in champions]
        for score_id in task.score_ids:
            try:
                record = log.get(score_id)
            except ErasedError:
                made.append(Replayed(score_id, left_out="erased"))
                continue
            found = from_journal(record, champions)
            if payers is not None and not found.differences:
                found = next(
                    (again for again in (whole(record, payers, each, log) for each in tools) if not again.left_out),
                    found,
                )
            made.append(found)
    return made
