"""Several indicators over the same bars: the bits of each alone, for any number of threads."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from engine.errors import IndicatorError
from engine.indicators import INDICATORS, Request, batch, compute, compute_batch, kernel
from engine.indicators.spec import Block, Rows, Vector
from tests.engine.indicators.driving import advance, defaults, market, same_bits

BARS = 1_000
CHUNK = 64

Columns = dict[str, npt.ArrayLike]
Results = dict[str, dict[str, np.ndarray]]


@pytest.fixture(autouse=True)
def _short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many turns of each thread at each indicator, and a last chunk that is not whole."""
    monkeypatch.setattr(batch, "_CHUNK", CHUNK)


def bars_with_gaps() -> dict[str, np.ndarray]:
    columns = market(BARS, 31)
    columns["source"] = columns["close"]
    columns["close"][[0, 1, 300, 301, 640]] = np.nan
    columns["high"][500] = np.inf
    return columns


def every_indicator() -> dict[str, Request]:
    return {name: Request(name, source="source") for name in INDICATORS}


@pytest.fixture(scope="module")
def driven() -> Results:
    """Outputs as the engine drives a kernel: a block for each indicator, other chunks."""
    columns = bars_with_gaps()
    found: Results = {}
    for name, spec in INDICATORS.items():
        out, _ = advance(spec, defaults(spec), columns, cuts=(7, 400))
        found[name] = {output.name: out[k] for k, output in enumerate(spec.outputs)}
    return found


def assert_same(found: Mapping[str, Mapping[str, np.ndarray]], expected: Results) -> None:
    assert list(found) == list(expected)
    for key, outputs in expected.items():
        assert list(found[key]) == list(outputs)
        for output, column in outputs.items():
            assert found[key][output].dtype == np.float64
            assert same_bits(found[key][output], column), (key, output)


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_the_same_bits_for_any_number_of_threads(threads: int, driven: Results) -> None:
    with ThreadPoolExecutor(threads) as pool:
        assert_same(
            compute_batch(every_indicator(), bars_with_gaps(), mapper=pool.map),
            driven,
        )


def test_the_same_bits_without_threads_and_one_by_one(driven: Results) -> None:
    columns = bars_with_gaps()
    assert_same(compute_batch(every_indicator(), columns), driven)
    alone = {
        name: compute(name, {"source": columns["source"]} if spec.takes_source else columns)
        for name, spec in INDICATORS.items()
    }
    assert_same(alone, driven)


@pytest.mark.parametrize("threads", [0, 2])
def test_a_block_written_anew_holds_the_same_bits(threads: int, driven: Results) -> None:
    """What stood in it, of other bars, shows nowhere."""
    columns = market(BARS, 77)
    columns["source"] = columns["open"]
    with ThreadPoolExecutor(threads or 1) as pool:
        mapper = pool.map if threads else map
        before = compute_batch(every_indicator(), columns, mapper=mapper)
        after = compute_batch(every_indicator(), bars_with_gaps(), mapper=mapper, out=before)
    assert_same(after, driven)
    assert after["sma"]["value"].base is before["sma"]["value"].base


def test_only_a_batch_of_its_kind_is_written_over() -> None:
    requests = {"sma": Request("sma"), "atr": Request("atr")}
    columns = market(BARS, 8)
    before = compute_batch(requests, columns)
    kept = {key: outputs["value"].copy() for key, outputs in before.items()}
    fewer = {name: column[: BARS // 2] for name, column in columns.items()}
    other = compute_batch(requests, columns)
    for given, out, says in (
        (requests, {}, "not what one batch gave"),
        (requests, {**before, "atr": other["atr"]}, "not what one batch gave"),
        (requests, {"sma": {"value": np.empty(BARS)}}, "not what one batch gave"),
        ({"sma": Request("sma")}, before, "other requests"),
    ):
        with pytest.raises(IndicatorError, match=says):
            compute_batch(given, columns, out=out)
    with pytest.raises(IndicatorError, match="another number of bars"):
        compute_batch(requests, fewer, out=before)
    with pytest.raises(IndicatorError, match="input close lies in out"):
        compute_batch(requests, {**columns, "close": before["sma"]["value"]}, out=before)
    for key, column in kept.items():
        assert same_bits(before[key]["value"], column), "nothing was written"


def test_kernels_let_other_threads_run() -> None:
    """Else threads would wait for each other and a batch would take as long as with one."""
    held = [n for n, spec in INDICATORS.items() if not spec.kernel.targetoptions.get("nogil")]
    assert held == []
    assert past_the_end.targetoptions["nogil"], "a user's neither"  # type: ignore[attr-defined]


def test_results_stand_under_the_requests_keys_in_their_order() -> None:
    """One indicator with several parameters, sources and outputs; means by hand."""
    requests = {
        "slow": Request("sma", {"length": 4}),
        "fast": Request("sma", {"length": 2}),
        "volume": Request("sma", {"length": 2}, source="volume"),
        "band": Request("bbands", {"length": 2, "std": 1}, outputs=("upper", "middle")),
    }
    columns: Columns = {"close": [1, 3, 5, 11], "volume": np.array([2, 4, 8, 16], dtype=np.float32)}
    out = compute_batch(requests, columns)
    assert [(key, list(outputs)) for key, outputs in out.items()] == [
        ("slow", ["value"]),
        ("fast", ["value"]),
        ("volume", ["value"]),
        ("band", ["upper", "middle"]),
    ]
    nan = np.nan
    np.testing.assert_array_equal(out["slow"]["value"], [nan, nan, nan, 5])
    np.testing.assert_array_equal(out["fast"]["value"], [nan, 2, 4, 8])
    np.testing.assert_array_equal(out["volume"]["value"], [nan, 3, 6, 12])
    np.testing.assert_array_equal(out["band"]["middle"], [nan, 2, 4, 8])
    np.testing.assert_array_equal(out["band"]["upper"], [nan, 3, 5, 11])


@pytest.mark.parametrize("bars", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_any_number_of_bars(bars: int) -> None:
    """A simple average of one bar is the bar, wherever a chunk ends."""
    columns = {name: column[:bars] for name, column in market(2 * CHUNK, 3).items()}
    requests = {"close": Request("sma", {"length": 1}), "tr": Request("atr", {"length": 1})}
    out = compute_batch(requests, columns)
    assert out["close"]["value"].tolist() == columns["close"].tolist()
    assert len(out["tr"]["value"]) == bars
    assert compute_batch({}, columns) == {}


def test_each_column_is_taken_once_and_only_if_it_is_read() -> None:
    taken: list[str] = []

    class Counted(dict[str, np.ndarray]):
        def __getitem__(self, name: str) -> np.ndarray:
            taken.append(name)
            return super().__getitem__(name)

    columns = Counted(market(BARS, 5), note=np.array(["not a number"]))
    kept = {name: column.copy() for name, column in columns.items()}
    requests = {name: Request(name) for name in ("atr", "sma", "rsi", "bbands", "natr")}
    compute_batch(requests, columns)
    assert sorted(taken) == ["close", "high", "low"]
    for name, column in kept.items():
        assert np.array_equal(column, columns[name]), "inputs are read only"


@pytest.mark.parametrize(
    ("request_", "code", "says"),
    [
        (Request("smma"), "INDICATOR_UNKNOWN", "smma"),
        (Request("sma", {"lenght": 3}), "PARAM_UNKNOWN", "lenght"),
        (Request("sma", {"length": 0}), "PARAM_INVALID", "length"),
        (Request("bbands", outputs=("top",)), "OUTPUT_UNKNOWN", "top"),
        (Request("sma", source="mid"), "INPUT_INVALID", "input mid is missing"),
        (Request("sma", source="words"), "INPUT_INVALID", "input words must be"),
        (Request("sma", source="short"), "INPUT_INVALID", "input short has 2 bars, close has 3"),
        (Request("vwma"), "INPUT_INVALID", "input volume is missing"),
    ],
)
def test_one_bad_request_refuses_the_batch(request_: Request, code: str, says: str) -> None:
    columns: Columns = {"close": [1.0, 2.0, 3.0], "words": ["a", "b", "c"], "short": [1.0, 2.0]}
    with pytest.raises(IndicatorError, match=says) as caught:
        compute_batch({"good": Request("sma"), "bad": request_}, columns)
    assert caught.value.code == code


@kernel
def past_the_end(
    p: Vector, s: Vector, F: Block, ins: Rows, outs: Rows, lo: int, hi: int, i0: int
) -> None:
    """Goes wrong in the third chunk."""
    for i in range(lo, hi):
        F[outs[0], i] = F[ins[0], i + (hi if i0 == 2 * CHUNK else 0)]


@pytest.mark.parametrize("threads", [0, 1, 2, 4])
def test_what_a_kernel_raises_is_raised(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = replace(INDICATORS["sma"], name="broken", kernel=past_the_end)
    monkeypatch.setattr(batch, "get", {**INDICATORS, "broken": broken}.__getitem__)
    requests = {name: Request(name) for name in ("ema", "broken", "sma")}
    with ThreadPoolExecutor(threads or 1) as pool, pytest.raises(IndexError):
        compute_batch(requests, market(BARS, 6), mapper=pool.map if threads else map)


def test_a_mapper_that_does_not_run_the_work_is_refused() -> None:
    with pytest.raises(IndicatorError, match="mapper"):
        compute_batch({"sma": Request("sma")}, market(BARS, 6), mapper=lambda work, workers: ())
