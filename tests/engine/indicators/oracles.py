"""What TA-Lib says each indicator is, by the play language's exact rules.

One :class:`Case` per indicator and parameter set: the oracle's outputs in the declared order and
the scale S of the tolerance ``1e-9 * max(|oracle|, S)``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import talib

from tests.engine.indicators.driving import Columns

TOLERANCE = 1e-9


def no_scale(columns: Columns) -> float:
    return 0.0


def hundred(columns: Columns) -> float:
    """Bounded oscillators, CCI, PPO and TRIX."""
    return 100.0


def median_close(columns: Columns) -> float:
    return float(np.median(np.abs(columns["close"])))


@dataclass(frozen=True)
class Case:
    """``oracle(columns)``: outputs by name, NaN before the first.

    ``degenerate``: what the oracle says where we say 0/0 is missing; None where that cannot be.
    """

    name: str
    params: dict[str, object]
    oracle: Callable[[Columns], dict[str, np.ndarray]]
    scale: Callable[[Columns], float] = no_scale
    degenerate: float | None = None

    def __str__(self) -> str:
        return "-".join([self.name, *(f"{k}{v}" for k, v in self.params.items())])


def disagreement(
    ours: np.ndarray, oracle: np.ndarray, scale: float, degenerate: float | None
) -> str:
    """How one output fails the page's rule, "" when it agrees.

    Both begin on the same bar; from there every bar agrees, and ours is missing only where the
    oracle shows the value it gives to 0/0.
    """
    if np.isnan(oracle).all():
        return "the oracle is never defined"
    first = int(np.argmax(~np.isnan(oracle)))
    if not np.isnan(ours[:first]).all():
        return f"defined before the oracle's first bar {first}"
    ours, oracle = ours[first:], oracle[first:]
    missing = np.isnan(ours)
    if missing.any() and (degenerate is None or (oracle[missing] != degenerate).any()):
        return f"missing at {first + int(np.argmax(missing))}, the oracle is not"
    error = np.abs(ours - oracle)[~missing]
    allowed = TOLERANCE * np.maximum(np.abs(oracle), scale)[~missing]
    worst = int(np.argmax(error - allowed))
    if error[worst] > allowed[worst]:
        count = int((error > allowed).sum())
        return f"{count} of {len(error)} bars differ, worst by {error[worst]:g}"
    return ""


def single(values: np.ndarray) -> dict[str, np.ndarray]:
    return {"value": values}


def several(names: str, columns: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    return dict(zip(names.split(), columns, strict=True))


def bbands(c: Columns, length: int, std: float) -> dict[str, np.ndarray]:
    upper, middle, lower = talib.BBANDS(c["close"], length, std, std, 0)
    return several("lower middle upper", (lower, middle, upper))


CASES: list[Case] = []
for n in (1, 2, 5, 20, 63, 64, 65, 200, 1000):
    CASES.append(Case("sma", {"length": n}, lambda c, n=n: single(talib.MA(c["close"], n, 0))))
    CASES.append(Case("ema", {"length": n}, lambda c, n=n: single(talib.MA(c["close"], n, 1))))
    if n > 1:
        CASES.append(
            Case(
                "rsi",
                {"length": n},
                lambda c, n=n: single(talib.RSI(c["close"], n)),
                hundred,
                degenerate=0.0,
            )
        )
        CASES.append(Case("bbands", {"length": n, "std": 2.5}, lambda c, n=n: bbands(c, n, 2.5)))
    CASES.append(
        Case(
            "atr",
            {"length": n},
            lambda c, n=n: single(talib.ATR(c["high"], c["low"], c["close"], n)),
        )
    )
for fast, slow, signal in ((12, 26, 9), (3, 40, 5), (2, 3, 1), (19, 20, 30)):
    CASES.append(
        Case(
            "macd",
            {"fast": fast, "slow": slow, "signal": signal},
            lambda c, a=fast, b=slow, d=signal: several(
                "macd signal histogram", talib.MACD(c["close"], a, b, d)
            ),
            median_close,
        )
    )

for n in (2, 3, 5, 10, 20, 64, 65, 150):
    for name, kind in (("wma", 2), ("dema", 3), ("tema", 4), ("trima", 5)):
        CASES.append(
            Case(name, {"length": n}, lambda c, n=n, k=kind: single(talib.MA(c["close"], n, k)))
        )
    CASES.append(Case("kama", {"length": n}, lambda c, n=n: single(talib.KAMA(c["close"], n))))
    CASES.append(
        Case("linreg", {"length": n}, lambda c, n=n: single(talib.LINEARREG(c["close"], n)))
    )
