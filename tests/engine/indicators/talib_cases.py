"""What TA-Lib says each indicator is, alone or in the composition of the declared formula."""

from __future__ import annotations

import numpy as np
import talib

from tests.engine.indicators.driving import Columns
from tests.engine.indicators.oracles import (
    Case,
    hundred,
    median_close,
    median_volume,
    several,
    single,
    tick_sums,
    within,
)


def bbands(c: Columns, length: int, std: float) -> dict[str, np.ndarray]:
    upper, middle, lower = talib.BBANDS(c["close"], length, std, std, 0)
    return several("lower middle upper", (lower, middle, upper))


def later(x: np.ndarray, bars: int) -> np.ndarray:
    """x as it was ``bars`` bars ago."""
    return np.concatenate([np.full(bars, np.nan), x])[: len(x)]


def hlc(c: Columns) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return c["high"], c["low"], c["close"]


def flat(c: Columns, length: int) -> np.ndarray:
    """True where the bars of a window have no height: the range is 0."""
    top, bottom = talib.MAX(c["high"], length), talib.MIN(c["low"], length)
    return np.asarray(top == bottom)


def still_rsi(c: Columns, length: int, rsi_length: int, k: int) -> np.ndarray:
    """True where k holds a bar whose RSI did not move within its window but for rounding."""
    rsi = talib.RSI(c["close"], rsi_length)
    return within(talib.MAX(rsi, length) - talib.MIN(rsi, length) <= 1e-9, k)


def flat_typical(c: Columns, length: int) -> np.ndarray:
    """True where the typical price did not move within the window."""
    sums = tick_sums(c).astype(np.float64)
    return np.asarray(talib.MAX(sums, length) == talib.MIN(sums, length))


def rounded_ties(c: Columns) -> np.ndarray:
    """True on a bar whose typical price equals the last one's in ticks, but not in floats."""
    typical = (c["high"] + c["low"] + c["close"]) / 3.0
    tie = np.diff(tick_sums(c), prepend=0) == 0
    return np.asarray(tie & (np.diff(typical, prepend=np.nan) != 0.0))


def mfi(c: Columns, length: int) -> dict[str, np.ndarray]:
    """TA-Lib says 0 where a window's money is below 1.0; the index itself knows no such unit."""
    return single(talib.MFI(*hlc(c), 1e9 * c["volume"], length))


def no_range(c: Columns, fast: int) -> np.ndarray:
    """True where the shortest window has no true range."""
    reach = talib.TRANGE(*hlc(c))
    return np.asarray(talib.MAX(np.nan_to_num(reach), fast) == 0.0)


def adx(c: Columns, length: int) -> dict[str, np.ndarray]:
    return several(
        "adx dmp dmn adxr",
        [f(*hlc(c), length) for f in (talib.ADX, talib.PLUS_DI, talib.MINUS_DI, talib.ADXR)],
    )


def dm(c: Columns, length: int) -> dict[str, np.ndarray]:
    high, low = c["high"], c["low"]
    return several("dmp dmn", (talib.PLUS_DM(high, low, length), talib.MINUS_DM(high, low, length)))


def aroon(c: Columns, length: int) -> dict[str, np.ndarray]:
    down, up = talib.AROON(c["high"], c["low"], length)
    return several("up down osc", (up, down, talib.AROONOSC(c["high"], c["low"], length)))


def psar(c: Columns, start: float, step: float, most: float) -> dict[str, np.ndarray]:
    """SAREXT shows a short stop as a negative one."""
    side = (start, step, most)
    signed = talib.SAREXT(c["high"], c["low"], 0, 0, *side, *side)
    way = np.where(signed < 0.0, 1.0, 0.0)
    way[0] = np.nan
    turn = np.abs(np.diff(way, prepend=np.nan))
    high, low = c["high"], c["low"]
    began_short = low[0] - low[1] > max(0.0, high[1] - high[0])
    turn[1] = began_short != (signed[1] < 0.0)
    return {"value": np.abs(signed), "direction": way, "reversal": turn}


def trix(c: Columns, length: int, signal: int) -> dict[str, np.ndarray]:
    line = talib.TRIX(c["close"], length)
    return several("trix signal", (line, talib.MA(line, signal, 1)))


def ppo(c: Columns, fast: int, slow: int, signal: int) -> dict[str, np.ndarray]:
    line = talib.PPO(c["close"], fast, slow, 1)
    smooth = talib.MA(line, signal, 1)
    return several("ppo signal histogram", (line, smooth, line - smooth))


def tsi(c: Columns, fast: int, slow: int, signal: int) -> dict[str, np.ndarray]:
    step = talib.MOM(c["close"], 1)
    twice = [talib.MA(talib.MA(x, slow, 1), fast, 1) for x in (step, np.abs(step))]
    line = 100.0 * twice[0] / twice[1]
    return several("tsi signal", (line, talib.MA(line, signal, 1)))


def ichimoku(c: Columns, a: int, b: int, span: int, shift: int) -> dict[str, np.ndarray]:
    middles = [talib.MIDPRICE(c["high"], c["low"], n) for n in (a, b, span)]
    return several(
        "conversion base span_a span_b lagging_ref",
        (
            middles[0],
            middles[1],
            later((middles[0] + middles[1]) / 2.0, shift - 1),
            later(middles[2], shift - 1),
            later(c["close"], shift - 1),
        ),
    )


def kc(c: Columns, length: int, scalar: float) -> dict[str, np.ndarray]:
    basis, width = talib.MA(c["close"], length, 1), scalar * talib.ATR(*hlc(c), length)
    return several("lower basis upper", (basis - width, basis, basis + width))


def donchian(c: Columns, below: int, above: int, current: bool) -> dict[str, np.ndarray]:
    lower = later(talib.MIN(c["low"], below), 0 if current else 1)
    upper = later(talib.MAX(c["high"], above), 0 if current else 1)
    return several("lower middle upper", (lower, (lower + upper) / 2.0, upper))


def typical_spread(c: Columns) -> float:
    """TA-Lib's running sums are off where the window turns calm; ``naive.py`` is exact there."""
    return float(np.median(talib.STDDEV(c["close"], 20, 1)[19:]))


def kvo(c: Columns, fast: int, slow: int, signal: int) -> dict[str, np.ndarray]:
    signed = np.sign(np.diff(tick_sums(c))) * c["volume"][1:]
    signed = np.concatenate([[np.nan], signed])
    line = talib.MA(signed, fast, 1) - talib.MA(signed, slow, 1)
    return several("kvo signal", (line, talib.MA(line, signal, 1)))


def median_ad(c: Columns) -> float:
    return float(np.median(np.abs(talib.AD(*hlc(c), c["volume"]))))


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
    CASES.append(
        Case(
            "cmo",
            {"length": n},
            lambda c, n=n: single(talib.CMO(c["close"], n)),
            hundred,
            degenerate=0.0,
        )
    )
    CASES.append(Case("mom", {"length": n}, lambda c, n=n: single(talib.MOM(c["close"], n))))
    CASES.append(Case("roc", {"length": n}, lambda c, n=n: single(talib.ROC(c["close"], n))))
    CASES.append(
        Case(
            "willr",
            {"length": n},
            lambda c, n=n: single(talib.WILLR(*hlc(c), n)),
            hundred,
            masked=lambda c, n=n: flat(c, n),
            most_masked=0.3,
        )
    )
    CASES.append(
        Case(
            "cci",
            {"length": n},
            lambda c, n=n: single(talib.CCI(*hlc(c), n)),
            hundred,
            masked=lambda c, n=n: flat_typical(c, n),
            most_masked=0.3,
        )
    )
    CASES.append(
        Case(
            "mfi",
            {"length": n},
            lambda c, n=n: mfi(c, n),
            hundred,
            degenerate=0.0,
            masked=lambda c, n=n: within(rounded_ties(c), n),
            most_masked=0.7,
        )
    )
    CASES.append(
        Case(
            "natr",
            {"length": n},
            lambda c, n=n: single(talib.NATR(*hlc(c), n)),
        )
    )
    CASES.append(
        Case(
            "midprice", {"length": n}, lambda c, n=n: single(talib.MIDPRICE(c["high"], c["low"], n))
        )
    )
    CASES.append(Case("aroon", {"length": n}, lambda c, n=n: aroon(c, n), hundred))
    CASES.append(Case("dm", {"length": n}, lambda c, n=n: dm(c, n)))
    CASES.append(Case("adx", {"length": n}, lambda c, n=n: adx(c, n), hundred, degenerate=0.0))
    CASES.append(
        Case(
            "stddev",
            {"length": n},
            lambda c, n=n: single(talib.STDDEV(c["close"], n, 1)),
            typical_spread,
        )
    )
    CASES.append(Case("kc", {"length": n, "scalar": 1.5}, lambda c, n=n: kc(c, n, 1.5)))

for k, smooth, d in ((14, 3, 3), (5, 1, 4), (70, 8, 66)):
    CASES.append(
        Case(
            "stoch",
            {"k": k, "smooth_k": smooth, "d": d},
            lambda c, a=k, b=smooth, e=d: several("k d", talib.STOCH(*hlc(c), a, b, 0, e, 0)),
            hundred,
            masked=lambda c, a=k, b=smooth, e=d: within(flat(c, a), b + e),
            early=("k",),
            most_masked=0.3,
        )
    )
for length, rsi_length, k in ((14, 14, 3), (5, 9, 1), (70, 20, 66)):
    CASES.append(
        Case(
            "stochrsi",
            {"length": length, "rsi_length": rsi_length, "k": k},
            lambda c, a=length, b=rsi_length, e=k: {"k": talib.STOCHRSI(c["close"], b, a, e, 0)[1]},
            hundred,
            masked=lambda c, a=length, b=rsi_length, e=k: still_rsi(c, a, b, e),
            most_masked=0.3,
        )
    )
for fast, medium, slow in ((7, 14, 28), (3, 20, 70)):
    CASES.append(
        Case(
            "uo",
            {"fast": fast, "medium": medium, "slow": slow},
            lambda c, a=fast, b=medium, d=slow: single(talib.ULTOSC(*hlc(c), a, b, d)),
            hundred,
            masked=lambda c, a=fast: no_range(c, a),
            most_masked=0.3,
        )
    )
for start, step, most in ((0.02, 0.02, 0.2), (0.05, 0.01, 0.3), (0.1, 0.1, 0.1)):
    CASES.append(
        Case(
            "psar",
            {"start": start, "step": step, "max": most},
            lambda c, a=start, b=step, d=most: psar(c, a, b, d),
        )
    )
for length, signal in ((18, 9), (2, 3), (30, 70)):
    CASES.append(
        Case(
            "trix",
            {"length": length, "signal": signal},
            lambda c, a=length, b=signal: trix(c, a, b),
            hundred,
        )
    )
for fast, slow, signal in ((12, 26, 9), (3, 40, 5), (2, 3, 1)):
    given = {"fast": fast, "slow": slow, "signal": signal}
    for name, oracle, scale in (
        ("ppo", ppo, hundred),
        ("tsi", tsi, hundred),
        ("kvo", kvo, median_volume),
    ):
        CASES.append(
            Case(
                name,
                given,
                lambda c, f=oracle, a=fast, b=slow, d=signal: f(c, a, b, d),
                scale,
            )
        )
for fast, slow in ((3, 10), (2, 3), (10, 80)):
    CASES.append(
        Case(
            "adosc",
            {"fast": fast, "slow": slow},
            lambda c, a=fast, b=slow: single(talib.ADOSC(*hlc(c), c["volume"], a, b)),
            median_ad,
        )
    )
CASES.append(Case("ad", {}, lambda c: single(talib.AD(*hlc(c), c["volume"])), median_ad))
CASES.append(Case("obv", {}, lambda c: single(talib.OBV(c["close"], c["volume"])), median_volume))
for a, b, span, shift in ((9, 26, 52, 26), (5, 3, 70, 1)):
    CASES.append(
        Case(
            "ichimoku",
            {"conversion": a, "base": b, "span_b": span, "displacement": shift},
            lambda c, a=a, b=b, d=span, e=shift: ichimoku(c, a, b, d, e),
        )
    )
for below, above, current in ((20, 20, False), (5, 70, True)):
    CASES.append(
        Case(
            "donchian",
            {"lower_length": below, "upper_length": above, "include_current": current},
            lambda c, a=below, b=above, d=current: donchian(c, a, b, d),
        )
    )
