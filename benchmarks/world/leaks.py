"""How much the popular mistakes would flatter a model: the same learner, judged in ways that let it see the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.world.contenders import Contender, Task
from training.metrics import AUC

Floats = npt.NDArray[np.float64]
HONEST: Final = "honest"
#: Name -> what is done wrong.
LEAKS: Final = {
    "random_split": "invoices of one period split at random: a customer's March is learnt from its April",
    "averages": "split in time, but customers' averages are taken over all invoices, those to be judged included",
    "both": "random split and averages over all invoices: the usual tutorial",
}


def flattered(
    task: Task, y_test: Floats, customer: npt.NDArray[np.object_], contenders: Sequence[Contender]
) -> dict[str, dict[str, float]]:
    """Contender -> way of judging -> AUC. `customer` (n + m,) names the rows of `task.train`, then of `task.test`."""
    n = len(task.train)
    x, y = np.concatenate([task.train, task.test]), np.concatenate([task.y, y_test])
    averaged = np.column_stack([x, _averages(y, customer)])
    order = np.random.default_rng(0).permutation(len(y))
    in_time, at_random = np.arange(len(y)), (order[: len(y_test)], order[len(y_test) :])
    ways = {
        HONEST: (x, in_time[n:], in_time[:n]),
        "random_split": (x, *at_random),
        "averages": (averaged, in_time[n:], in_time[:n]),
        "both": (averaged, *at_random),
    }
    return {
        contender.name: {way: _auc(contender, task, rows, y, test, train) for way, (rows, test, train) in ways.items()}
        for contender in contenders
    }


def _averages(y: Floats, customer: npt.NDArray[np.object_]) -> Floats:
    code = np.unique(customer.astype(str), return_inverse=True)[1]
    count = np.bincount(code)
    return np.column_stack([np.bincount(code, weights=y)[code] / count[code], count[code]])


def _auc(
    contender: Contender, task: Task, x: Floats, y: Floats, test: npt.NDArray[np.int64], train: npt.NDArray[np.int64]
) -> float:
    names = (*task.names, "average_late", "n_all")[: x.shape[1]]
    p = contender.answer(Task(task.day, names, x[train], y[train], x[test], task.other))
    return float(AUC.compute(y[test], p, np.ones(len(test))))
