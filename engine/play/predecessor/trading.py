"""Actions, entry and risk of the old format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.play.predecessor.computed import Computed, declared, value_text
from engine.play.predecessor.conditions import Conditions
from engine.play.predecessor.reading import (
    AMBIGUOUS,
    BROKEN,
    CHANGED,
    MOVED,
    Old,
    map_under,
    new_id,
)

KINDS = {
    "entry_long": "enter_long",
    "entry_short": "enter_short",
    "exit_long": "exit_long",
    "exit_short": "exit_short",
}


@dataclass(slots=True)
class Alternative:
    """One alternative of a rule of the new play."""

    id: str
    when: str
    tags: dict[str, str] = field(default_factory=dict)
    close: str = ""


def read_rules(old: Old, conditions: Conditions) -> dict[str, list[Alternative]]:
    """The rules by their new kind, without what the old position policy ruled out."""
    rules: dict[str, list[Alternative]] = {}
    actions = old.value.get("actions") or map_under(old.value, "blocks")
    if isinstance(actions, dict):
        for name, condition in actions.items():
            kind = KINDS.get(name)
            if kind is None:
                old.note(BROKEN, f"actions.{name}", f"unknown action {name!r}: left out")
                continue
            when = conditions.text(condition, f"actions.{name}")
            rules.setdefault(kind, []).append(Alternative(kind, when))
    else:
        for i, block in enumerate(actions):
            if isinstance(block, dict):
                _block(old, conditions, block, f"actions[{i}]", rules)
    return _by_policy(old, rules)


def _block(
    old: Old,
    conditions: Conditions,
    block: dict[str, Any],
    path: str,
    rules: dict[str, list[Alternative]],
) -> None:
    cases = block.get("cases")
    if cases is None and "when" in block:
        cases = [{"when": block["when"], "emit": block.get("emit") or []}]
    seen: set[str] = set()
    for i, case in enumerate(cases or []):
        place = f"{path}.cases[{i}]"
        when = conditions.text(case.get("when"), f"{place}.when")
        for j, emit in enumerate(case.get("emit") or []):
            _emit(old, conditions, emit, when, f"{place}.emit[{j}]", rules, seen, block, i)
    if len(seen) > 1:
        message = "cases were tried in order across actions: each rule stands for itself now"
        old.note(AMBIGUOUS, path, message)
    for j, emit in enumerate(map_under(block, "else").get("emit") or []):
        if emit.get("action") != "no_action":
            old.note(BROKEN, f"{path}.else.emit[{j}]", "an action without condition: left out")


def _emit(
    old: Old,
    conditions: Conditions,
    emit: dict[str, Any],
    when: str,
    path: str,
    rules: dict[str, list[Alternative]],
    seen: set[str],
    block: dict[str, Any],
    number: int,
) -> None:
    action = str(emit.get("action"))
    kind = KINDS.get(action)
    if kind is None:
        if action != "no_action":
            old.note(BROKEN, f"{path}.action", f"unknown action {action!r}: left out")
        return
    seen.add(kind)
    alternatives = rules.setdefault(kind, [])
    taken = {alternative.id for alternative in alternatives}
    metadata = map_under(emit, "metadata")
    label = next((v for k, v in metadata.items() if k.endswith("reason")), None)
    id = new_id(str(label or f"{block.get('id', 'rule')}_{number + 1}"), taken)
    tags: dict[str, str] = {}
    for key, value in metadata.items():
        text = conditions.value(value, f"{path}.metadata.{key}")
        if text is not None:
            tags[new_id(key, set(tags))] = text
        elif value != label:
            old.note(MOVED, f"{path}.metadata.{key}", "a constant tag says nothing: left out")
    percent = emit.get("percent", emit.get("close_pct", emit.get("size_pct")))
    close = f"{value_text(percent)}%" if percent is not None and kind.startswith("exit") else ""
    alternatives.append(Alternative(id, when, tags, close))


def _by_policy(old: Old, rules: dict[str, list[Alternative]]) -> dict[str, list[Alternative]]:
    policy = map_under(old.value, "position_policy")
    mode, exit_mode = str(policy.get("mode", "long_only")), str(policy.get("exit_mode", ""))
    for side, word in (("short", "long_only"), ("long", "short_only")):
        for kind in (f"enter_{side}", f"exit_{side}"):
            if mode == word and kind in rules:
                message = f"the policy {mode} left {kind} without effect: it is left out"
                old.note(BROKEN, "position_policy.mode", message)
                del rules[kind]
    if exit_mode == "sl_tp_only":
        for kind in ("exit_long", "exit_short"):
            if rules.pop(kind, None) is not None:
                message = f"exit_mode sl_tp_only left {kind} without effect: it is left out"
                old.note(BROKEN, "position_policy.exit_mode", message)
    if exit_mode == "signal" and (old.value.get("risk") or old.value.get("risk_model")):
        message = "exit_mode signal kept stops as emergency exits or not by version: they are kept"
        old.note(AMBIGUOUS, "position_policy.exit_mode", message)
    return rules


# -- entry and risk -----------------------------------------------------------------------------


def read_entry(old: Old, sides: list[str]) -> dict[str, Any]:
    """The entry section; empty for market orders."""
    entry = map_under(old.value, "entry")
    order = str(entry.get("order_type", "MARKET")).upper()
    if order == "MARKET":
        return {}
    kind = "limit" if order == "LIMIT" else "stop"
    price: Any = "close" if len(sides) == 1 else dict.fromkeys(sides, "close")
    new: dict[str, Any] = {"order": kind, "price": price}
    offset = entry.get("limit_offset_pct" if kind == "limit" else "stop_offset_pct")
    if offset:
        new["offset"] = f"{value_text(offset)}%"
    if order == "STOP_LIMIT" and entry.get("limit_offset_pct") is not None:
        old.note(AMBIGUOUS, "entry.limit_offset_pct", "taken from the close, beyond the trigger")
        share = value_text(float(entry["limit_offset_pct"]) + float(offset or 0))
        away = {"long": f"close + {share}%", "short": f"close - {share}%"}
        new["limit"] = away[sides[0]] if len(sides) == 1 else {s: away[s] for s in sides}
    tif = str(entry.get("time_in_force", "GTC")).lower().replace("postonly", "post_only")
    if kind == "limit" and tif != "gtc":
        new["tif"] = tif
    expires = entry.get("expire_after_bars")
    if expires and tif == "gtc":
        new["expires"] = expires
    elif expires == 0:
        old.note(AMBIGUOUS, "entry.expire_after_bars", "0 bars is taken as never")
    return new


def read_risk(old: Old, computed: Computed) -> dict[str, Any]:
    """The risk section: simple (``risk``) or full (``risk_model``)."""
    account = map_under(old.value, "account")
    model = map_under(old.value, "risk_model")
    simple = map_under(old.value, "risk")
    risk: dict[str, Any] = {"size": _size(old, model, simple)}
    leverage = map_under(model, "sizing").get("max_leverage") or account.get("max_leverage") or 1
    if float(leverage) != 1:
        risk["leverage"] = value_text(leverage)
    if model:
        old.note(CHANGED, "risk_model", "the risk model was not read by every part: it is honoured")
        risk["stop"] = _distance(old, computed, model.get("stop_loss"), "risk_model.stop_loss")
        target = _distance(old, computed, model.get("take_profit"), "risk_model.take_profit")
        if target != "none":
            risk["target"] = target
        _moves(old, computed, model, risk)
    elif simple:
        _simple(old, simple, risk)
    else:
        old.note(BROKEN, "risk", "no stop at all: written as stop: none")
        risk["stop"] = "none"
    drawdown = account.get("max_drawdown_pct") or simple.get("max_drawdown_pct")
    if drawdown:
        risk["max_drawdown"] = f"{value_text(drawdown)}%"
    _run_config(old, account)
    return risk


def _simple(old: Old, simple: dict[str, Any], risk: dict[str, Any]) -> None:
    for key, new in (("stop_loss_pct", "stop"), ("take_profit_pct", "target")):
        if simple.get(key) is None:
            continue
        message = f"{key} is percent of margin (ROI): at leverage L the price moves 1/L of it"
        old.note(AMBIGUOUS, f"risk.{key}", message)
        risk[new] = {"roi": f"{value_text(simple[key])}%"}
    if "stop" not in risk:
        old.note(BROKEN, "risk", "no stop at all: written as stop: none")
        risk["stop"] = "none"


def _size(old: Old, model: dict[str, Any], simple: dict[str, Any]) -> dict[str, str]:
    sizing = map_under(model, "sizing")
    kind, value = sizing.get("model"), sizing.get("value")
    if kind == "risk_based" and value is not None:
        if not model.get("stop_loss"):
            old.note(BROKEN, "risk_model.sizing", "size by risk without a stop: margin is taken")
            return {"margin": f"{value_text(value)}%"}
        return {"risk": f"{value_text(value)}%"}
    if kind in {"fixed_notional", "fixed_usdt", "fixed"} and value is not None:
        return {"notional": value_text(value)}
    if kind is not None and kind != "percent_equity":
        old.note(BROKEN, "risk_model.sizing.model", f"unknown model {kind!r}: margin is taken")
    share = value if value is not None else simple.get("max_position_pct", 100)
    place = "risk_model.sizing" if model else "risk"
    message = f"{value_text(share)} percent of equity is taken as margin, times leverage"
    old.note(AMBIGUOUS, place, message)
    return {"margin": f"{value_text(min(float(share), 100.0))}%"}


def _distance(old: Old, computed: Computed, written: Any, path: str) -> Any:
    if not isinstance(written, dict) or written.get("type") in {None, "none"}:
        if path.endswith("stop_loss"):
            old.note(BROKEN, path, "no stop at all: written as stop: none")
        return "none"
    kind, value = str(written["type"]), value_text(written.get("value", 1))
    if kind in {"rr_ratio", "rr"}:
        return {"rr": value}
    if kind in {"percent", "pct", "roi"}:
        old.note(AMBIGUOUS, path, "percent of margin (ROI): at leverage L the price moves 1/L")
        return {"roi": f"{value}%"}
    if kind in {"fixed_points", "points"}:
        return {"points": value}
    if kind in {"atr_multiple", "atr"}:
        return {"atr": value, "of": _measure(old, computed, written, path)}
    old.note(BROKEN, path, f"unknown kind {kind!r}: left out")
    return "none"


def _measure(old: Old, computed: Computed, written: dict[str, Any], path: str) -> str:
    key = str(written.get("atr_feature_id") or written.get("atr_key") or "")
    if key in computed.ids:
        computed.use(computed.ids[key])
        return computed.ids[key]
    message = f"{key!r} is not declared, so the distance was missing: atr(14) is declared"
    old.note(BROKEN, f"{path}.atr_feature_id", message)
    own = declared(computed, key or "atr_14", "atr(14)")
    computed.use(own)
    return own


def _moves(old: Old, computed: Computed, model: dict[str, Any], risk: dict[str, Any]) -> None:
    """Trailing stop and break-even."""
    trailing = model.get("trailing_config") or map_under(model, "trailing")
    if trailing and trailing.get("trail_pct") is not None:
        risk["trail"] = {"price": f"{value_text(trailing['trail_pct'])}%"}
    elif trailing and trailing.get("atr_multiplier") is not None:
        measure = _measure(old, computed, trailing, "risk_model.trailing_config")
        risk["trail"] = {"atr": value_text(trailing["atr_multiplier"]), "of": measure}
    if "trail" in risk and trailing.get("activation_pct"):
        risk["trail"]["after"] = f"{value_text(trailing['activation_pct'])}%"
    even = model.get("break_even_config") or map_under(model, "break_even")
    if even and even.get("activation_pct") is not None and risk.get("stop") != "none":
        risk["break_even"] = {"at": f"{value_text(even['activation_pct'])}%"}
        if even.get("offset_pct"):
            risk["break_even"]["offset"] = f"{value_text(even['offset_pct'])}%"


def _run_config(old: Old, account: dict[str, Any]) -> None:
    moved = {
        "starting_equity_usdt": "equity",
        "fee_model": "fees.taker, fees.maker",
        "slippage_bps": "slippage",
        "min_trade_notional_usdt": "instrument.min_notional",
    }
    for key, new in moved.items():
        if key in account:
            old.note(MOVED, f"account.{key}", f"belongs to the run config now: {new}")
