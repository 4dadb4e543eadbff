"""Arrays passed down without counting references.

Every compiled function that takes an array counts a reference up and down, atomically; with a
dozen small functions a bar that is most of the time of a careful bar. :func:`borrowed` gives the
same array without an owner, so that nothing is counted; the caller keeps the owner alive.
"""

from __future__ import annotations

from typing import Any

from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array


def _borrow(typing_context: Any, array: types.Array) -> Any:
    """The same memory as ``array``, owned by nobody: valid while the array itself lives."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = make_array(signature.args[0])(context, builder, arguments[0])
        view.meminfo = cgutils.get_null_value(view.meminfo.type)
        view.parent = cgutils.get_null_value(view.parent.type)
        return view._getvalue()

    return array(array), codegen


borrowed: Any = intrinsic(_borrow)
