"""The pure core of Lockstep: numbers in, numbers out.

No I/O but reading a play's file and those of its project, no clock, network, threads, orchestration
or frames library. ``play/`` reads strategies, ``indicators/`` and ``features/`` compute them,
``exchange/`` simulates the venue, ``session.py`` is the engine that backtest, paper and live share,
``backtest.py`` runs it over history. Imports nothing of the other rooms. The public door is
``__all__``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine import indicators
    from engine.backtest import Result, run_backtest
    from engine.bars import Bars
    from engine.config import RunConfig
    from engine.dataset import Dataset
    from engine.exchange.instrument import Instrument
    from engine.play.loader import load_play, loads_play
    from engine.play.model import Play
    from engine.position import Cancel, Execution, Funding
    from engine.session import Decision, Engine
    from engine.trials import Trial, sweep

_HOMES = {
    "Bars": "engine.bars",
    "Cancel": "engine.position",
    "Dataset": "engine.dataset",
    "Decision": "engine.session",
    "Engine": "engine.session",
    "Execution": "engine.position",
    "Funding": "engine.position",
    "Instrument": "engine.exchange.instrument",
    "Play": "engine.play.model",
    "Result": "engine.backtest",
    "RunConfig": "engine.config",
    "Trial": "engine.trials",
    "indicators": "engine.indicators",
    "load_play": "engine.play.loader",
    "loads_play": "engine.play.loader",
    "run_backtest": "engine.backtest",
    "sweep": "engine.trials",
}

__all__ = [
    "Bars",
    "Cancel",
    "Dataset",
    "Decision",
    "Engine",
    "Execution",
    "Funding",
    "Instrument",
    "Play",
    "Result",
    "RunConfig",
    "Trial",
    "indicators",
    "load_play",
    "loads_play",
    "run_backtest",
    "sweep",
]


def __getattr__(name: str) -> Any:
    # Loaded on first use: `lockstep --help` and `play check` must not pay for the compiler.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(_HOMES[name])
    return module if name == "indicators" else getattr(module, name)
