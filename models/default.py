"""The default model: probability that a customer's event comes within its horizon.

`DefaultModel` follows scikit-learn's protocol on plain numeric arrays or frames (`fit`, `predict_proba`,
`get_params`), so it can be cloned, cross-validated and judged on any credit panel; what serving needs comes on top.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from models.basis import RatingBasis
from models.belt import Belt
from models.calibration import Calibration, choose
from models.cells import Cells
from models.columns import all_names, can_name, columns_of, places, widened
from models.contributions import Contributions
from models.derived import Derived, credited, find_derived
from models.event import DEFAULT_12M, Event
from models.forest import Forest
from models.intervals import DEPTH
from models.numbers import Floats, matrix, sigmoid
from models.scorecard import Scorecard
from receivables.errors import ArtefactError, InputError

#: LightGBM settings for few events: shallow, slow, strongly regularised.
PARAMS: Final[dict[str, Any]] = {
    "num_iterations": 400,
    "learning_rate": 0.03,
    "num_leaves": 12,
    "min_data_in_leaf": 60,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "max_bin": 127,
}
SEEDS: Final = (1, 2, 3, 4, 5)
#: With fewer outcomes of either kind than this a `Scorecard` is fitted instead of trees.
MIN_EVENTS_FOR_TREES: Final = 100
#: What differs from `PARAMS` in the two kinds of member of a bag on raw columns: their mistakes differ, so their mean
#: is better than either.
KINDS: Final[tuple[dict[str, Any], ...]] = (
    {"num_leaves": 6, "num_iterations": 800},
    {"num_leaves": 8, "num_iterations": 1000, "extra_trees": True},
)
#: Folds that choose the rounds and the calibration on raw columns.
FOLDS: Final = 5
_PARAMETERS: Final = ("event", "names", "inputs", "monotone", "params", "seeds", "raw", "threads")


class Core(Protocol):
    """What answers inside: trees or a scorecard, both additive in log-odds."""

    @property
    def names(self) -> tuple[str, ...]:
        """Its columns."""

    def margin(self, x: Floats, *, threads: int = 1) -> Floats:
        """(n,) log-odds."""

    def shap(self, x: Floats, *, threads: int = 1) -> tuple[float, Floats]:
        """Reference log-odds and (n, columns) contributions."""

    def explained(self, x: Floats) -> tuple[float, Floats, Floats]:
        """`shap` and `margin`."""


class DefaultModel:
    """P(event) for rows X (n, F), NaN = null.

    `names` are the columns of X (x0, x1, ... by default), `inputs` those to learn from (all by default), `monotone`
    the direction per input (+1 a higher value raises risk), `params` replaces single settings of `PARAMS`.
    `raw` says what the columns are. As raw measurements (the default) columns are derived from them
    (`models.derived`), and two kinds of trees are grown per seed, rounds and calibration chosen on held-out folds
    (`models.bagging`). As ready features (`raw=False`, the product's own feature table) they are taken as they are,
    one kind of trees, rounds as set, calibration left to the caller.
    After `fit`: `core_` (Forest or Scorecard), `derived_`, `calibration_`, `basis_` (may ratings rest on it?),
    `belt_` (how sure is the probability?), `names_`, `inputs_`, `classes_`.
    """

    _estimator_type = "classifier"

    def __init__(
        self,
        *,
        event: Event = DEFAULT_12M,
        names: Sequence[str] | None = None,
        inputs: Sequence[str] | None = None,
        monotone: Mapping[str, int] | None = None,
        params: Mapping[str, Any] | None = None,
        seeds: Sequence[int] = SEEDS,
        raw: bool = True,
        threads: int = 1,
    ) -> None:
        self.event, self.names, self.inputs, self.monotone = event, names, inputs, monotone
        self.params, self.seeds, self.raw, self.threads = params, seeds, raw, threads

    def fit(self, x: npt.ArrayLike, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> DefaultModel:
        """Learns outcomes y (n,) of 0 and 1; returns itself.

        Trees from `MIN_EVENTS_FOR_TREES` outcomes of either kind, below that a scorecard; raises NotEnoughDataError
        where there are too few even for that (see `Scorecard.fit`).
        """
        given, rows = columns_of(x), matrix(x)
        outcomes = np.asarray(y, dtype=np.float64).ravel()
        if len(outcomes) != len(rows) or not np.isin(outcomes, (0.0, 1.0)).all():
            raise InputError(
                f"expected {len(rows)} outcomes 0 or 1, got {len(outcomes)} with {np.unique(outcomes)[:5]}"
            )
        told = tuple(self.names) if self.names is not None else given
        names = told if told is not None and can_name(told) else tuple(f"x{i}" for i in range(rows.shape[1]))
        if len(names) != rows.shape[1]:
            raise InputError(f"expected {len(names)} columns as named, got {rows.shape[1]}")
        weights = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        inputs = tuple(self.inputs or names)
        used = rows[:, places(names, inputs)]
        derived = find_derived(used, outcomes, None if told is None else inputs) if self.raw else ()
        core, calibration = self._learn(widened(used, derived), outcomes, all_names(inputs, derived), weights)
        self._set(names, inputs, derived, core, calibration)
        if given is not None:
            self.feature_names_in_ = np.array(given, dtype=object)
        return self

    def _learn(
        self, rows: Floats, outcomes: Floats, names: tuple[str, ...], weights: Floats | None
    ) -> tuple[Core, Calibration]:
        if min(outcomes.sum(), len(outcomes) - outcomes.sum()) < MIN_EVENTS_FOR_TREES:
            card = Scorecard.fit(rows, outcomes, names=names, weights=weights, monotone=self.monotone)
            return card, Calibration()
        from models.bagging import bag
        from models.boosting import grow

        sign, params = self.monotone or {}, {**PARAMS, **(self.params or {})}
        monotone = [sign.get(name, 0) for name in names]
        if not self.raw:
            grown = grow(
                rows, outcomes, names=names, monotone=monotone, params=params,
                seeds=self.seeds, weights=weights, threads=self.threads,
            )  # fmt: skip
            return grown, Calibration()
        kinds = [{**kind, **(self.params or {})} for kind in KINDS]
        made = bag(
            rows, outcomes, names=names, monotone=monotone, params=params,
            kinds=kinds, folds=FOLDS, seeds=self.seeds, weights=weights, threads=self.threads,
        )  # fmt: skip
        return made.forest, choose(made.margin, outcomes)

    def calibrated(self, calibration: Calibration) -> DefaultModel:
        """The same fitted model, served through `calibration`; a belt around other log-odds does not go with it."""
        return self._with(calibration=calibration, belt=Belt())

    def judged(self, basis: RatingBasis, belt: Belt) -> DefaultModel:
        """The same fitted model with the verdict on it and the belt around its probability, which its files carry."""
        return self._with(basis=basis, belt=belt)

    @classmethod
    def of_scorecard(cls, card: Scorecard, *, event: Event, names: Sequence[str]) -> DefaultModel:
        """A scorecard as default model for X with columns `names`."""
        made = cls(event=event, names=tuple(names), inputs=card.names, raw=False)
        made._set(tuple(names), card.names, (), card, Calibration())
        return made

    def margin(self, x: npt.ArrayLike) -> Floats:
        """(n,) log-odds before calibration."""
        rows = self._rows(x)
        return self.core_.margin(rows)

    def log_odds(self, x: npt.ArrayLike) -> Floats:
        """(n,) served log-odds of the event, after calibration: the total of `explain`."""
        margin = self.margin(x)
        return self.calibration_.apply(margin)

    def cell(self, x: npt.ArrayLike) -> bytes:
        """Equal for rows x (1, F) that have the same log-odds."""
        row = self._rows(x)[0]
        return row.tobytes() if self._cells is None else self._cells.key(row)

    @cached_property
    def _cells(self) -> Cells | None:
        core = self.core_
        return Cells.of((core,), len(core.names)) if isinstance(core, Forest) else None

    def probability(self, x: npt.ArrayLike) -> Floats:
        """(n,) calibrated probability of the event."""
        return sigmoid(self.log_odds(x))

    def interval(self, x: npt.ArrayLike, level: float, log_odds: Floats | None = None) -> tuple[Floats, Floats] | None:
        """(n,) bounds that hold the event rate of customers scored alike with confidence `level`, and the probability.

        Wider for thin histories. `log_odds` are the served ones of the same rows, if they are at hand. None for a model
        that was judged on too little to say.
        """
        told = self.log_odds(x) if log_odds is None else log_odds
        rows = matrix(x, len(self.names_))
        settled = rows[:, self.names_.index(DEPTH)] if DEPTH in self.names_ else np.zeros(len(rows))
        return self.belt_.between(told, settled, level)

    def predict_proba(self, x: npt.ArrayLike) -> Floats:
        """(n, 2) probabilities of no event and event, as scikit-learn orders them."""
        p = self.probability(x)
        return np.column_stack([1.0 - p, p])

    def predict(self, x: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """(n,) 1 where the event is more likely than not; a policy should cut by cost instead."""
        return (self.probability(x) > 0.5).astype(np.int64)

    def explain(self, x: npt.ArrayLike) -> Contributions:
        """Contributions of the columns of X to the calibrated log-odds; columns that are no input contribute 0."""
        rows = self._rows(x)
        reference, parts, margin = self.core_.explained(rows)
        values = np.zeros((len(rows), len(self.names_)))
        values[:, self._columns] = credited(parts, self.derived_) if self.derived_ else parts
        return self.calibration_.explain(self.names_, reference, values, margin)

    @property
    def explained_by(self) -> str:
        """What explains the fitted model: "scorecard", or see `Forest.explained_by`."""
        return self.core_.explained_by if isinstance(self.core_, Forest) else "scorecard"

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments."""
        return {name: getattr(self, name) for name in _PARAMETERS}

    def set_params(self, **params: Any) -> DefaultModel:
        """Changes constructor arguments; returns itself."""
        unknown = sorted(set(params) - set(_PARAMETERS))
        if unknown:
            raise InputError(f"no such parameters: {unknown}; there are {_PARAMETERS}")
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(multi_class=False),
            input_tags=InputTags(allow_nan=True),
        )

    def to_files(self) -> dict[str, bytes]:
        """The fitted model as text: model.txt (LightGBM) or scorecard.json, JSON for the rest."""
        is_forest = isinstance(self.core_, Forest)
        core = {"model.txt": self.core_.text()} if is_forest else {"scorecard.json": self.core_.to_json()}  # type: ignore[attr-defined]
        about: dict[str, Any] = {
            "inputs": list(self.inputs_),
            "derived": [column.to_dict() for column in self.derived_],
        }
        about["basis"] = self.basis_.to_dict()
        documents = {
            "model.json": about,
            "calibration.json": self.calibration_.to_dict(),
            "belt.json": self.belt_.to_dict(),
        }
        texts = core | {name: json.dumps(document, indent=1) for name, document in documents.items()}
        return {name: text.encode() for name, text in texts.items()}

    @classmethod
    def from_files(cls, names: Sequence[str], event: Event, files: Mapping[str, bytes]) -> DefaultModel:
        """What `to_files` gave, for X with columns `names`; raises ArtefactError on anything else."""
        try:
            about = json.loads(files["model.json"])
            inputs = tuple(map(str, about["inputs"]))
            derived = tuple(Derived.from_dict(column, len(inputs)) for column in about.get("derived", ()))
            basis = RatingBasis.from_dict(about["basis"]) if "basis" in about else RatingBasis()
            calibration = Calibration.from_dict(json.loads(files["calibration.json"]))
            belt = Belt.from_dict(json.loads(files["belt.json"])) if "belt.json" in files else Belt()
            is_forest = "model.txt" in files
            text = files["model.txt" if is_forest else "scorecard.json"].decode("ascii")
        except (KeyError, TypeError, ValueError) as error:
            raise ArtefactError(f"default model: {type(error).__name__}: {error}") from None
        core: Core = Forest.of_text(text) if is_forest else Scorecard.from_json(text)
        missing = [name for name in inputs if name not in names]
        if missing or core.names != all_names(inputs, derived):
            raise ArtefactError(f"default model: its inputs do not fit its columns (missing: {missing})")
        made = cls(event=event, names=tuple(names), inputs=inputs, raw=bool(derived))
        made._set(tuple(names), inputs, derived, core, calibration, basis, belt)
        return made

    def _with(self, **changed: Any) -> DefaultModel:
        """The same fitted model, what is named replaced."""
        made = type(self)(**self.get_params())
        kept = ("names", "inputs", "derived", "core", "calibration", "basis", "belt")
        made._set(**{name: getattr(self, f"{name}_") for name in kept} | changed)
        return made

    def _set(
        self,
        names: tuple[str, ...],
        inputs: tuple[str, ...],
        derived: tuple[Derived, ...],
        core: Core,
        calibration: Calibration,
        basis: RatingBasis | None = None,
        belt: Belt | None = None,
    ) -> None:
        self.names_, self.inputs_, self.derived_ = names, inputs, derived
        self.core_, self.calibration_ = core, calibration
        self.basis_, self.belt_ = basis or RatingBasis(), belt or Belt()
        self.classes_, self.n_features_in_ = np.array([0, 1]), len(names)
        self._columns = np.array(places(names, inputs))

    def _rows(self, x: npt.ArrayLike) -> Floats:
        """What the core sees of x: the inputs, then the derived columns."""
        if not hasattr(self, "core_"):
            raise InputError("the default model is not fitted: call fit first")
        given, expected = columns_of(x), getattr(self, "feature_names_in_", None)
        if given is not None and expected is not None and given != tuple(expected):
            raise InputError(f"expected the columns of training in their order, {list(expected)}, got {list(given)}")
        return widened(matrix(x, len(self.names_))[:, self._columns], self.derived_)
