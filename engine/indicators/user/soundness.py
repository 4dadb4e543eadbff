"""A user's kernel proved on made-up bars, with the parameters a play gives it, before it is used.

What every built-in indicator's tests require, in small: the same bits however the bars are cut,
nothing read from bars to come, nothing written but its outputs, the state and no more of it, no
infinity, values of the declared types, ready where it says it is, and forgetting how history began
once it says it has. Bars are made by integer arithmetic, so the proof comes out alike everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from engine.errors import IndicatorSourceError
from engine.indicators.spec import IndicatorSpec, Params, Vector
from engine.indicators.user.guard import DECLARATION
from engine.play.ast import Type
from engine.play.own_indicators import UserIndicator

UNSOUND = "INDICATOR_UNSOUND"

#: Bars beyond readiness that are computed; bars that the later start leaves out.
_BARS, _SKIPPED = 320, 37
#: Most bars of readiness and of warm-up, and most cells of state.
_MOST_BARS, _MOST_WARM, _MOST_CELLS = 200_000, 500_000, 1 << 24
#: Bars of foreign values around what a kernel is given, and cells around its state.
_MARGIN, _GUARD = 3, 1024
_FOREIGN = 7.0e7
_HOUR_MS = 3_600_000
_START_MS = 1_674_388_800_000
#: How far from equal outputs may be whose start has this weight: 1000 times it, of their range.
_WEIGHT = 1e-6

Columns = dict[str, Vector]


@lru_cache(maxsize=1024)
def prove(indicator: UserIndicator, params: Params) -> None:
    """Raise IndicatorSourceError INDICATOR_UNSOUND (INDICATOR_KERNEL if it does not compile,
    INDICATOR_FAILED if it raises) unless the indicator is sound with ``params``."""
    _Proof(indicator, params).run()


class _Unsound(Exception):
    """What a kernel does wrong, in words."""


class _Proof:
    def __init__(self, indicator: UserIndicator, params: Params) -> None:
        self._indicator, self._params = indicator, params
        self._spec: IndicatorSpec = indicator.spec
        self._cells = self._bounded("state_size", self._spec.state_size(params), _MOST_CELLS)
        self._first = self._bounded("first_valid", self._spec.first_valid(params), _MOST_BARS)
        self._warm = self._bounded(
            "warmup_bars", self._spec.warmup_bars(params, _WEIGHT), _MOST_WARM
        )

    def run(self) -> None:
        try:
            self._check()
        except _Unsound as error:
            given = ", ".join(
                f"{param.name}={value:g}"
                for param, value in zip(self._spec.params, self._params, strict=True)
            )
            name = f"{self._spec.name}({given})"
            raise self._error(UNSOUND, f"the kernel of {name} {error}") from None

    def _error(self, code: str, message: str) -> IndicatorSourceError:
        return self._indicator.source.error(code, message, self._indicator.line)

    def _bounded(self, name: str, value: int, most: int) -> int:
        if value > most:
            raise self._error(DECLARATION, f"{name} of {self._spec.name} gave {value}, over {most}")
        return value

    def _check(self) -> None:
        bars = self._first + _BARS
        columns = made_up_bars(bars)
        whole, state = self._advance(columns)
        self._check_values(whole)
        cuts = sorted({1, 2, 3, 10, *range(40, 60), 129, bars - 200, bars - 1} - {0})
        for edges in (cuts, range(7, bars, max(7, bars // 50))):
            parts, last = self._advance(columns, edges)
            if not (_same(whole, parts) and _same(state, last)):
                at = _first_difference(whole, parts)
                raise _Unsound(f"gives other values when the bars come in pieces ({at})")
        for last_bar in (bars // 3, bars - _BARS // 2, bars - 2):
            for poison in (math.nan, 0.0, 1e12):
                poisoned = {name: column.copy() for name, column in columns.items()}
                for name in poisoned:
                    if name != "open_ms":
                        poisoned[name][last_bar + 1 :] = poison
                other, _ = self._advance(poisoned)
                seen = slice(0, last_bar + 1)
                if not _same(whole[:, seen], other[:, seen]):
                    at = _first_difference(whole[:, seen], other[:, seen])
                    raise _Unsound(f"reads bars to come ({at} changes with bars after {last_bar})")
        self._check_extremes(columns)
        self._check_readiness(whole)
        self._check_history()

    def _check_values(self, out: npt.NDArray[np.float64]) -> None:
        """Finite or missing, and of the declared types."""
        for output, row in zip(self._spec.outputs, out, strict=True):
            if np.isinf(row).any():
                raise _Unsound(f"gives an infinity in {output.name}: missing is NaN")
            seen = row[~np.isnan(row)]
            if output.type is Type.FLOAT:
                continue
            whole = seen == np.floor(seen)
            most = {Type.INT: math.inf, Type.ENUM: len(output.members) - 1}.get(output.type, 1)
            least = -math.inf if output.type is Type.INT else 0
            wrong = seen[~whole | (seen < least) | (seen > most)]
            if len(wrong):
                raise _Unsound(f"gives {wrong[0]:g} in {output.name}, of type {output.type.value}")

    def _check_extremes(self, columns: Columns) -> None:
        for value in (0.0, -1.0, 1e308, math.inf, math.nan):
            odd = {name: column.copy() for name, column in columns.items()}
            for name in odd:
                if name != "open_ms":
                    odd[name][len(odd[name]) // 2 :] = value
            out, _ = self._advance(odd)
            if np.isinf(out).any():
                raise _Unsound(f"gives an infinity where the bars are {value:g}: missing is NaN")

    def _check_readiness(self, out: npt.NDArray[np.float64]) -> None:
        """The last of the outputs that always have a value begins at ``first_valid``."""
        starts = {
            output.name: int(np.argmax(~np.isnan(row))) if (~np.isnan(row)).any() else len(row)
            for output, row in zip(self._spec.outputs, out, strict=True)
            if not output.undefined
        }
        if not starts:
            return
        name = max(starts, key=lambda name: starts[name])
        if starts[name] != self._first:
            found = f"at bar {starts[name]}" if starts[name] < out.shape[1] else "nowhere"
            raise _Unsound(f"begins {found} with {name}, where first_valid says {self._first}")
        if self._warm < self._first + 1:
            raise _Unsound(f"is ready after {self._first + 1} bars, warmup_bars says {self._warm}")

    def _check_history(self) -> None:
        """What history began with no longer counts after the warm-up, unless declared otherwise."""
        spec, params = self._spec, self._params
        if spec.depends_on_history(params):
            return
        warm = max(self._warm, spec.warmup_ms(params) // _HOUR_MS + 1)
        warm = self._bounded("warmup", warm, _MOST_WARM)
        finite = spec.warmup_bars(params, 1e-3) == spec.warmup_bars(params, 1e-12)
        columns = made_up_bars(_SKIPPED + warm + _BARS)
        late = {name: column[_SKIPPED:] for name, column in columns.items()}
        whole, _ = self._advance(columns)
        later, _ = self._advance(late, first_bar=_SKIPPED)
        for output, a, b in zip(
            spec.outputs, whole[:, _SKIPPED + warm :], later[:, warm:], strict=True
        ):
            if not (_same(a, b) if finite else _near(a, b)):
                raise _Unsound(
                    f"still depends in {output.name} on where history begins after the {warm} bars "
                    "of warmup_bars (if that is meant, declare history_dependent=True)"
                )

    def _advance(
        self, columns: Columns, cuts: Sequence[int] = (), *, first_bar: int = 0
    ) -> tuple[npt.NDArray[np.float64], Vector]:
        """Outputs float64[outputs, bars] and the last state, over chunks ending at ``cuts``.

        Between chunks the state goes through bytes. Each chunk stands in a block of its own among
        foreign values, none of which may change.
        """
        spec = self._spec
        rows = [columns[name] for name in spec.inputs]
        bars, given, made = len(rows[0]), len(rows), len(spec.outputs)
        out = np.empty((made, bars))
        state = np.zeros(self._cells)
        ins = np.arange(1, 1 + given, dtype=np.int64)
        outs = np.arange(1 + given, 1 + given + made, dtype=np.int64)
        for lo, hi in pairwise([0, *cuts, bars]):
            block = np.full((given + made + 2, hi - lo + 2 * _MARGIN), _FOREIGN)
            for row, column in enumerate(rows):
                block[1 + row, _MARGIN : _MARGIN + hi - lo] = column[lo:hi]
            room = np.full(self._cells + 2 * _GUARD, _FOREIGN)
            room[_GUARD : _GUARD + self._cells] = np.frombuffer(state.tobytes())
            state = room[_GUARD : _GUARD + self._cells]
            p = np.array(self._params, dtype=np.float64)
            before = block.copy()
            spec.kernel(p, state, block, ins, outs, _MARGIN, _MARGIN + hi - lo, first_bar + lo)
            written = block[1 + given : 1 + given + made, _MARGIN : _MARGIN + hi - lo]
            out[:, lo:hi] = written
            if (out[:, lo:hi] == _FOREIGN).any():
                raise _Unsound("leaves cells of its outputs unwritten")
            written[...] = _FOREIGN
            if not _same(block, before) or not _same(p, np.array(self._params, dtype=np.float64)):
                raise _Unsound("writes to what is not an output of its")
            if (room[:_GUARD] != _FOREIGN).any() or (
                room[_GUARD + self._cells :] != _FOREIGN
            ).any():
                raise _Unsound(f"writes beyond its state: state_size says {self._cells}")
        return out, state


def made_up_bars(bars: int) -> Columns:
    """Hourly bars that trade every hour, float64[bars] by column: opens near the last close, closes
    that rise and fall in turn, the close as a source, and the versions of a swing as a structure
    counts them."""
    noise = [(_scrambled(bars, salt) >> np.uint64(48)).astype(np.int64) for salt in range(6)]
    size = 1 + noise[0] % 150
    steps = np.where(np.arange(bars) % 2 == 0, size, -size)
    ticks = 10_000 + np.cumsum(steps)  # deterministic: integers
    ticks = 2_000 + np.abs(ticks - 2_000)
    opens = np.concatenate([[10_000], ticks[:-1]])[:bars] + noise[5] % 61 - 30
    above, below = noise[1] % 80, noise[2] % 80
    if bars > 1:
        above[1] = 3_000
    highs = np.cumsum(noise[3] % 16 == 0)  # deterministic: integers
    lows = np.cumsum(noise[4] % 16 == 0)  # deterministic: integers
    integers = {
        "open": opens,
        "high": np.maximum(opens, ticks) + above,
        "low": np.maximum(np.minimum(opens, ticks) - below, 1),
        "close": ticks,
    }
    columns = {name: column / 100.0 for name, column in integers.items()}
    columns["volume"] = (1 + noise[0] % 9_000) / 8.0
    columns["open_ms"] = _START_MS + _HOUR_MS * np.arange(bars, dtype=np.float64)
    columns["swing.high_version"], columns["swing.low_version"] = highs * 1.0, lows * 1.0
    columns["swing.version"] = (highs + lows) * 1.0
    columns["swing.pair_version"] = np.minimum(highs, lows) * 1.0
    columns["source"] = columns["close"]
    return columns


def _scrambled(bars: int, salt: int) -> npt.NDArray[np.uint64]:
    """Numbers that look random, uint64[bars]: splitmix64 of the bar's index."""
    x = np.arange(1, bars + 1, dtype=np.uint64) + np.uint64(salt << 32)
    x = x * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _same(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> bool:
    return np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()


def _near(a: Vector, b: Vector) -> bool:
    if not np.array_equal(np.isnan(a), np.isnan(b)):
        return False
    both = ~np.isnan(a)
    if not both.any():
        return True
    reach = float(np.ptp(a[both])) + 1e-9
    return bool(np.max(np.abs(a[both] - b[both])) <= 1000 * _WEIGHT * reach)


def _first_difference(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> str:
    differs = (a != b) & ~(np.isnan(a) & np.isnan(b))
    bars = np.flatnonzero(differs.any(axis=0))
    return f"bar {bars[0]}" if len(bars) else "its state"
