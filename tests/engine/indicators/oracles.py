"""How an indicator and an oracle are compared, by the play language's rule.

One :class:`Case` per indicator and parameter set: the oracle's outputs by name and the scale S of
the tolerance ``1e-9 * max(|oracle|, S)``. ``talib_cases.py`` and ``naive.py`` hold the cases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from engine.indicators import compute, get
from tests.engine.indicators.driving import Columns, rows_of

TOLERANCE = 1e-9


def no_scale(columns: Columns) -> float:
    return 0.0


def hundred(columns: Columns) -> float:
    """Bounded oscillators, CCI, PPO and TRIX."""
    return 100.0


def median_close(columns: Columns) -> float:
    return float(np.median(np.abs(columns["close"])))


def median_volume(columns: Columns) -> float:
    return float(np.median(np.abs(columns["volume"])))


def never(columns: Columns) -> np.ndarray:
    return np.zeros(len(columns["close"]), dtype=bool)


@dataclass(frozen=True)
class Case:
    """``oracle(columns)``: outputs by name, NaN before the first.

    ``degenerate``: what the oracle says where we say 0/0 is missing; None where that cannot be.
    ``masked(columns)``: bool[bars], true where the oracle's floats decide a 0/0 or a tie that is
    decided exactly here: those bars are not compared.
    ``early``: outputs that begin before the oracle's, which trims all to the last one.
    ``scale``: S of all outputs. ``most_masked``: the part of the bars the mask may hide.
    """

    name: str
    params: dict[str, object]
    oracle: Callable[[Columns], dict[str, np.ndarray]]
    scale: Callable[[Columns], float] = no_scale
    degenerate: float | None = None
    masked: Callable[[Columns], np.ndarray] = never
    early: tuple[str, ...] = ()
    most_masked: float = 0.0

    def __str__(self) -> str:
        return "-".join([self.name, *(f"{k}{v}" for k, v in self.params.items())])


def check(case: Case, columns: Columns) -> None:
    """Fail where an output of the case differs from its oracle's."""
    spec = get(case.name)
    given = dict(zip(spec.inputs, rows_of(spec, columns), strict=True))
    ours = compute(case.name, given, **case.params)
    oracle = case.oracle(columns)
    masked = case.masked(columns)
    assert oracle
    assert masked.mean() <= case.most_masked, f"{case}: {masked.sum()} bars masked"
    for output, expected in oracle.items():
        if len(expected) > spec.first_valid(spec.resolve(case.params)):
            problem = disagreement(
                ours[output],
                expected,
                case.scale(columns),
                case.degenerate,
                masked=masked,
                early=output in case.early,
                at_times=any(o.name == output and o.undefined for o in spec.outputs),
            )
            assert not problem, f"{case} {output}: {problem}"


def disagreement(
    ours: np.ndarray,
    oracle: np.ndarray,
    scale: float,
    degenerate: float | None = None,
    *,
    masked: np.ndarray | None = None,
    early: bool = False,
    at_times: bool = False,
) -> str:
    """How one output fails the page's rule, "" when it agrees.

    Both begin on the same bar (ours may be ``early``); from there every bar agrees but the masked
    ones, and ours is missing only where the oracle is or shows the value it gives to 0/0. Only
    what is undefined ``at_times`` may be so on all bars.
    """
    if np.isnan(oracle).all():
        never = at_times and np.isnan(ours).all()
        return "" if never else "the oracle is never defined"
    first = int(np.argmax(~np.isnan(oracle)))
    if not early and not np.isnan(ours[:first]).all():
        return f"defined before the oracle's first bar {first}"
    kept = np.arange(len(oracle)) >= first
    if masked is not None:
        kept &= ~masked
    missing = kept & np.isnan(ours) & ~np.isnan(oracle)
    if missing.any() and (degenerate is None or (oracle[missing] != degenerate).any()):
        return f"missing at {int(np.argmax(missing))}, the oracle is not"
    extra = kept & np.isnan(oracle) & ~np.isnan(ours)
    if extra.any():
        return f"defined at {int(np.argmax(extra))}, the oracle is not"
    both = kept & ~np.isnan(ours) & ~np.isnan(oracle)
    error = np.abs(ours - oracle)[both]
    allowed = TOLERANCE * np.maximum(np.abs(oracle), scale)[both]
    if not len(error):
        return "" if masked is not None and masked.any() else "nothing to compare"
    worst = int(np.argmax(error - allowed))
    if error[worst] > allowed[worst]:
        count = int((error > allowed).sum())
        at = int(np.flatnonzero(both)[worst])
        return f"{count} of {len(error)} bars differ, worst by {error[worst]:g} at {at}"
    return ""


def within(mask: np.ndarray, bars: int) -> np.ndarray:
    """True where any of the last ``bars`` is."""
    counts = np.concatenate([[0], np.cumsum(mask)])
    ends = np.arange(1, len(mask) + 1)
    return counts[ends] > counts[np.maximum(ends - bars, 0)]


def tick_sums(columns: Columns) -> np.ndarray:
    """high + low + close in whole ticks, int64[bars]."""
    ticks = [np.rint(columns[name] / columns["tick"]) for name in ("high", "low", "close")]
    return np.sum(ticks, axis=0).astype(np.int64)


def single(values: np.ndarray) -> dict[str, np.ndarray]:
    return {"value": values}


def several(names: str, columns: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    return dict(zip(names.split(), columns, strict=True))
