"""Whether published reasons are true of the model: faithful to what it does, and stable where it is learnt again.

A reason is faithful if its features, set to those of the reference, move the score the way the reason said, and no less
than the reason published after it does. The reference is a sample of orders of the same ledger: the score is averaged
over their values, because SHAP values compare with the average order and not with one made of medians. A reason is
stable if it is published again, with the same sign, by a model learnt from other customers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from features import FEATURES, REASONS
from models.default import DefaultModel
from models.effects import Effects
from models.inputs import FeatureLike
from models.late import LateModel
from models.numbers import Floats
from models.ranked import Ranked
from models.reasons import ReasonLike, places_by_reason
from models.scale import ScoreScale
from receivables.errors import InputError

#: Reasons that are published of a prediction.
PUBLISHED: Final = 4
#: Reasons looked at per prediction to learn what they move.
CONSIDERED: Final = 8
#: Predictions in which a reason must be met for its effect to be learnt, and the share that must bear out its sign.
FEWEST: Final = 10
BORNE_OUT: Final = 0.9
Model = LateModel | DefaultModel


@dataclass(frozen=True)
class ReasonChecks:
    """Shares between 0 and 1 over the `reasons` published of `rows` predictions.

    `sign`: setting the features to the reference moves the score as said. `order`: of two reasons published one after
    the other with different points, the first moves it more. `faithful`: both hold. `stable`: published again with the
    same sign by models learnt from other customers; null where there is no such model. `named` is the share that the
    published reasons hold of the sizes of all. That contributions add up to the score needs no figure:
    `Contributions` cannot be made of others.
    """

    rows: int
    reasons: int
    sign: float
    order: float
    faithful: float
    named: float
    stable: float | None

    def to_dict(self) -> dict[str, float | int | None]:
        """Plain JSON values."""
        return asdict(self)


def check_reasons(
    model: Model,
    x: Floats,
    reference: Floats,
    *,
    scale: ScoreScale | None = None,
    others: Sequence[Model] = (),
    effects: Effects = Effects(),  # noqa: B008 - frozen
    limit: int = PUBLISHED,
    features: Iterable[FeatureLike] = FEATURES,
    catalogue: Mapping[str, ReasonLike] = REASONS,
) -> ReasonChecks:
    """The checks over the reasons of predictions x (n, F), against `reference` orders (r, F).

    `scale` is that in which the points are displayed, None for thousandths of log-odds; `effects` decides what is
    published; `others` are models learnt from other customers. Raises InputError without predictions or a reference.
    """
    if not (len(x) and len(reference)):
        raise InputError(f"expected predictions and reference orders, got {len(x)} and {len(reference)}")
    explained = model.explain(x)
    table = tuple(features)
    told: dict[str, Any] = {"scale": scale, "limit": limit, "effects": effects, "features": table}
    told["catalogue"] = catalogue
    places = dict(sorted(places_by_reason(explained.names, table, catalogue).items()))
    published = Ranked.of(explained, **told)
    moved = _moved(_log_odds(model), x, reference, places.values(), published)
    is_one, has_next = published.units != 0, _has_next(published)
    sign, order = np.sign(moved) == np.sign(published.sums), _in_order(moved)
    again = [Ranked.of(other.explain(x), **told) for other in others]
    return ReasonChecks(
        rows=len(x),
        reasons=int(is_one.sum()),
        sign=_share(sign, is_one),
        order=_share(order, has_next),
        faithful=_share(sign & (order | ~has_next), is_one),
        named=float(published.named.mean()),
        stable=float(np.mean([_kept(published, other) for other in again])) if again else None,
    )


def learn_effects(
    model: Model,
    x: Floats,
    reference: Floats,
    *,
    scale: ScoreScale | None = None,
    features: Iterable[FeatureLike] = FEATURES,
    catalogue: Mapping[str, ReasonLike] = REASONS,
) -> Effects:
    """What each reason's contribution moves, from predictions x (n, F) against `reference` orders (r, F).

    The median over the predictions in which it is one of the `CONSIDERED` largest; 0 where the score does not move as
    said in `BORNE_OUT` of them. A reason that is met in fewer than `FEWEST` counts as it stands.
    """
    told: dict[str, Any] = {"features": tuple(features), "catalogue": catalogue}
    explained = model.explain(x)
    largest = Ranked.of(explained, scale=scale, limit=CONSIDERED, **told)
    places = dict(sorted(places_by_reason(explained.names, told["features"], catalogue).items()))
    moved = _moved(_log_odds(model), x, reference, places.values(), largest)
    found = {}
    for place, code in enumerate(places):
        met = (largest.groups == place) & (largest.units != 0)
        if met.sum() >= FEWEST:
            per_unit = moved[met] / largest.sums[met]
            found[code] = float(np.median(per_unit)) if (per_unit > 0).mean() >= BORNE_OUT else 0.0
    return Effects(found)


def _log_odds(model: Model) -> Callable[[Floats], Floats]:
    if isinstance(model, DefaultModel):
        return model.log_odds
    place = model.grid.index(0)
    return lambda x: model.calibrations[place].apply(model.margins(x)[:, place])


def _has_next(published: Ranked) -> npt.NDArray[np.bool_]:
    """Where another reason of smaller size comes after it."""
    size = np.abs(published.units)
    follows = (published.units[:, 1:] != 0) & (size[:, :-1] > size[:, 1:])
    return np.concatenate([follows, np.zeros((len(size), 1), dtype=np.bool_)], axis=1)


def _in_order(moved: Floats) -> npt.NDArray[np.bool_]:
    """Where it moves the score at least as much as the one after it."""
    size = np.abs(moved)
    return np.concatenate([size[:, :-1] >= size[:, 1:], np.ones((len(size), 1), dtype=np.bool_)], axis=1)


def _moved(
    log_odds: Callable[[Floats], Floats],
    x: Floats,
    reference: Floats,
    groups: Iterable[Sequence[int]],
    published: Ranked,
) -> Floats:
    """(n, limit) log-odds of each prediction less their mean with the reason's features taken from the reference."""
    moved, served = np.zeros(published.sums.shape), log_odds(x)
    for place, group in enumerate(map(list, groups)):
        rows, rank = np.nonzero((published.groups == place) & (published.units != 0))
        if len(rows):
            other = np.repeat(x[rows], len(reference), axis=0)
            other[:, group] = np.tile(reference[:, group], (len(rows), 1))
            moved[rows, rank] = served[rows] - log_odds(other).reshape(len(rows), -1).mean(axis=1)
    return moved


def _kept(published: Ranked, other: Ranked) -> float:
    """The share of the reasons that the other publishes as well, with the same sign."""
    same = published.groups[:, :, None] == other.groups[:, None, :]
    alike = np.sign(published.units)[:, :, None] == np.sign(other.units)[:, None, :]
    return _share((same & alike).any(axis=2), published.units != 0)


def _share(holds: npt.NDArray[np.bool_], of: npt.NDArray[np.bool_]) -> float:
    return float(holds[of].mean()) if of.any() else 1.0
