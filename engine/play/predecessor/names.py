"""What things were called in the predecessor, and what they are called now."""

from __future__ import annotations

#: Prices whose name changed.
PRICES = {"mark_price": "mark_close", "last_price": "close", "price": "close"}

#: Indicators whose name changed, and those that mean something else by the same name.
INDICATORS = {"bollinger": "bbands", "keltner": "kc", "stochastic": "stoch", "williams_r": "willr"}
REDEFINED = {
    "bbands": "bandwidth is now 100 (U - L) / M, percent_b 0..1",
    "donchian": "the current bar does not count unless include_current=true",
    "fisher": "the range is floored relative to the price",
    "kc": "the basis is an EMA, the width an RMA of the true range",
    "kvo": "volume is signed by the change of hlc3",
    "macd": "the fast EMA is seeded on the bars before the slow one's end",
    "squeeze": "on and off are strict: inside or outside the channel",
    "stochrsi": "k is smoothed over k bars after the RSI's range",
    "supertrend": "bands carry over as on charts; direction is up, down or none",
    "tsi": "both averages are EMAs seeded by an SMA",
    "vwap": "anchored to the calendar (D, W, M) or not at all",
    "volume_profile": "volume is spread evenly over the buckets a bar touches",
    "anchored_vwap": "missing until its swing has a pivot",
    "zlma": "an EMA of 2x - x[lag]",
}
#: Parameters of indicators whose name changed.
INDICATOR_PARAMS = {
    "af0": "start",
    "af": "step",
    "max_af": "max",
    "distribution_offset": "offset",
    "kc_mult": "kc_scalar",
    "bb_mult": "bb_std",
    "period": "length",
    "window": "length",
    "mult": "multiplier",
    "stddev": "std",
}
#: Outputs of indicators whose name changed.
INDICATOR_OUTPUTS = {
    "hist": "histogram",
    "bbl": "lower",
    "bbm": "middle",
    "bbu": "upper",
    "plus_di": "dmp",
    "minus_di": "dmn",
    "percentb": "percent_b",
}

#: Parameters of structures whose name changed.
STRUCTURE_PARAMS = {
    "atr_key": "atr",
    "atr_multiplier": "atr_mult",
    "min_atr_move": "min_move_atr",
    "min_pct_move": "min_move_pct",
    "major_atr_threshold": "major_atr",
    "strict_alternation": "alternate",
    "zone_type": "side",
    "max_active": "keep",
    "max_zones": "keep",
    "body_atr_min": "body_min",
    "wick_ratio_max": "wick_max",
    "max_age_bars": "max_age",
    "break_tolerance_pct": "tolerance",
}
#: Old names of sources, by the structure that reads them.
STRUCTURE_OUTPUTS = {
    "swing": {
        "high_level": "high",
        "low_level": "low",
        "high_updated": "new_high",
        "low_updated": "new_low",
        "last_confirmed_pivot_type": "last_pivot",
        "pair_high_level": "pair_high",
        "pair_low_level": "pair_low",
    },
    "trend": {"last_wave_direction": "last_wave"},
    "market_structure": {
        "bos_this_bar": "bos",
        "choch_this_bar": "choch",
        "break_level_high": "break_high",
        "break_level_low": "break_low",
    },
    "fibonacci": {"anchor_trend_direction": "anchor_direction"},
    "zone": {"age_bars": "age"},
    "derived_zone": {
        "any_active": "live",
        "active_count": "count",
        "closest_active_lower": "up.nearest.lower",
        "closest_active_upper": "up.nearest.upper",
    },
    "displacement": {"is_displacement": "fired"},
    "fair_value_gap": {
        "active_bull_count": "up.count",
        "active_bear_count": "down.count",
        "nearest_bull_lower": "up.nearest.lower",
        "nearest_bull_upper": "up.nearest.upper",
        "nearest_bear_lower": "down.nearest.lower",
        "nearest_bear_upper": "down.nearest.upper",
    },
    "liquidity_zones": {
        "sweep_this_bar": "sweep",
        "sweep_direction": "sweep_side",
        "nearest_high_level": "nearest_high",
        "nearest_low_level": "nearest_low",
    },
    "premium_discount": {},
}
STRUCTURE_OUTPUTS["order_block"] = dict(STRUCTURE_OUTPUTS["fair_value_gap"])
STRUCTURE_OUTPUTS["breaker_block"] = dict(STRUCTURE_OUTPUTS["fair_value_gap"])
#: Outputs of structures that were one event for both sides.
BOTH_SIDES = {
    "new_this_bar": "born",
    "any_mitigated_this_bar": "mitigated",
    "any_touched_this_bar": "touched",
    "any_touched": "touched",
    "any_broken_this_bar": "broken",
    "new_zone_this_bar": "born",
}
#: Words and numbers of directions.
DIRECTIONS = {"1": "up", "-1": "down", "0": "none", "bullish": "up", "bearish": "down"}
DIRECTIONS |= {"up": "up", "down": "down", "none": "none", "neutral": "none", "true": "up"}
#: Sides of a sweep: -1 swept the lows.
SWEPT = {"1": "highs", "-1": "lows", "0": "none", "bullish": "lows", "bearish": "highs"}

#: Windows: the new name, and whether they count in durations.
WINDOWS = {
    "holds_for": "held",
    "occurred_within": "within",
    "count_true": "count",
    "holds_for_duration": "held",
    "occurred_within_duration": "within",
    "count_true_duration": "count",
}
