"""Whether published reasons are true of the model: faithful to what it does, and stable where it is learnt again.

A reason is faithful if its features, set to those of the reference, move the score the way the reason said, and no less
than the reason published after it does. The reference is a sample of orders of the same ledger: the score is averaged
over their values, because SHAP values compare with the average order and not with one made of medians. A reason is
stable if it is published again, with the same sign, by a model learnt from other samples of the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from features import FEATURES, REASONS
from models.default import DefaultModel
from models.forest import Forest
from models.inputs import FeatureLike
from models.late import LateModel
from models.numbers import Floats
from models.ranked import Ranked
from models.reasons import ReasonLike, places_by_reason
from models.scale import ScoreScale
from receivables.errors import InputError

#: Reasons that are published of a prediction.
PUBLISHED: Final = 4
Model = LateModel | DefaultModel


@dataclass(frozen=True)
class ReasonChecks:
    """Shares between 0 and 1 over the `reasons` published of `rows` predictions.

    `sign`: setting the features to the reference moves the score as said. `order`: of two reasons published one after
    the other with different points, the first moves it more. `faithful`: both hold. `stable`: published again with the
    same sign by models learnt from other samples; null where there is no such model. That contributions add up to the
    score needs no figure: `Contributions` cannot be made of others.
    """

    rows: int
    reasons: int
    sign: float
    order: float
    faithful: float
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
    limit: int = PUBLISHED,
    features: Iterable[FeatureLike] = FEATURES,
    catalogue: Mapping[str, ReasonLike] = REASONS,
) -> ReasonChecks:
    """The checks over the reasons of predictions x (n, F), against `reference` orders (r, F).

    `scale` is that in which the points are displayed, None for thousandths of log-odds. `others` are models learnt
    from other samples, such as `resampled` gives. Raises InputError without predictions or without a reference.
    """
    if not (len(x) and len(reference)):
        raise InputError(f"expected predictions and reference orders, got {len(x)} and {len(reference)}")
    explained = model.explain(x)
    told: dict[str, Any] = {"scale": scale, "limit": limit, "features": tuple(features), "catalogue": catalogue}
    places = dict(sorted(places_by_reason(explained.names, told["features"], catalogue).items()))
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
        stable=float(np.mean([_kept(published, other) for other in again])) if again else None,
    )


def resampled(model: Model, parts: int) -> list[Model]:
    """Models of one seed each, from one that is the mean of `parts` seeds; none where it is not.

    Each seed has drawn its own rows and columns for every tree (bagging, feature fraction), so the parts are models of
    the same settings, learnt from other samples.
    """
    forest = model.forest if isinstance(model, LateModel) else model.core_
    if not isinstance(forest, Forest) or parts < 2 or len(forest.trees) % parts:
        return []
    if isinstance(model, LateModel):
        return [replace(model, forest=forest.part(i, parts), heads=model.heads.part(i, parts)) for i in range(parts)]
    return [model.with_core(forest.part(i, parts)) for i in range(parts)]


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
