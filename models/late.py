"""The payment-time model: one boosted model of "later than k days?" for every k, read as one distribution.

Rows are invoice x asked day, so censoring is handled by leaving out the pairs that have not matured, and one model
serves every horizon. Separate models per horizon contradict each other; this one is rearranged into a `PaymentLaw`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from models.asked import ASKED_DAYS, Asked, AskedRate, asked_columns
from models.belt import Belt
from models.calibration import Calibration
from models.cells import Cells
from models.cold import FLOOR, PEERS, ColdStart
from models.cold import SHARE as PEERS_SHARE
from models.contributions import Contributions
from models.documents import of_document
from models.forest import Forest
from models.habit import Habit
from models.heads import SHARE, Heads
from models.intervals import DEPTH, Intervals
from models.late_loops import bounded
from models.law import GRID, PaymentLaw
from models.looked_up import LookedUp, credit
from models.numbers import Floats, Ints, logit, matrix
from models.pairs import (
    MAX_PAIRS,
    expand,
    expanded_columns,
    matured,
    matured_counts,
    offsets_of,
    pair_weights,
    require_outcomes,
)
from receivables.errors import ArtefactError, InputError

#: LightGBM settings; small trees, because large ones lose to the customer's own late rate beyond 5 days.
PARAMS: Final[dict[str, Any]] = {
    "num_iterations": 400,
    "learning_rate": 0.04,
    "num_leaves": 24,
    "min_data_in_leaf": 400,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "max_bin": 127,
}
SEEDS: Final = (1, 2, 3)
#: Invoices expanded at a time when scoring, to bound memory.
_BLOCK: Final = 4_096


class _Thin(NamedTuple):
    """Rows of thin histories (t,), weights of their peers, and the log-odds of these (t, g), null without any row."""

    rows: Ints
    weights: Floats
    peers: Floats | None

    def drawn(self, margins: Floats) -> Floats:
        """(n, g) log-odds, those of thin histories drawn to their peers."""
        if self.peers is None:
            return margins
        made, w = margins.copy(), self.weights[:, None]
        made[self.rows] = (1.0 - w) * margins[self.rows] + w * self.peers
        return made


@dataclass(frozen=True)
class LateModel:
    """P(days late > k) for an order. `names` are the columns of X (n, F), `inputs` those that it looks at.

    X is float64 with NaN for null, as `features.build_features` gives it. `habit` gives the log-odds that the trees add
    to: far out, where few outcomes have matured, they hardly do. `calibrations` holds one map per grid day,
    `intervals` how wide intervals of days late must be to hold their level, `belt` how sure the probability of being
    late at all is, `heads` second opinions on single days, `cold` how far orders of customers with hardly any known
    payment are drawn to their peers. `centres` hold, per column of the start, what it adds for the average invoice at
    each grid day, none where that was not found out: contributions count from there.
    """

    names: tuple[str, ...]
    inputs: tuple[str, ...]
    grid: tuple[int, ...]
    habit: Habit
    forest: Forest
    calibrations: tuple[Calibration, ...]
    intervals: Intervals = field(default_factory=Intervals)
    belt: Belt = field(default_factory=Belt)
    heads: Heads = field(default_factory=Heads)
    cold: ColdStart = field(default_factory=ColdStart)
    centres: tuple[tuple[float, ...], ...] = ()
    _sections: dict[int, Forest] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        missing = [name for name in self.inputs if name not in self.names]
        if missing:
            raise ArtefactError(f"the payment-time model needs columns that are not there: {missing}")
        expected = (*self.inputs, *(column.name for column in self._asked))
        if self.forest.names != expected:
            raise ArtefactError(f"the payment-time model splits on {self.forest.names}, expected {expected}")
        lengths = {len(self.calibrations), len(self.habit.offsets), *map(len, self.habit.weights)}
        if lengths != {len(self.grid)} or 0 not in self.grid:
            raise ArtefactError("expected a grid that holds day 0, and an offset and a calibration per grid day")
        if not set(self.habit.columns) <= {column.name for column in self._asked}:
            raise ArtefactError(f"the start needs asked columns that are not there: {self.habit.columns}")
        self.heads.require(self.inputs, self.grid)
        if self.cold.share and self.knows_no_peers:
            raise ArtefactError(f"the cold start needs {DEPTH} among the columns and rates of peers among the inputs")
        if self.centres and (len(self.centres), {*map(len, self.centres)}) != (
            len(self.habit.columns),
            {len(self.grid)},
        ):
            raise ArtefactError("expected a centre per column of the start and grid day")

    @classmethod
    def fit(
        cls,
        x: npt.ArrayLike,
        labels: npt.ArrayLike,
        *,
        names: Sequence[str],
        inputs: Sequence[str] | None = None,
        grid: Sequence[int] = GRID,
        weights: npt.ArrayLike | None = None,
        monotone: Mapping[str, int] | None = None,
        params: Mapping[str, Any] | None = None,
        seeds: Sequence[int] = SEEDS,
        threads: int = 1,
        max_pairs: int = MAX_PAIRS,
    ) -> LateModel:
        """The model learnt from `labels` (n, g): 1 where days late exceed the grid day, 0 where not, NaN not matured.

        `weights` (n,) per invoice; `monotone` the direction per input name (absent = free); `params` replace single
        settings of `PARAMS`. Raises NotEnoughDataError below `MIN_OUTCOMES` matured pairs of either outcome.
        """
        from models.boosting import Expanded, grow

        inputs = tuple(names if inputs is None else inputs)
        rows = matrix(x, len(names))[:, [list(names).index(name) for name in inputs]]
        known = np.asarray(labels, dtype=np.float64)
        if known.shape != (len(rows), len(grid)):
            raise InputError(f"expected labels of shape ({len(rows)}, {len(grid)}), got {known.shape}")
        pairs = matured(known, max_pairs)
        outcomes = known.ravel()[pairs]
        require_outcomes(outcomes)
        asked, days = asked_columns(inputs), np.array(grid)
        habit = Habit.of(inputs, grid, offsets_of(matured_counts(known)))
        columns = expanded_columns(inputs, monotone or {})
        forest = grow(
            Expanded(lambda some: expand(rows, asked, days, some), pairs),
            outcomes,
            names=list(columns),
            monotone=list(columns.values()),
            params={**PARAMS, **(params or {})},
            seeds=seeds,
            weights=pair_weights(pairs, grid, weights),
            start=habit.log_odds(rows, asked, days, range(len(days))).ravel()[pairs],
            threads=threads,
        )
        added = habit.parts(rows, asked, days, range(len(days))).values()
        centres = tuple(tuple(part.mean(axis=0).tolist()) for part in added)
        model = cls(tuple(names), inputs, tuple(grid), habit, forest, (Calibration(),) * len(grid), centres=centres)
        return model if model.knows_no_peers else replace(model, cold=ColdStart(PEERS_SHARE))

    def calibrated(self, calibrations: Calibration | Mapping[int, Calibration]) -> LateModel:
        """The same model with one calibration for all grid days, or with those of the days given."""
        if isinstance(calibrations, Calibration):
            return replace(self, calibrations=(calibrations,) * len(self.grid))
        unknown = sorted(set(calibrations) - set(self.grid))
        if unknown:
            raise InputError(f"no such grid days: {unknown}; the grid is {self.grid}")
        kept = zip(self.grid, self.calibrations, strict=True)
        return replace(self, calibrations=tuple(calibrations.get(day, old) for day, old in kept))

    def interval(self, x: npt.ArrayLike, level: float, law: PaymentLaw | None = None) -> tuple[Ints, Ints]:
        """(n,) first and last day late of an interval that holds `level` of the outcomes, wider for thin histories.

        `law` is that of the same orders, if it is at hand. The median lies within.
        """
        known = self.law(x) if law is None else law
        return self.intervals.between(known, self._settled(x), level)

    def late_interval(
        self, x: npt.ArrayLike, level: float, law: PaymentLaw | None = None
    ) -> tuple[Floats, Floats] | None:
        """(n,) bounds around P(late at all) that hold the late rate of orders scored alike with confidence `level`.

        Wider for thin histories. `law` is that of the same orders, if it is at hand. None for a model that was judged
        on too little to say.
        """
        if not self.belt.lines:
            return None
        p = (self.law(x) if law is None else law).late_over(0)
        found = self.belt.between(logit(np.clip(p, 1e-12, 1.0 - 1e-12)), self._settled(x), level)
        # from log-odds and back the last digit may change, and the probability is to lie within
        return None if found is None else (np.minimum(found[0], p), np.maximum(found[1], p))

    def margins(self, x: npt.ArrayLike, *, threads: int = 1) -> Floats:
        """(n, g) log-odds of being later than each grid day, before calibration and rearrangement."""
        rows, cold = self._rows(x), self.cold.weights(self._settled(x))
        made = np.empty((len(rows), len(self.grid)))
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            varying = self._looked_up.values(block)
            of_trees = self.forest.margins(block, varying, threads=threads)
            of_all = self.heads.moved(of_trees, self.heads.margins(block), self.grid)
            margins = self.habit.total(of_all, self.habit.added_by(varying, self._start_columns))
            made[start : start + _BLOCK] = self._thin(varying, cold[start : start + _BLOCK]).drawn(margins)
        return made

    @property
    def knows_no_peers(self) -> bool:
        """Whether rates of peers, or the number of known payments, are not among its columns."""
        return self._peer_column is None or self._depth is None

    def peers(self, x: npt.ArrayLike) -> Floats:
        """(n, g) log-odds of peers, which a cold start is drawn to; beyond the days of their rates the portfolio's."""
        return self._peers(self._looked_up.values(self._rows(x)))

    def _peers(self, varying: Floats) -> Floats:
        offsets = np.broadcast_to(np.array(self.habit.offsets), varying.shape[:2])
        if self._peer_column is None:
            return offsets
        place, within = self._peer_column
        rates = bounded(varying, np.array([place]), FLOOR)[:, :, 0]
        return np.where(within & ~np.isnan(rates), logit(rates), offsets)

    def _thin(self, varying: Floats, weights: Floats) -> _Thin:
        rows = weights.nonzero()[0]
        return _Thin(rows, weights[rows], self._peers(varying[rows]) if len(rows) else None)

    def start(self, rows: Floats) -> Floats:
        """(n, g) log-odds that the trees, and those of the heads, add to; `rows` (n, inputs)."""
        parts = self.habit.added_by(self._looked_up.values(rows), self._start_columns)
        return self.habit.total(np.zeros(parts.shape[:2]), parts)

    def cell(self, x: npt.ArrayLike) -> bytes:
        """Equal for orders x (1, F) that have the same law."""
        return self._cells.key(self._rows(x)[0]) + self.cold.weights(self._settled(x)).tobytes()

    def law(self, x: npt.ArrayLike, *, threads: int = 1) -> PaymentLaw:
        """The distribution of days late of each order; its value at day 0 is exactly what `explain` explains."""
        return self._law(self.margins(x, threads=threads))

    def explain(self, x: npt.ArrayLike, day: int = 0, *, threads: int = 1) -> Contributions:
        """Contributions of the features (columns of X) to the log-odds of being later than `day`, a grid day.

        The trees are first cut at the asked day, so the day takes no share. The reference is the average invoice in the
        trees, and in what these start from. What the other asked columns contribute, in the trees and in the start, is
        credited to the features they are made from. Heads that move the day contribute as far as they move it.
        """
        return self.explained(x, day, threads=threads)[1]

    def explained(self, x: npt.ArrayLike, day: int = 0, *, threads: int = 1) -> tuple[PaymentLaw, Contributions]:
        """`law` and `explain` in one go, the same bits: for orders, where each walk over the trees counts."""
        if day not in self.grid:
            raise InputError(f"expected one of the grid days {self.grid}, got {day}")
        rows, place = self._rows(x), self.grid.index(day)
        varying = self._looked_up.values(rows)
        started = self.habit.added_by(varying, self._start_columns)
        of_trees = self.forest.margins(rows, varying, threads=threads)
        reference, values = self._of_trees(rows, varying, place, threads)
        of_heads: dict[int, Floats] = {}
        for head, weights in self._moves.items():
            share, forest = SHARE * float(weights[place]), self.heads.forests[head]
            if not share:
                of_heads[head] = forest.margin(rows, threads=threads)
            else:
                own, parts, of_heads[head] = forest.explained(rows, threads=threads)
                at = self.grid.index(head)
                instead = (reference, values) if at == place else self._of_trees(rows, varying, at, threads)
                reference = reference + share * (own - instead[0])
                values = values - share * instead[1]
                values[:, self._places] += share * parts
        margins = self.habit.total(self.heads.moved(of_trees, of_heads, self.grid), started)
        reference, values = self._with_start(reference, values, started[:, place], place)
        thin = self._thin(varying, self.cold.weights(self._settled(x)))
        margins = thin.drawn(margins)
        values = self._credit_peers(reference, values, thin, place)
        explained = self.calibrations[place].explain(self.names, reference, values, margins[:, place])
        return self._law(margins), explained

    def _law(self, margins: Floats) -> PaymentLaw:
        slopes, intercepts = self._maps
        return PaymentLaw.from_margins(self.grid, slopes * margins + intercepts)

    def _of_trees(self, rows: Floats, varying: Floats, place: int, threads: int) -> tuple[float, Floats]:
        """Reference and (n, names) contributions of the trees at a grid day, before the heads move them."""
        day = self.grid[place]
        reference, parts = self._section(day).shap(np.hstack([rows, varying[:, place]]), threads=threads)
        values = np.zeros((len(rows), len(self.names)))
        credit(values, parts, self._credited[day])
        return reference, values

    def _with_start(self, reference: float, values: Floats, started: Floats, place: int) -> tuple[float, Floats]:
        """Reference and contributions at a grid day together with what the start adds there, `started` (n, c)."""
        joined, centres = values.copy(), self._centres[:, place]
        credit(joined, started - centres, self._credited[self.grid[place]][len(self.inputs) + self._start_columns])
        reference += self.habit.offsets[place]
        for centre in centres.tolist():
            reference += centre
        return reference, joined

    def _credit_peers(self, reference: float, values: Floats, thin: _Thin, place: int) -> Floats:
        """Contributions at a grid day after a cold start is drawn: what the peers change is credited to their rate."""
        if thin.peers is None or self._peer_column is None:
            return values
        made = values.copy()
        made[thin.rows] *= 1.0 - thin.weights[:, None]
        home = self._credited[self.grid[place]][len(self.inputs) + self._peer_column[0]]
        made[thin.rows, home] += thin.weights * (thin.peers[:, place] - reference)
        return made

    def to_files(self) -> dict[str, bytes]:
        """The model as text: model.txt (LightGBM), model.json (inputs, grid, start) and three more as JSON."""
        about = {
            "inputs": list(self.inputs),
            "grid": list(self.grid),
            "habit": asdict(self.habit),
            "heads": list(self.heads.forests),
            "cold": asdict(self.cold),
            "centres": [list(row) for row in self.centres],
        }
        maps = [calibration.to_dict() for calibration in self.calibrations]
        return {
            "model.txt": self.forest.text().encode(),
            "model.json": json.dumps(about, indent=1).encode(),
            "calibration.json": json.dumps(maps, indent=1).encode(),
            "intervals.json": json.dumps(self.intervals.to_dict(), indent=1).encode(),
            "belt.json": json.dumps(self.belt.to_dict(), indent=1).encode(),
            **self.heads.to_files(),
        }

    @classmethod
    def from_files(cls, names: Sequence[str], files: Mapping[str, bytes]) -> LateModel:
        """What `to_files` gave, for X with columns `names`; raises ArtefactError on anything else."""
        try:
            about = json.loads(files["model.json"])
            inputs, grid = tuple(map(str, about["inputs"])), tuple(map(int, about["grid"]))
            habit = Habit.from_dict(about["habit"])
            maps = tuple(Calibration.from_dict(document) for document in json.loads(files["calibration.json"]))
            intervals = Intervals.from_dict(json.loads(files["intervals.json"]))
            belt = Belt.from_dict(json.loads(files["belt.json"]))
            heads = Heads.from_files([int(day) for day in about["heads"]], files)
            cold = of_document(ColdStart, about["cold"], "cold start")
            centres = tuple(tuple(map(float, row)) for row in about["centres"])
            text = files["model.txt"].decode("ascii")
        except (KeyError, TypeError, ValueError) as error:
            raise ArtefactError(f"payment-time model: {type(error).__name__}: {error}") from None
        parts = (habit, Forest.of_text(text), maps, intervals, belt, heads, cold, centres)
        return cls(tuple(names), inputs, grid, *parts)

    @property
    def explained_by(self) -> str:
        """What explains the probability of being late at all, see `Forest.explained_by`."""
        found = {self._section(0).explained_by, *(forest.explained_by for forest in self.heads.forests.values())}
        return " and ".join(sorted(found))

    @cached_property
    def _asked(self) -> tuple[Asked, ...]:
        return asked_columns(self.inputs)

    def _settled(self, x: npt.ArrayLike) -> Floats:
        rows = matrix(x, len(self.names))
        return np.zeros(len(rows)) if self._depth is None else rows[:, self._depth]

    @cached_property
    def _depth(self) -> int | None:
        return self.names.index(DEPTH) if DEPTH in self.names else None

    @cached_property
    def _maps(self) -> tuple[Floats, Floats]:
        """Slopes and intercepts of the calibrations, by grid day: `Calibration.apply` of all days at once."""
        return np.array([c.slope for c in self.calibrations]), np.array([c.intercept for c in self.calibrations])

    @cached_property
    def _looked_up(self) -> LookedUp:
        return LookedUp.of(self._asked, self._days)

    @cached_property
    def _cells(self) -> Cells:
        return Cells.of((self.forest, *self.heads.forests.values()), len(self.inputs), self._looked_up.columns)

    @cached_property
    def _start_columns(self) -> Ints:
        """Where the columns of the start are among the asked ones."""
        names = [column.name for column in self._asked]
        return np.array([names.index(name) for name in self.habit.columns], dtype=np.int64)

    @cached_property
    def _centres(self) -> Floats:
        shape = (len(self.habit.columns), len(self.grid))
        return np.array(self.centres) if self.centres else np.zeros(shape)

    @cached_property
    def _credited(self) -> dict[int, Ints]:
        """By grid day the column of X that each column of the trees is credited to, -1 for none."""
        homes = {day: [column.home(day) for column in self._asked] for day in self.grid}
        return {
            day: np.append(self._places, [-1 if home is None else self.names.index(home) for home in found])
            for day, found in homes.items()
        }

    @cached_property
    def _peer_column(self) -> tuple[int, npt.NDArray[np.bool_]] | None:
        """Place of the peers' rate among the asked columns, and the grid days within its horizons (g,)."""
        for place, column in enumerate(self._asked):
            if column.name == PEERS and isinstance(column, AskedRate):
                return place, (self._days >= column.horizons[0]) & (self._days <= column.horizons[-1])
        return None

    @cached_property
    def _moves(self) -> dict[int, Floats]:
        return self.heads.weights(self.grid)

    @cached_property
    def _days(self) -> Ints:
        return np.array(self.grid)

    @cached_property
    def _places(self) -> Ints:
        return np.array([self.names.index(name) for name in self.inputs])

    def _rows(self, x: npt.ArrayLike) -> Floats:
        return matrix(x, len(self.names))[:, self._places]

    def _section(self, day: int) -> Forest:
        if day not in self._sections:
            self._sections[day] = self.forest.at(ASKED_DAYS, float(day))
        return self._sections[day]
