"""A play's decisions over one-minute bars, bar by bar, with fills assumed at each decision close.

An entry counts as filled at the close it was decided on, at that close's price, and so does an
exit: stops, targets and the order book are the exchange's, not the language's. A side that the
play has no rule to leave is never held here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pandas as pd

from engine import indicators, structures
from engine.bars import Bars
from engine.play.ast import (
    At,
    Call,
    Expr,
    Indicator,
    Literal,
    Param,
    Position,
    Price,
    Ref,
    Structure,
    Ticks,
    Type,
)
from engine.play.model import Play
from engine.timeframe import Timeframe
from tests.naive.functions import FUNCTIONS, Column, Value
from tests.naive.own import OWN

_PANDAS = {"1w": "W-MON", "1mo": "MS"}
_MEANS = {"hl2": "hl", "hlc3": "hlc", "ohlc4": "ohlc"}
_LONG = {"h": "high", "l": "low", "c": "close", "o": "open"}
_TRUTHS = (Type.BOOL, Type.EVENT)


@dataclass(frozen=True)
class Decided:
    """What happened at a clock close: ``action`` and rule ids as the engine words them."""

    ts_ms: int
    action: str
    rule: str


def resample(minutes: pd.DataFrame, timeframe: Timeframe) -> pd.DataFrame:
    """Whole bars of ``timeframe`` by open time, with their closes; one that history begins or
    ends inside of is left out."""
    frame = minutes.set_index(pd.to_datetime(minutes["open_ms"], unit="ms", utc=True))
    rule = _PANDAS.get(timeframe.value, pd.Timedelta(timeframe.ms, "ms"))
    grouped = frame.resample(rule, label="left", closed="left")
    bars = grouped.agg(
        {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    )
    bars["minutes"] = grouped.size()
    begins = bars.index
    offset = pd.tseries.frequencies.to_offset(rule)
    ends = begins + offset
    bars["open_ms"] = begins.astype("datetime64[ms, UTC]").astype("int64")
    bars["close_ms"] = ends.astype("datetime64[ms, UTC]").astype("int64")
    whole = bars["minutes"] == (bars["close_ms"] - bars["open_ms"]) // 60_000
    return bars[whole].reset_index(drop=True)


@dataclass
class Holding:
    """The position as the play may read it. ``entry_bar``: the clock close before its entry;
    ``risk``: the first stop's distance from the entry price, in USDT."""

    side: int = 0
    entry_price: float = 0.0
    entry_bar: int = 0
    risk: float | None = None


@dataclass
class _Frames:
    """Bars of each timeframe, made when asked for."""

    minutes: pd.DataFrame
    made: dict[Timeframe, pd.DataFrame] = field(default_factory=dict)

    def of(self, timeframe: Timeframe) -> pd.DataFrame:
        if timeframe not in self.made:
            self.made[timeframe] = resample(self.minutes, timeframe)
        return self.made[timeframe]


class Evaluation:
    """Every expression of one play over one series of one-minute bars, tick size given."""

    def __init__(self, play: Play, bars: Bars, tick: Decimal) -> None:
        names = ("open_ms", "open", "high", "low", "close", "volume")
        self._frames = _Frames(pd.DataFrame({name: getattr(bars, name) for name in names}))
        self.play, self._tick = play, tick
        self._definitions = {**dict(play.series), **dict(play.structures), **dict(play.setups)}
        self._columns: dict[tuple[Any, ...], Column] = {}
        self._wholes: dict[tuple[Any, ...], dict[str, Any]] = {}
        self._living: dict[Expr, list[Value]] = {}

    @property
    def clock(self) -> pd.DataFrame:
        return self._frames.of(self.play.clock)

    # -- columns, of a play that holds nothing -----------------------------------------------

    def column(self, expr: Expr, timeframe: Timeframe) -> Column:
        """The value of ``expr`` at every bar of ``timeframe``."""
        key = (expr, timeframe)
        if key not in self._columns:
            self._columns[key] = self._column(expr, timeframe)
        return self._columns[key]

    def _column(self, expr: Expr, timeframe: Timeframe) -> Column:
        bars = len(self._frames.of(timeframe))
        match expr:
            case Literal() | Param() | Ticks():
                return [self._constant(expr)] * bars
            case Price():
                return self._price(expr.name, timeframe)
            case Position():
                return [self._held(expr.field, 0, Holding())] * bars
            case Ref():
                return self.column(self._named(expr), timeframe)
            case Indicator():
                return self._indicator(expr, timeframe)
            case Structure():
                return self._structure(expr, timeframe)
            case At():
                return self._other_timeframe(expr, timeframe)
            case Call():
                columns = [self.column(arg, timeframe) for arg in expr.args]
                function, n = FUNCTIONS[expr.op], self._bars(expr.n)
                return [function(columns, i, n) for i in range(bars)]
        raise TypeError(expr)

    def _constant(self, expr: Literal | Param | Ticks) -> Value:
        if isinstance(expr, Ticks):
            return float(expr.count * self._tick)
        value = expr.literal.value if isinstance(expr, Param) else expr.value
        return float(value) if isinstance(value, Decimal) else value

    @staticmethod
    def _bars(n: int | Param) -> int:
        return n if isinstance(n, int) else int(n.literal.value)

    def _price(self, name: str, timeframe: Timeframe) -> Column:
        frame = self._frames.of(timeframe)
        if name in _MEANS:
            parts = [frame[_LONG[letter]] for letter in _MEANS[name]]
            total = parts[0]
            for part in parts[1:]:
                total = total + part
            return (total / len(parts)).tolist()
        if name in {"hour", "weekday"}:
            closes = pd.to_datetime(frame["close_ms"], unit="ms", utc=True).dt
            return [float(v) for v in (closes.hour if name == "hour" else closes.weekday)]
        return frame[name].astype(float).tolist()

    def _named(self, ref: Ref) -> Expr:
        """What a name stands for, the output it selects taken."""
        return self._selected(self._definitions[ref.id], ref.field, ref.type)

    def _selected(self, expr: Expr, output: str, type: Type) -> Expr:
        if not output:
            return expr
        match expr:
            case Ref():
                return self._selected(self._definitions[expr.id], output, type)
            case At():
                return At(self._selected(expr.expr, output, type), expr.timeframe, type)
            case Indicator():
                return replace(expr, output=output, type=type)
            case Structure():
                return Structure(expr.id, expr.name, expr.sources, expr.params, output, type)
        raise TypeError(expr)

    def _indicator(self, expr: Indicator, timeframe: Timeframe) -> Column:
        if expr.user is not None:
            columns = [self._floats(self.column(source, timeframe)) for source in expr.inputs]
            numbers = [float(self._plain(value)) for _, value in expr.params]
            return self._typed(OWN[expr.name](*columns, *numbers), Type.FLOAT, ())
        spec = indicators.get(expr.name)
        names = ["source"] if spec.takes_source else list(spec.inputs)
        inputs = {
            name: self._floats(self.column(source, timeframe))
            for name, source in zip(names, expr.inputs, strict=True)
        }
        params = {name: self._plain(value) for name, value in expr.params}
        found = indicators.compute(expr.name, inputs, **params)
        output = next(o for o in spec.outputs if o.name == expr.output)
        return self._typed(found[expr.output].tolist(), output.type, output.members)

    def _structure(self, expr: Structure, timeframe: Timeframe) -> Column:
        outputs = self._whole_structure(expr, timeframe)
        spec = structures.get(expr.name)
        declared = spec.outputs(spec.resolve(self._params(expr.params), key=self._key(expr)))
        output = next(o for o in declared if o.name == expr.output)
        return [structures.typed(output, value) for value in outputs[expr.output].tolist()]

    def _whole_structure(self, expr: Structure, timeframe: Timeframe) -> dict[str, Any]:
        """Every output as float64, as the structure's own whole-column door gives them."""
        key = ("structure", expr.id, timeframe)
        if key not in self._wholes:
            frame = self._frames.of(timeframe)
            sources: dict[str, Any] = {}
            for name, source in expr.sources:
                inner = self._definition(source)
                sources[name] = (
                    self._whole_structure(inner, timeframe)
                    if isinstance(inner, Structure)
                    else self._floats(self.column(source, timeframe))
                )
            self._wholes[key] = structures.compute(
                expr.name,
                {name: frame[name].to_numpy(float) for name in ("open", "high", "low", "close")},
                sources,
                key=self._key(expr),
                **self._params(expr.params),
            )
        return self._wholes[key]

    def _definition(self, expr: Expr) -> Expr:
        while isinstance(expr, Ref | At):
            expr = self._definitions[expr.id] if isinstance(expr, Ref) else expr.expr
        return expr

    def _key(self, expr: Structure) -> str:
        """The id that zone identities start from: its own, or that of the source it names."""
        keyed_by = structures.get(expr.name).keyed_by
        if not keyed_by:
            return expr.id
        source = self._definition(dict(expr.sources)[keyed_by])
        assert isinstance(source, Structure)
        return source.id

    def _params(self, params: Any) -> dict[str, Any]:
        return {
            name: tuple(v.value for v in value) if isinstance(value, tuple) else self._plain(value)
            for name, value in params
        }

    @staticmethod
    def _plain(value: Any) -> Any:
        return value.literal.value if isinstance(value, Param) else value.value

    @staticmethod
    def _floats(column: Column) -> list[float]:
        return [float("nan") if v is None else float(v) for v in column]  # type: ignore[arg-type]

    @staticmethod
    def _typed(values: list[float], type: Type, members: tuple[str, ...]) -> Column:
        if type is Type.ENUM:
            return [None if v != v else members[int(v)] for v in values]
        if type in _TRUTHS:
            return [None if v != v else v == 1 for v in values]
        return [None if v != v else v for v in values]

    def _other_timeframe(self, expr: At, timeframe: Timeframe) -> Column:
        """The last value known at each close; of an event, whether it fired within the bar."""
        source, frame = self._frames.of(expr.timeframe), self._frames.of(timeframe)
        values = self.column(expr.expr, expr.timeframe)
        closed = source["close_ms"].to_numpy()
        out: list[Value] = []
        opens, closes = frame["open_ms"].to_numpy(), frame["close_ms"].to_numpy()
        for opened, close in zip(opens, closes, strict=True):
            last = int(closed.searchsorted(close, side="right")) - 1
            if expr.type is not Type.EVENT:
                out.append(values[last] if last >= 0 else None)
                continue
            first = int(closed.searchsorted(opened, side="right"))
            fired = [values[k] for k in range(first, last + 1)]
            if fired:
                unknown = None in fired
                out.append(True if True in fired else None if unknown else False)
            else:
                out.append(False if last >= 0 and values[last] is not None else None)
        return out

    # -- the position, close by close --------------------------------------------------------

    def reads_position(self, expr: Expr) -> bool:
        """Whether ``expr`` hangs on the open position."""
        match expr:
            case Position():
                return True
            case Ref():
                return self.reads_position(self._definitions[expr.id])
            case Call():
                return any(self.reads_position(arg) for arg in expr.args)
        return False

    def at_close(self, expr: Expr, i: int, holding: Holding) -> Value:
        """The value of ``expr`` at clock close ``i``; closes are asked for in order, each once for
        every expression that reads the position."""
        if not self.reads_position(expr):
            return self.column(expr, self.play.clock)[i]
        match expr:
            case Position():
                return self._held(expr.field, i, holding)
            case Ref():
                return self.at_close(self._definitions[expr.id], i, holding)
            case Call():
                columns = [self._lived(arg, i, holding) for arg in expr.args]
                return FUNCTIONS[expr.op](columns, i, self._bars(expr.n))
        raise TypeError(expr)

    def _lived(self, expr: Expr, i: int, holding: Holding) -> Column:
        """Values up to ``i`` of an operand that may read the position. At the first close of a
        position all before it are those of a play that held nothing: null but for the side."""
        if not self.reads_position(expr):
            return self.column(expr, self.play.clock)
        values = self._living.setdefault(expr, [])
        if holding.side and i == holding.entry_bar + 1:
            values[:] = self.column(expr, self.play.clock)[:i]
        if len(values) == i:
            values.append(self.at_close(expr, i, holding))
        return values

    def _held(self, name: str, i: int, holding: Holding) -> Value:
        if name == "side":
            return {1: "long", -1: "short", 0: "none"}[holding.side]
        if holding.side == 0:
            return None
        close = float(self.clock["close"].iloc[i])
        gain = holding.side * (close - holding.entry_price)
        return {
            "bars": float(i - holding.entry_bar),
            "entry_price": holding.entry_price,
            "pnl_pct": 100 * gain / holding.entry_price,
            "r": None if holding.risk is None else gain / holding.risk,
        }[name]

    # -- decisions ---------------------------------------------------------------------------

    def decisions(self) -> list[Decided]:
        """Every clock close at which something is decided."""
        holding, found = Holding(), []
        closes = self.clock["close_ms"].tolist()
        for i, ts_ms in enumerate(closes):
            decided = self._decide(i, int(ts_ms), holding)
            if decided is not None:
                found.append(decided)
        return found

    def first(self, kind: str, i: int, holding: Holding) -> str | None:
        """Id of the first alternative of a rule that is true. All are looked at, so that those
        that read the position keep their history."""
        fired = [
            rule.id for rule in self.play.rule(kind) if self.at_close(rule.when, i, holding) is True
        ]
        return fired[0] if fired else None

    def _decide(self, i: int, ts_ms: int, holding: Holding) -> Decided | None:
        exits = {
            side: self.first(kind, i, holding)
            for side, kind in ((1, "exit_long"), (-1, "exit_short"))
        }
        enters = {
            side: self.first(kind, i, holding)
            for side, kind in ((1, "enter_long"), (-1, "enter_short"))
        }
        names = {1: "long", -1: "short"}
        actions, rules = [], []
        side = holding.side
        if side:
            if exits[side] is None:
                return None
            actions.append(f"exit_{names[side]}")
            rules.append(exits[side])
            holding.side = 0
        if enters[1] and enters[-1]:
            actions.append("conflict")
            rules += [enters[1], enters[-1]]
        else:
            new = 1 if enters[1] else -1 if enters[-1] else 0
            if new:
                actions.append(f"enter_{names[new]}")
                rules.append(enters[new])
                if self.play.rule(f"exit_{names[new]}"):
                    holding.side, holding.entry_bar = new, i
                    holding.entry_price = float(self.clock["close"].iloc[i])
        return Decided(ts_ms, "+".join(actions), "+".join(rules)) if actions else None
