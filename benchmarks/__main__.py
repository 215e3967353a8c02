"""Measures beside peers in one run: ratios, benchmarks/results.json, benchmarks/features.png, docs/performance.md.

    python -m benchmarks                                  # all parts, at 1 and 10 million invoices
    python -m benchmarks --parts online                   # one part: only its own figures are replaced
    python -m benchmarks --quick                          # small sizes, into var/benchmarks: does everything run?
    python -m benchmarks --rows 100000 --parts contest    # other sizes, into var/benchmarks

Every answer is held against the engine's in the same run; a part fails where one differs, and the others still run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks import page, picture
from benchmarks.measure import MACHINE, machine
from benchmarks.part import Part, Sizes, say
from benchmarks.parts import BY_NAME, PARTS
from features.memory import keep_memory

_ROWS: Final = 1_000_000
_LARGE: Final = 10_000_000


def measure(part: Part, args: argparse.Namespace) -> None:
    """Runs the part in this process and writes its figures; those of other parts stay."""
    keep_memory()  # for all contenders alike: what fresh memory costs is the machine's business
    with tempfile.TemporaryDirectory() as folder:
        sizes = Sizes(args.rows, args.large, args.calls, args.repetitions, args.featuretools, Path(folder))
        found = part.run(sizes)
    day = {f"{part.name}_measured_on_yyyymmdd": page.today()}
    earlier = {key: value for key, value in page.results_of(args.out).items() if not key.startswith(MACHINE)}
    results = {**earlier, **machine(), **day, **found}
    page.write_results(results, args.out)
    if set(picture.NEEDED) <= set(results):
        picture.draw(results, args.out / "features.png")
    if args.out.resolve() == page.RESULTS.parent:
        page.write_page()


def each_in_a_process(parts: Sequence[str], argv: Sequence[str]) -> list[str]:
    """Runs the parts one after the other; returns the names of those that failed."""
    failed = []
    for name in parts:
        say(f"{name}: {BY_NAME[name].measures} ...")
        if subprocess.run([sys.executable, "-m", "benchmarks", *argv, "--parts", name], cwd=page.ROOT).returncode:
            failed.append(name)
    return failed


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """The command's options with what follows from them."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=_ROWS, help="invoices of the contest and of the ..._1m figures")
    parser.add_argument("--large", type=int, default=_LARGE, help="of the ..._10m figures and of the scaling")
    parser.add_argument("--calls", type=int, default=2_000, help="orders timed one by one for each length of history")
    parser.add_argument("--repetitions", type=int, help="of each measurement; by default one to five, by its length")
    parser.add_argument("--parts", nargs="+", choices=list(BY_NAME), default=list(BY_NAME))
    parser.add_argument("--featuretools", type=Path, metavar="PYTHON", help="interpreter that has Featuretools")
    parser.add_argument("--quick", action="store_true", help="20,000 and 100,000 invoices, into var/benchmarks")
    parser.add_argument("--out", type=Path, help="folder of results.json and features.png (default: see above)")
    args = parser.parse_args(argv)
    if args.quick:
        args.rows, args.large, args.calls, args.repetitions = 20_000, 100_000, 200, 1
    full_size = (args.rows, args.large) == (_ROWS, _LARGE)
    args.out = args.out or (page.RESULTS.parent if full_size else page.ROOT / "var" / "benchmarks")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Measures, writes and prints; 1 where a part failed. A run into benchmarks/ also fills docs/performance.md."""
    argv = sys.argv[1:] if argv is None else argv
    args = arguments(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    if len(args.parts) == 1:
        measure(BY_NAME[args.parts[0]], args)
        return 0
    if len(args.parts) == len(PARTS):
        page.write_results({}, args.out)  # figures side by side are of one run
    failed = each_in_a_process(args.parts, argv)
    print(page.bars_table(page.results_of(args.out)))
    for name in failed:
        say(f"{name}: failed, its figures are missing; see above, then: python -m benchmarks --parts {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
