"""Names inside old conditions: what they refer to, and how it is written now."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from engine.indicators.registry import INDICATORS
from engine.play.ast import Type
from engine.play.predecessor import names
from engine.play.predecessor.computed import Computed, is_direction, primary_output
from engine.play.predecessor.reading import AMBIGUOUS, BROKEN, CHANGED, Old
from engine.play.vocabulary import PRICES

_REFERENCE = re.compile(r"(\w+)((?:\.\w+(?:\[-?[\d.]+\])?)*)(?:\[(\d+)\])?", re.A)
_TRUTHS = (Type.BOOL, Type.EVENT)


@dataclass(frozen=True, slots=True)
class Reference:
    """A value of the new play: its ``text``, the ``kind`` of indicator or structure it belongs to
    ("" for a price), its ``output``, and whether it is a truth value."""

    text: str
    kind: str = ""
    output: str = ""
    is_truth: bool = False

    @property
    def words(self) -> dict[str, str]:
        """The words and numbers an old enum was compared with, and the new ones."""
        if self.output == "sweep_side":
            return names.SWEPT
        return names.DIRECTIONS if is_direction(self.kind, self.output) else {}

    @property
    def is_word(self) -> bool:
        """Whether it is an enum whose words did not change."""
        return self.output in {"last_pivot", "zone"} and self.kind not in INDICATORS


class References:
    """Resolves the references of one old play; what is used is marked in ``computed``."""

    def __init__(self, old: Old, computed: Computed) -> None:
        self._old, self._computed = old, computed

    def named(self, value: dict[str, Any], path: str) -> Reference:
        """``{feature_id, field, offset}``."""
        field = value.get("field")
        text = str(value["feature_id"]) + (f".{field}" if field not in {None, "value"} else "")
        offset = int(value.get("offset") or 0)
        return self.find(f"{text}[{offset}]" if offset else text, path)

    def find(self, text: str, path: str) -> Reference:
        """What ``text`` (``adx_14.adx``, ``fib.level[0.618]``, ``close``) refers to now."""
        match = _REFERENCE.fullmatch(text.strip())
        if match is None:
            self._old.note(BROKEN, path, f"{text!r} is no reference; it is kept as written")
            return Reference(text)
        id, fields, offset = match[1], match[2].lstrip("."), match[3]
        if fields.startswith("level[") and offset is None:
            offset = None
        if id not in self._computed.ids:
            return self._price(id, offset, path)
        found = self._computed_value(id, fields, path)
        if not offset or offset == "0":
            return found
        return self._looked_back(found, self._computed.ids[id], offset, path)

    def _price(self, id: str, offset: str | None, path: str) -> Reference:
        name = names.PRICES.get(id, id)
        if name not in PRICES:
            self._old.note(BROKEN, path, f"{id!r} is not declared in the old play")
        return Reference(f"{name}[{offset}]" if offset and offset != "0" else name)

    def _looked_back(self, of: Reference, own: str, offset: str, path: str) -> Reference:
        definition = self._computed.series.get(own) or self._computed.structures.get(own, "")
        if "@" in definition:
            message = f"{of.text} is held from a slower timeframe: bars of the clock are counted"
            self._old.note(AMBIGUOUS, path, message)
            return Reference(f"prev({of.text}, {offset})", of.kind, of.output, of.is_truth)
        text = f"({of.text})" if " " in of.text else of.text
        return Reference(f"{text}[{offset}]", of.kind, of.output, of.is_truth)

    def _computed_value(self, id: str, fields: str, path: str) -> Reference:
        own, kind = self._computed.ids[id], self._computed.kinds[id]
        self._computed.use(own)
        if kind in INDICATORS:
            return self._indicator(own, kind, fields, path)
        if not fields or fields == "value":
            return Reference(f"{own}.value", kind, "value")
        if fields in names.BOTH_SIDES:
            event = names.BOTH_SIDES[fields]
            return Reference(f"({own}.up.{event} or {own}.down.{event})", kind, event, True)
        output = names.STRUCTURE_OUTPUTS.get(kind, {}).get(fields, fields)
        if output == "live" and kind == "zone":
            return Reference(f"{own}.live", kind, output, True)
        if fields.endswith("_idx"):
            message = f"{fields} was an absolute index: ages are counted now"
            self._old.note(CHANGED, path, message)
            output = f"{fields.removesuffix('_idx')}_age"
        if fields == "depth_pct":
            self._old.note(CHANGED, path, "depth_pct is 0..100 now, not 0..1")
        events = ("bos", "choch", "sweep", "fired", "new_high", "new_low", "live")
        is_truth = output in events or output.endswith("_is_major")
        is_truth = is_truth or output in {"last_hh", "last_hl", "last_lh", "last_ll"}
        return Reference(f"{own}.{output}", kind, output, is_truth)

    def _indicator(self, own: str, kind: str, fields: str, path: str) -> Reference:
        outputs = {output.name: output for output in INDICATORS[kind].outputs}
        if len(outputs) == 1:
            return Reference(own, kind, next(iter(outputs)))
        output = names.INDICATOR_OUTPUTS.get(fields, fields)
        if not fields or fields == "value":
            output = primary_output(kind)
            message = f"a bare {kind} has several outputs: {own}.{output} is taken"
            self._old.note(AMBIGUOUS, path, message)
        if output not in outputs:
            known = ", ".join(outputs)
            self._old.note(BROKEN, path, f"{kind} has no output {fields!r}; it has {known}")
            return Reference(f"{own}.{output}", kind, output)
        is_truth = outputs[output].type in _TRUTHS
        return Reference(f"{own}.{output}", kind, output, is_truth)
