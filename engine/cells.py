"""How kernels hand int64 arrays to each other: by address.

numba takes an array apart and passes its seven to eleven words to every function; a careful bar of
the exchange runs through some fifty small functions with three or four arrays each, and passing
their words was a tenth of its time. A parameter annotated :data:`Cells` is passed as the address of
its first cell and, of more than one dimension, the strides of all but the last. Indices are not
checked and must not be negative; such an array has no length. Without the compiler it is the plain
array.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types
from numba.core import cgutils
from numba.core.typeconv.castgraph import Conversion
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, lower_cast, models, register_model

#: C-contiguous int64 arrays, as kernels' annotations name them.
Cells = npt.NDArray[np.int64]
ANNOTATION = "Cells"


class CellsType(types.Type):
    """The compiler's type of such a parameter."""

    def __init__(self, ndim: int) -> None:
        self.ndim = ndim
        super().__init__(f"Cells({ndim})")

    def can_convert_from(self, _context: Any, other: Any) -> Any:
        return Conversion.safe if of_array(other) == self else None


def of_array(array: Any) -> CellsType | None:
    """The type that an array type is handed on as; None when it cannot be."""
    if isinstance(array, types.Array) and array.dtype == types.int64 and array.layout == "C":
        return CellsType(array.ndim)
    return None


@register_model(CellsType)
class _Model(models.StructModel):
    def __init__(self, manager: Any, cells: CellsType) -> None:
        strides = [(f"stride{k}", types.intp) for k in range(cells.ndim - 1)]
        super().__init__(manager, cells, [("data", types.CPointer(types.int64)), *strides])


@lower_cast(types.Array, CellsType)
def _from_array(context: Any, builder: Any, array_type: Any, cells_type: Any, value: Any) -> Any:
    array = context.make_array(array_type)(context, builder, value)
    cells = cgutils.create_struct_proxy(cells_type)(context, builder)
    cells.data = array.data
    bytes_apart = cgutils.unpack_tuple(builder, array.strides, array_type.ndim)
    for k in range(cells_type.ndim - 1):
        item = bytes_apart[k].type(8)
        setattr(cells, f"stride{k}", builder.sdiv(bytes_apart[k], item))
    return cells._getvalue()


def _index_type(cells: Any, index: Any) -> Any:
    if cells.ndim == 1 and isinstance(index, (types.Integer, types.IntEnumMember)):
        return types.intp
    if isinstance(index, types.BaseTuple) and len(index) == cells.ndim > 1:
        return types.UniTuple(types.intp, cells.ndim)
    return None


@infer_global(operator.getitem)
class _Get(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        cells, index = args
        if isinstance(cells, CellsType) and (kind := _index_type(cells, index)) is not None:
            return signature(types.int64, cells, kind)
        return None


@infer_global(operator.setitem)
class _Set(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        cells, index, _ = args
        if isinstance(cells, CellsType) and (kind := _index_type(cells, index)) is not None:
            return signature(types.none, cells, kind, types.int64)
        return None


def _place(context: Any, builder: Any, cells_type: Any, cells: Any, index: Any) -> Any:
    held = cgutils.create_struct_proxy(cells_type)(context, builder, value=cells)
    if cells_type.ndim == 1:
        return builder.gep(held.data, [index])
    *outer, offset = cgutils.unpack_tuple(builder, index, cells_type.ndim)
    for k, at in enumerate(outer):
        offset = builder.add(offset, builder.mul(at, getattr(held, f"stride{k}")))
    return builder.gep(held.data, [offset])


@lower_builtin(operator.getitem, CellsType, types.Integer)
@lower_builtin(operator.getitem, CellsType, types.BaseTuple)
def _lower_get(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.load(_place(context, builder, sig.args[0], args[0], args[1]))


@lower_builtin(operator.setitem, CellsType, types.Integer, types.Any)
@lower_builtin(operator.setitem, CellsType, types.BaseTuple, types.Any)
def _lower_set(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    builder.store(args[2], _place(context, builder, sig.args[0], args[0], args[1]))
    return context.get_dummy_value()
