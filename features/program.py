"""Feature expressions as a short program for a compiled interpreter: one pass per order, no intermediate columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.expression import Apply, Constant, Function, Node
from features.kernel import NULL

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Most arguments that one function takes.
_MOST = 7
# features.expression.Function as plain integers
_ADD, _SUBTRACT, _MULTIPLY, _MAXIMUM, _SQRT, _RATIO, _IS_ABOVE, _IF_ABOVE, _MODULO, _ARGMAX = range(10)


@njit(cache=True, nogil=True)
def _apply(step, x):
    """The value of one instruction (function, number of arguments, arguments' positions) over the values `x`."""
    function, a = step[0], x[step[2]]
    if function == _SQRT:
        return np.sqrt(a)
    if function == _ARGMAX:
        best = 0
        for i in range(1, step[1]):
            if x[step[2 + i]] > x[step[2 + best]]:
                best = i
        return best * 1.0
    b = x[step[3]]
    if function == _ADD:
        return a + b
    if function == _SUBTRACT:
        return a - b
    if function == _MULTIPLY:
        return a * b
    if function == _MAXIMUM:
        return a if np.isnan(b) or a >= b else b
    if function == _RATIO:
        return np.nan if b == 0 else a / b
    if function == _IS_ABOVE:
        return np.nan if np.isnan(a) else 1.0 if a > b else 0.0
    if function == _MODULO:
        return a % b
    return x[step[4]] if a > b else np.nan  # _IF_ABOVE


@njit(cache=True, nogil=True)
def _run(rows, aggregates, given, constants, steps, wanted, out):
    n_aggregates, n_given, n_constants = aggregates.shape[1], given.shape[1], len(constants)
    x = np.empty(n_aggregates + n_given + n_constants + len(steps))
    x[n_aggregates + n_given : n_aggregates + n_given + n_constants] = constants
    first = n_aggregates + n_given + n_constants
    for q in range(len(rows)):
        for i in range(n_aggregates):
            whole = aggregates[rows[q], i]
            x[i] = np.nan if whole == NULL else float(whole)
        x[n_aggregates : n_aggregates + n_given] = given[q]
        for i in range(len(steps)):
            x[first + i] = _apply(steps[i], x)
        for i in range(len(wanted)):
            out[q, i] = x[wanted[i]]


@dataclass(frozen=True)
class Program:
    """Instructions that turn aggregates and given facts into the values of `nodes`; equal nodes are worked out once."""

    constants: Floats
    steps: Ints
    wanted: Ints

    @classmethod
    def of(cls, nodes: Sequence[Node], aggregates: Sequence[Node], given: Sequence[Node]) -> Self:
        """The program for `nodes` over leaves that come in the order of `aggregates`, then `given`.

        Raises KeyError for a leaf that is in neither.
        """
        position = {node: i for i, node in enumerate((*aggregates, *given))}
        found = {leaf: None for node in nodes for leaf in _nodes(node) if isinstance(leaf, Constant)}
        position.update({constant: len(position) + i for i, constant in enumerate(found)})
        steps: list[list[int]] = []
        for node in (inner for outer in nodes for inner in _nodes(outer)):
            if isinstance(node, Apply) and node not in position:
                arguments = [position[argument] for argument in node.arguments]
                padded = arguments + [arguments[0]] * (_MOST - len(arguments))
                steps.append([int(node.function), len(arguments), *padded])
                position[node] = len(position)
        constants = np.array([constant.value for constant in found if isinstance(constant, Constant)])
        return cls(constants, np.array(steps, dtype=np.int64), np.array([position[node] for node in nodes]))

    def run(self, rows: Ints, aggregates: Ints, given: Floats) -> Floats:
        """Values (orders x nodes); order i has the aggregates of row `rows[i]` and row i of `given`."""
        out = np.empty((len(rows), len(self.wanted)))
        _run(rows, aggregates, given, self.constants, self.steps, self.wanted, out)
        return out


def _nodes(node: Node) -> list[Node]:
    """The node and all under it, arguments before what uses them."""
    under = [inner for argument in node.arguments for inner in _nodes(argument)] if isinstance(node, Apply) else []
    return [*under, node]


assert [int(f) for f in Function] == list(range(10))  # noqa: S101 - the interpreter above counts on it
