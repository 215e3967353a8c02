"""An estimator of your own in the place of the payment-time learner: any scikit-learn classifier, one per asked day."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

Array = np.ndarray


class PerDay:
    """Learns "later than k days?" with one classifier per grid day, on the invoices that have matured for it."""

    def fit(self, x: Array, labels: Array, *, names: Sequence[str], grid: Sequence[int], seed: int) -> PerDay:
        """`labels` (n, g) are 1, 0, or NaN where it cannot be told yet; those rows are left out of that day."""
        self.models = []
        for j in range(len(grid)):
            known = ~np.isnan(labels[:, j])
            model = HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=8, random_state=seed)
            self.models.append(model.fit(x[known], labels[known, j]))
        return self

    def margins(self, x: Array) -> Array:
        """(n, g) log-odds of being later than each grid day."""
        p = np.column_stack([model.predict_proba(x)[:, 1] for model in self.models])
        p = np.clip(p, 1e-6, 1 - 1e-6)
        return np.log(p) - np.log1p(-p)
