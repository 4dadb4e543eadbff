"""Premium and discount: where the close lies in the swing's range."""

from __future__ import annotations

import math

from engine.indicators.spec import Block, OutputSpec, Params, Rows, Vector
from engine.jit import njit
from engine.structures.cells import cell
from engine.structures.spec import SourceSpec, StructureSpec, enum, floats, ints

_ZONES = ("premium", "discount", "equilibrium", "none")
_PREMIUM, _DISCOUNT, _EQUILIBRIUM, _NONE = 0.0, 1.0, 2.0, 3.0


@njit(cache=True, error_model="numpy")
def premium_discount_kernel(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """Rows read: close; the swing's pair_high, pair_low, pair_version. Keeps no state."""
    for i in range(lo, hi):
        close, top, bottom = cell(F, ins[0], i), cell(F, ins[1], i), cell(F, ins[2], i)
        reach = top - bottom
        zone = _NONE
        middle = premium = discount = depth = math.nan
        if reach > 0.0:
            middle = bottom + 0.5 * reach
            premium = bottom + 0.75 * reach
            discount = bottom + 0.25 * reach
            if close == close:
                depth = min(100.0, max(0.0, 100.0 * (close - bottom) / reach))
                zone = _EQUILIBRIUM
                if close >= premium:
                    zone = _PREMIUM
                elif close <= discount:
                    zone = _DISCOUNT
        F[outs[0], i] = zone
        F[outs[1], i] = middle
        F[outs[2], i] = premium
        F[outs[3], i] = discount
        F[outs[4], i] = depth
        F[outs[5], i] = F[ins[3], i]


_OUTPUTS = (
    enum("zone", _ZONES),
    *floats("equilibrium", "premium_level", "discount_level", "depth_pct"),
    *ints("version"),
)


def _outputs(p: Params) -> tuple[OutputSpec, ...]:
    return _OUTPUTS


SPEC = StructureSpec(
    name="premium_discount",
    summary="Whether the close lies in the upper or lower quarter of the swing's range.",
    rules="H and L are the swing's last pair, R = H - L. equilibrium L + R/2, premium_level "
    "L + 3R/4, discount_level L + R/4; zone premium when the close is at or above premium_level, "
    "discount at or below discount_level, else equilibrium. depth_pct = 100 (close - L)/R within "
    "0..100. Before the first pair and when R <= 0 zone is none and the rest missing. version is "
    "the swing's pair_version.",
    source="the requirement",
    inputs=("close",),
    arguments=(SourceSpec("swing", "swing", ("pair_high", "pair_low", "pair_version")),),
    outputs=_outputs,
    kernel=premium_discount_kernel,
    state_size=lambda p: 0,
    first_valid=lambda p: 0,
)
