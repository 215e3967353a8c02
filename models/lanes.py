"""Eight float64 numbers handled as one inside compiled code: a vector type for numba.

The loops of `models.treeshap` do the same arithmetic on eight numbers at a time. Written as loops of eight, the
compiler guards each of them against overlapping arrays, which costs as much as the work; written as vectors, it does
the arithmetic in one AVX-512, two AVX2 or four NEON instructions. Offsets count float64 numbers and are unsigned.
"""

from __future__ import annotations

import operator
from typing import Any, Final

from llvmlite import ir
from numba.core import types
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

#: Numbers in a vector.
WIDTH: Final = 8
_VECTOR: Final = ir.VectorType(ir.DoubleType(), WIDTH)
_FIRST: Final = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
#: A product and a sum may be rounded once, as the processor likes best.
_FLAGS: Final = ("contract",)


class Lanes(types.Type):
    """The type of a vector."""

    def __init__(self) -> None:
        super().__init__("lanes")


LANES: Final = Lanes()


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, frontend_type: Any) -> None:
        super().__init__(manager, frontend_type, _VECTOR)


@intrinsic
def load(_: Any, array: Any, offset: Any) -> Any:
    """The eight numbers of a float64 array from `offset` on."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        found = builder.load(_address(context, builder, sig, args))
        found.align = 8
        return found

    return LANES(array, types.uint64), code


@intrinsic
def store(_: Any, array: Any, offset: Any, value: Any) -> Any:
    """Writes eight numbers to a float64 array from `offset` on."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store(args[2], _address(context, builder, sig, args)).align = 8
        return context.get_dummy_value()

    return types.void(array, types.uint64, LANES), code


@intrinsic
def splat(_: Any, number: Any) -> Any:
    """One number eight times."""
    return LANES(types.float64), lambda context, builder, sig, args: _splat(builder, args[0])


@intrinsic
def at_most(_: Any, value: Any, bound: Any, null: Any) -> Any:
    """1.0 where a number is at most `bound`, or is NaN while `null` holds; 0.0 elsewhere."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        limit = _splat(builder, args[1])
        known = builder.fcmp_ordered("<=", args[0], limit)
        either = builder.fcmp_unordered("<=", args[0], limit)
        chosen = builder.select(args[2], either, known)
        return builder.uitofp(chosen, _VECTOR)

    return LANES(LANES, types.float64, types.boolean), code


def _address(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    data = context.make_array(sig.args[0])(context, builder, args[0]).data
    return builder.bitcast(builder.gep(data, [args[1]]), _VECTOR.as_pointer())


def _splat(builder: Any, number: Any) -> Any:
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, nothing, _FIRST)


def _define(operation: Any, instruction: str) -> None:
    """Makes an operator work between vectors, and between a vector and a number."""
    pairs = [(LANES, LANES), (LANES, types.float64), (types.float64, LANES)]
    infer_global(operation)(
        type(f"_{instruction}", (ConcreteTemplate,), {"cases": [signature(LANES, *pair) for pair in pairs]})
    )

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        both = [a if kind == LANES else _splat(builder, a) for kind, a in zip(sig.args, args, strict=True)]
        return getattr(builder, instruction)(*both, flags=_FLAGS)

    for pair in pairs:
        lower_builtin(operation, *pair)(code)


_define(operator.add, "fadd")
_define(operator.sub, "fsub")
_define(operator.mul, "fmul")
