"""Conditions of the old format to expressions of the new one."""

from __future__ import annotations

import re
from typing import Any

from engine.play.predecessor import names
from engine.play.predecessor.computed import Computed, value_text
from engine.play.predecessor.reading import AMBIGUOUS, BROKEN, CHANGED, Old, timeframe_name
from engine.play.predecessor.references import Reference, References
from engine.timeframe import Timeframe

_COMPARE = (">", "<", ">=", "<=", "==", "!=")
_ARITHMETIC = ("+", "-", "*", "/")
_OTHER_OPS = {"gt": ">", "lt": "<", "gte": ">=", "lte": "<=", "eq": "==", "neq": "!=", "=": "=="}
_OTHER_OPS |= {"crosses_above": "cross_above", "crosses_below": "cross_below", "ge": ">="}
_OTHER_OPS |= {"le": "<=", "ne": "!=", "approx": "near_pct"}


class Conditions:
    """Converts the conditions of one old play."""

    def __init__(self, old: Old, computed: Computed, setups: dict[str, str]) -> None:
        self._old, self._computed, self._setups = old, computed, setups
        self._references = References(old, computed)
        self.used_setups: set[str] = set()

    def text(self, value: Any, path: str) -> str:
        """The expression; what cannot be converted is noted and is ``false``, which never
        fires."""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            found = self._references.find(value, path)
            return found.text
        if isinstance(value, list):
            return self._list(value, path)
        if isinstance(value, dict):
            return self._map(value, path)
        return self._lost(path, f"{value!r} is no condition")

    def value(self, value: Any, path: str) -> str | None:
        """A tag's expression; None for a constant, which says nothing."""
        if isinstance(value, dict) and "feature_id" in value:
            return self._references.named(value, path).text
        if isinstance(value, str) and value in self._computed.ids:
            return self._references.find(value, path).text
        return None

    def _lost(self, path: str, why: str) -> str:
        self._old.note(BROKEN, path, f"{why}; it never fires")
        return "close < close"

    def _list(self, value: list[Any], path: str) -> str:
        if len(value) >= 2 and isinstance(value[1], str) and self._op(value[1]) is not None:
            tolerance = value[3] if len(value) > 3 else None
            right = value[2] if len(value) > 2 else None
            return self._operation(value[0], value[1], right, tolerance, path)
        return self._joined("and", value, path)

    def _joined(self, word: str, items: list[Any], path: str) -> str:
        if not items:
            return self._lost(path, "an empty list of conditions")
        texts = [self.text(item, f"{path}[{i}]") for i, item in enumerate(items)]
        if len(texts) == 1:
            return texts[0]
        return f" {word} ".join(_inside(text) for text in texts)

    def _map(self, value: dict[str, Any], path: str) -> str:
        if "lhs" in value:
            tolerance = value.get("tolerance", value.get("tol"))
            return self._operation(value["lhs"], value.get("op"), value.get("rhs"), tolerance, path)
        parts = []
        for key, inner in value.items():
            here = f"{path}.{key}"
            if key in {"all", "any"}:
                items = inner if isinstance(inner, list) else [inner]
                parts.append(self._joined("and" if key == "all" else "or", items, here))
            elif key == "not":
                parts.append(f"not ({self.text(inner, here)})")
            elif key == "setup":
                parts.append(self._setup(inner, here))
            elif key in names.WINDOWS:
                parts.append(self._window(key, inner, here))
            elif key == "feature_id":
                return self._references.named(value, path).text
            elif key not in {"field", "offset", "id", "name", "description"}:
                parts.append(self._lost(here, f"unknown condition {key!r}"))
        if not parts:
            return self._lost(path, "an empty condition")
        return parts[0] if len(parts) == 1 else " and ".join(map(_inside, parts))

    def _setup(self, id: Any, path: str) -> str:
        if str(id) not in self._setups:
            return self._lost(path, f"there is no setup {id!r}")
        self.used_setups.add(str(id))
        return self._setups[str(id)]

    def _window(self, key: str, inner: Any, path: str) -> str:
        if not isinstance(inner, dict) or "expr" not in inner:
            return self._lost(path, f"{key} has no expr")
        expr = self.text(inner["expr"], f"{path}.expr")
        if any(re.search(rf"\b{id}\.", expr) for id in self._computed.structures):
            message = "structures inside windows had only their current value: they have a past now"
            self._old.note(CHANGED, path, message)
        bars = self._bars(inner, path)
        if bars is None:
            return self._lost(path, f"{key} has no number of bars")
        call = f"{names.WINDOWS[key]}({bars}, {expr})"
        if names.WINDOWS[key] != "count":
            return call
        return f"{call} >= {inner.get('min_true', inner.get('min', 1))}"

    def _bars(self, inner: dict[str, Any], path: str) -> str | None:
        if inner.get("duration") is not None:
            return str(inner["duration"]).strip()
        bars = inner.get("bars")
        if bars is None:
            return None
        anchor = timeframe_name(inner["anchor_tf"]) if inner.get("anchor_tf") else None
        if anchor is None or anchor == self._computed.clock:
            return str(bars)
        minutes = int(bars) * Timeframe(anchor).ms // 60_000
        message = f"{bars} bars of {anchor} are now {minutes}m, counted in bars of the clock"
        self._old.note(AMBIGUOUS, path, message)
        return f"{minutes}m"

    # -- operations ---------------------------------------------------------------------------

    @staticmethod
    def _op(written: str) -> str | None:
        op = _OTHER_OPS.get(written.strip().lower(), written.strip().lower())
        known = (*_COMPARE, *_ARITHMETIC, "cross_above", "cross_below", "between", "in")
        return op if op in (*known, "near_pct", "near_abs") else None

    def _operation(self, left: Any, written: Any, right: Any, tolerance: Any, path: str) -> str:
        op = self._op(str(written))
        if op is None:
            return self._lost(path, f"unknown operator {written!r}")
        a = self._operand(left, f"{path}[0]")
        if op in _ARITHMETIC:
            return f"({a.text} {op} {self._operand(right, f'{path}[2]').text})"
        if op == "between":
            return self._between(a, right, path)
        if op == "in":
            items = right if isinstance(right, list) else [right]
            tests = [self._compared(a, "==", item, path) for item in items]
            return tests[0] if len(tests) == 1 else f"({' or '.join(map(_inside, tests))})"
        if op in {"near_pct", "near_abs"}:
            b = self._operand(right, f"{path}[2]").text
            if tolerance is None:
                return self._lost(path, f"{op} has no tolerance")
            unit = "%" if op == "near_pct" else ""
            return f"near({a.text}, {b}, {value_text(tolerance)}{unit})"
        if op.startswith("cross"):
            return f"{op}({a.text}, {self._operand(right, f'{path}[2]').text})"
        return self._compared(a, op, right, path)

    def _between(self, a: Reference, right: Any, path: str) -> str:
        if isinstance(right, dict):
            right = [right.get("low"), right.get("high")]
        if not isinstance(right, list) or len(right) != 2:
            return self._lost(path, "between without two bounds")
        low, high = (self._operand(bound, f"{path}[2]").text for bound in right)
        return f"{low} <= {a.text} <= {high}"

    def _compared(self, a: Reference, op: str, right: Any, path: str) -> str:
        if a.is_truth:
            return self._truth(a, op, right, path)
        if a.kind == "zone" and a.output == "state":
            return self._zone_state(a, op, right, path)
        if a.words or a.is_word:
            return self._word(a, op, right, path)
        b = self._operand(right, f"{path}[2]")
        text = b.text
        if a.output == "depth_pct" and isinstance(right, float | int) and abs(right) <= 1:
            text = value_text(float(right) * 100)
        if op in {"==", "!="} and self._is_float(a):
            self._old.note(AMBIGUOUS, path, "== of two prices or indicators is hardly ever true")
            same = f"near({a.text}, {text}, 0)"
            return same if op == "==" else f"not {same}"
        return f"{a.text} {op} {text}"

    @staticmethod
    def _is_float(a: Reference) -> bool:
        counts = ("version", "age", "count", "strength", "touches", "wave_count", "bars_in_trend")
        return not a.output.endswith(counts) and a.text not in {"hour", "weekday"}

    def _truth(self, a: Reference, op: str, right: Any, path: str) -> str:
        value = str(right).strip().lower()
        if value not in {"1", "0", "true", "false", "1.0", "0.0"} or op not in {
            "==",
            "!=",
            ">",
            ">=",
        }:
            return self._lost(path, f"{a.text} is a truth value, compared with {right!r}")
        is_true = value in {"1", "true", "1.0"} or (op == ">" and value in {"0", "0.0"})
        wanted = is_true if op != "!=" else not is_true
        return a.text if wanted else f"not {a.text}"

    def _zone_state(self, a: Reference, op: str, right: Any, path: str) -> str:
        live = f"{a.text.rpartition('.')[0]}.live"
        value = str(right).strip().lower()
        if value not in {"active", "broken", "none"}:
            return self._lost(path, f"a zone was never {right!r}")
        message = "a zone is fresh, touched or mitigated while it is live: 'active' is live"
        self._old.note(AMBIGUOUS, path, message)
        return live if (value == "active") == (op == "==") else f"not {live}"

    def _word(self, a: Reference, op: str, right: Any, path: str) -> str:
        value = str(right).strip().lower().removesuffix(".0")
        if op in {">", "<", ">=", "<="} and value == "0":
            op, value = "==", "1" if op in {">", ">="} else "-1"
            self._old.note(AMBIGUOUS, path, f"{a.text} is a word now: only == and != compare it")
        word = a.words.get(value, value if a.is_word else None)
        if word is None or op not in {"==", "!="}:
            return self._lost(path, f"{a.text} is never {right!r}")
        if a.words and value in {"1", "-1", "0"} and a.output != "sweep_side":
            self._old.note(CHANGED, path, f"{a.text} is up, down or none now, not a number")
        return f"{a.text} {op} {word}"

    def _operand(self, value: Any, path: str) -> Reference:
        if isinstance(value, bool | int | float):
            return Reference(value_text(value))
        if isinstance(value, str):
            text = value.strip()
            try:
                float(text)
            except ValueError:
                return self._references.find(text, path)
            return Reference(text)
        if isinstance(value, dict) and "feature_id" in value:
            return self._references.named(value, path)
        if isinstance(value, dict) and len(value) == 1:
            ((op, operands),) = value.items()
            if op in _ARITHMETIC and isinstance(operands, list) and len(operands) == 2:
                return Reference(self._operation(operands[0], op, operands[1], None, path))
            if op == "value":
                return self._operand(operands, path)
        if isinstance(value, list) and len(value) == 3 and value[1] in _ARITHMETIC:
            return Reference(self._operation(value[0], value[1], value[2], None, path))
        self._old.note(BROKEN, path, f"{value!r} is no value")
        return Reference("close")


def _inside(text: str) -> str:
    """``text`` as an operand of ``and`` and ``or``."""
    plain = text
    while "(" in plain:
        begin = plain.rindex("(")
        end = plain.find(")", begin)
        plain = plain[:begin] + (plain[end + 1 :] if end >= 0 else "")
    return f"({text})" if " and " in plain or " or " in plain else text
