"""What each feature adds to a prediction, in log-odds, with the sum guaranteed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from models.late_loops import largest_gap
from models.numbers import Floats, sigmoid
from receivables.errors import ArtefactError

#: The parts add up to the total within this; the rounding of the sums is about 1e-14.
TOLERANCE: Final = 1e-9


@dataclass(frozen=True)
class Contributions:
    """Additive explanation of n predictions: reference + row sum of `values` = `total` within `TOLERANCE`.

    `reference` is the log-odds of the average row, `values` (n, F) the SHAP values per feature in `names`, `total`
    (n,) the served log-odds. The served probability is exactly sigmoid(total): it is read from the model's own
    score, never from the sum of the parts, which differs in the last bits.
    """

    names: tuple[str, ...]
    reference: float
    values: Floats
    total: Floats

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.total), len(self.names)):
            raise ArtefactError(f"expected {len(self.total)} rows of {len(self.names)}, got {self.values.shape}")
        missed = largest_gap(self.reference, self.values, self.total)
        if not missed <= TOLERANCE:  # also where a part is not finite
            raise ArtefactError(f"an explanation does not add up: it misses its score by {missed:.3g} log-odds")

    @property
    def probability(self) -> Floats:
        """(n,) the served probability."""
        return sigmoid(self.total)

    def row(self, i: int) -> Contributions:
        """The explanation of one prediction."""
        return Contributions(self.names, self.reference, self.values[i : i + 1], self.total[i : i + 1])

    def record(self, i: int = 0) -> dict[str, Any]:
        """One prediction for the decision log: reference, total and the values that are not zero, by feature."""
        values = {name: v for name, v in zip(self.names, self.values[i].tolist(), strict=True) if v != 0.0}
        return {"reference": self.reference, "total": float(self.total[i]), "values": values}
