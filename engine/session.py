"""The engine: one play over one stream of bars, told what happened to its orders.

Two doors. :meth:`Engine.advance` takes closed bars and evaluates every clock close in them with
the position told so far; :meth:`Engine.apply` tells it executions, cancels and funding. The
backtest evaluates the very same features and the very same :func:`engine.rules.decide`, with the
simulated exchange between fill bars; live calls these two doors.

Numbered invariants:

1. Chunk invariance: for any cut of the merged sequence of bars and events,
   ``advance(all)`` equals ``advance(a); snapshot; restore; advance(b)`` bit for bit, in decisions
   and in :attr:`Engine.state_hash`.
2. Warm-up is the same call over history: what it decides there nobody acts upon.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from engine.bars import Bars, check_bars
from engine.canonical import canonical_bytes, sha256_hex
from engine.errors import EngineError
from engine.exchange.instrument import Instrument
from engine.features import CAPACITY, ClockBlock, Features, WarmupPlan, compile_features
from engine.features.plan import WARMUP_WEIGHT
from engine.play.model import RULE_KINDS, Play
from engine.play.own_indicators import IndicatorSource, sources_of
from engine.play.text import literal_text
from engine.position import Event, Position
from engine.rules import action_name, action_rules, decide
from engine.timeframe import Timeframe, format_ms, parse_timeframe

_MAGIC = b"lockstep-engine-1\n"
_DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rules and the position made of one clock close.

    ``ts_ms`` the close, epoch ms; ``action`` ``none``, ``enter_long``, ``exit_long+enter_short``,
    ``conflict`` ...; ``rule`` the ids of the alternatives that fired, joined by ``+``; ``values``
    the close and the play's series and setups there (truth values 0 or 1, None where missing),
    given with every action but ``none``.
    """

    ts_ms: int
    action: str
    rule: str = ""
    values: Mapping[str, float | None] = field(default_factory=dict)


class Engine:
    """One play on one instrument, over closed bars of ``base_timeframe``.

    Raises ConfigError if the play's timeframes are not made of whole base bars.
    """

    def __init__(
        self,
        play: Play,
        instrument: Instrument,
        base_timeframe: str | Timeframe = Timeframe.M1,
        *,
        warmup_weight: float = WARMUP_WEIGHT,
    ) -> None:
        self.play, self.instrument = play, instrument
        self.base_timeframe = parse_timeframe(base_timeframe)
        self._weight = warmup_weight
        self._features = Features(
            compile_features(
                play, self.base_timeframe, warmup_weight, tick_size=instrument.tick_size
            )
        )
        self._position = Position()
        self._ids = rule_ids(play)

    @property
    def warmup(self) -> WarmupPlan:
        """How much history the play needs."""
        return self._features.plan.warmup

    @property
    def ready(self) -> bool:
        """Whether every feature has had the bars it needs to be defined at all (C4)."""
        return self._features.ready

    def advance(self, bars: Bars) -> list[Decision]:
        """Take closed bars; one decision for each clock close in them, in order.

        ``bars`` follow those before without a hole; BarsError names a bar that does not, and then
        none was taken.
        """
        check_bars(bars, self.base_timeframe)
        last = self._features.last_close_ms
        if len(bars) and last is not None and int(bars.open_ms[0]) != last:
            raise EngineError(
                f"a bar of {format_ms(int(bars.open_ms[0]))} after one that closed at "
                f"{format_ms(last)}",
                hint="bars follow each other without a hole",
                code="BARS_ORDER",
            )
        decisions: list[Decision] = []
        for lo in range(0, len(bars), CAPACITY):
            block = self._features.advance(bars, lo, min(lo + CAPACITY, len(bars)))
            decisions.extend(self._decide(block))
        return decisions

    def apply(self, events: Iterable[Event]) -> None:
        """Tell what happened, in time order. EngineError names the event that cannot be."""
        for event in events:
            self._position.take(event, self.instrument.qty_step)

    def _decide(self, block: ClockBlock) -> list[Decision]:
        side, truth = self._position.side, block.truth
        if side:
            self._judge_position(block)
        fired = np.flatnonzero((truth == 2).any(axis=0))
        acting = {}
        for at in fired.tolist():
            action = decide(side, *(int(truth[kind, at]) for kind in range(len(RULE_KINDS))))
            if action:
                acting[at] = action
        names = list(self._features.plan.values)
        values = self._features.values(np.array(list(acting), np.int64)) if acting else None
        decisions = []
        place = 0
        for at, ts_ms in enumerate(block.close_ms.tolist()):
            action = acting.get(at, 0)
            if not action or values is None:
                decisions.append(Decision(ts_ms, "none"))
                continue
            row = values[place].tolist()
            place += 1
            decisions.append(
                Decision(
                    ts_ms,
                    action_name(action),
                    rules_text(self._ids, action, block.alternative[:, at].tolist()),
                    {k: None if v != v else v for k, v in zip(names, row, strict=True)},
                )
            )
        return decisions

    def _judge_position(self, block: ClockBlock) -> None:
        """Count the closes a position is held over; where exit rules of its side read it, evaluate
        them close by close."""
        position, step = self._position, self.instrument.qty_step
        reads = bool(block.position.kinds[0 if position.side > 0 else 1])
        for at in range(len(block.close_ms)):
            position.bars += 1
            if reads:
                close = self._features.close(at)
                self._features.judge(block, at, position.fields(close, step))

    # -- state --------------------------------------------------------------------------------

    @property
    def state_hash(self) -> str:
        """SHA-256 over the play, the instrument, the features' state and the position told: equal
        for engines that will decide alike, however they were fed."""
        digest = hashlib.sha256(canonical_bytes(self._identity()))
        for piece in self._features.state():
            digest.update(canonical_bytes(len(piece)) + piece)
        return digest.hexdigest()

    def snapshot(self) -> bytes:
        """Everything needed to go on, in another process too (:meth:`restore`)."""
        pieces = self._features.state()
        header = canonical_bytes(
            {
                **self._identity(),
                "source": self.play.source,
                "path": self.play.path,
                "params": {name: literal_text(literal) for name, literal in self.play.params},
                "indicators": [asdict(source) for source in sources_of(self.play.indicators)],
                "sizes": [len(piece) for piece in pieces],
            }
        )
        body = _MAGIC + len(header).to_bytes(8, "big") + header + b"".join(pieces)
        return body + bytes.fromhex(sha256_hex(body))

    @classmethod
    def restore(cls, blob: bytes) -> Engine:
        """The engine a snapshot was taken of; EngineError SNAPSHOT_INVALID if it is damaged, or was
        taken by code that keeps another state."""
        from engine.play.loader import loads_play

        body, digest = blob[:-_DIGEST_BYTES], blob[-_DIGEST_BYTES:]
        if not body.startswith(_MAGIC) or bytes.fromhex(sha256_hex(body)) != digest:
            raise EngineError(
                "not a whole snapshot of an engine",
                hint="take a new one from a running engine",
                code="SNAPSHOT_INVALID",
            )
        start = len(_MAGIC) + 8
        end = start + int.from_bytes(body[len(_MAGIC) : start], "big")
        header = json.loads(body[start:end])
        play = loads_play(
            header["source"],
            header["path"],
            params=header["params"],
            market=header["market"],
            indicators=[IndicatorSource(**source) for source in header["indicators"]],
        )
        if play.play_hash != header["play_hash"]:
            raise EngineError(
                f"the play of the snapshot now means something else ({play.name})",
                hint="start the engine anew over its history",
                code="SNAPSHOT_INVALID",
            )
        engine = cls(
            play,
            Instrument.from_dict(header["instrument"]),
            header["base_timeframe"],
            warmup_weight=header["warmup_weight"],
        )
        if header["sizes"] != [len(piece) for piece in engine._features.state()]:
            raise EngineError(
                f"the snapshot was taken by code that keeps another state of {play.name}",
                hint="start the engine anew over its history",
                code="SNAPSHOT_INVALID",
            )
        pieces = []
        for size in header["sizes"]:
            pieces.append(body[end : end + size])
            end += size
        engine._features.restore(pieces)
        engine._position = Position(**header["position"])
        return engine

    def _identity(self) -> dict[str, Any]:
        return {
            "play_hash": self.play.play_hash,
            "market": self.play.market,
            "instrument": self.instrument.to_dict(),
            "base_timeframe": self.base_timeframe.value,
            "warmup_weight": self._weight,
            "position": self._position.to_dict(),
        }


def rule_ids(play: Play) -> tuple[tuple[str, ...], ...]:
    """The ids of each rule kind's alternatives, in the order of RULE_KINDS."""
    return tuple(tuple(rule.id for rule in play.rule(kind)) for kind in RULE_KINDS)


def rules_text(ids: tuple[tuple[str, ...], ...], action: int, alternative: list[int]) -> str:
    """The ids of the alternatives behind an action, exits first, joined by ``+``."""
    kinds = [RULE_KINDS.index(kind) for kind in action_rules(action)]
    return "+".join(ids[kind][alternative[kind]] for kind in kinds)
