"""Canonical encoding and content hashing: equal meaning, equal bytes, equal hash.

JSON values are encoded in the style of RFC 8785 (sorted keys, no spaces, shortest round-trip
numbers); Arrow tables and numpy columns are hashed by typed content, never by file bytes. A run's
``result_hash`` is a Merkle root over named leaves, so a difference can be named.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


def decimal_text(value: Decimal) -> str:
    """Plain shortest decimal text: no exponent, no trailing zeros, ``0`` for any zero."""
    if not value.is_finite():
        raise ValueError("a canonical decimal is finite")
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def _number_text(value: float) -> str:
    """ECMAScript's shortest text of a finite double (RFC 8785, section 3.2.2.3)."""
    if not math.isfinite(value):
        raise ValueError("NaN and infinities have no canonical form")
    if value == 0:
        return "0"
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits)).rstrip("0")
    point = len(digits) + exponent
    if 0 < point <= 21:
        body = text.ljust(point, "0")
        body = body[:point] + ("." + body[point:] if body[point:] else "")
    elif -6 < point <= 0:
        body = "0." + "0" * -point + text
    else:
        power = point - 1
        mantissa = text[0] + ("." + text[1:] if len(text) > 1 else "")
        body = f"{mantissa}e{'+' if power > 0 else '-'}{abs(power)}"
    return ("-" if sign else "") + body


#: JSON text of a string, non-ASCII characters as they are.
_quoted = json.encoder.encode_basestring


def _utf16(key: str) -> bytes:
    return key.encode("utf-16-be")


def _encode(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(str(value))
    if value is None:
        return "null"
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return _number_text(float(value))
    if isinstance(value, Decimal):
        return _quoted(decimal_text(value))
    if isinstance(value, (dict, Mapping)):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("canonical objects have text keys only")
        # UTF-16 order, which for ASCII keys is that of the text.
        plain = all(map(str.isascii, value))
        ordered = sorted(value) if plain else sorted(value, key=_utf16)
        return "{" + ",".join([f"{_quoted(str(k))}:{_encode(value[k])}" for k in ordered]) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join([_encode(item) for item in value]) + "]"
    raise TypeError(f"no canonical form for {type(value).__name__}")


def canonical_bytes(value: Any) -> bytes:
    """The one UTF-8 encoding of a JSON-like value (Decimals become text; NaN raises ValueError)."""
    return _encode(value).encode("utf-8")


def sha256_hex(data: bytes) -> str:
    """Lower-case hex SHA-256 of ``data``."""
    return hashlib.sha256(data).hexdigest()


def hash_value(value: Any) -> str:
    """SHA-256 of a JSON-like value's canonical encoding."""
    return sha256_hex(canonical_bytes(value))


def round_metric(value: float) -> float:
    """A float metric at 12 significant digits: the precision that enters a hash."""
    return float(f"{value:.11e}")


def hash_columns(columns: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of numpy columns by name, dtype, length and little-endian content, in given order.

    Every NaN hashes alike and -0.0 like 0.0, so content that compares equal hashes equal.
    """
    digest = hashlib.sha256()
    for name, column in columns.items():
        array = np.ascontiguousarray(column)
        if array.dtype.kind == "f":
            array = np.where(np.isnan(array), np.nan, array + 0.0)
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(canonical_bytes([name, array.dtype.str, int(array.size)]))
        digest.update(array.tobytes())
    return digest.hexdigest()


def hash_table(table: pa.Table) -> str:
    """SHA-256 of an Arrow table's typed content: names, types, rows, nulls; not its chunking.

    An empty table has a defined hash (its schema's). Numbers are hashed through their
    little-endian bytes, text through its lengths and UTF-8 bytes, structs field by field, anything
    else through its canonical JSON. What stands under a null does not count.
    """
    import pyarrow as pa  # hashing a play needs no tables, and these take a while to load

    digest = hashlib.sha256()
    digest.update(canonical_bytes([table.num_rows, table.num_columns]))
    for field in table.schema:
        column = table.column(field.name).combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks) if column.chunks else pa.array([], field.type)
        digest.update(canonical_bytes([field.name, str(field.type)]))
        digest.update(_hash_array(column).encode())
    return digest.hexdigest()


def _hash_array(array: pa.Array) -> str:
    import pyarrow as pa
    import pyarrow.compute as pc

    valid = array.is_valid().to_numpy(zero_copy_only=False)
    kind = array.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        values = array.fill_null(pa.scalar(0, kind)).to_numpy(zero_copy_only=False)
        return hash_columns({"valid": valid, "values": values})
    if pa.types.is_string(kind):
        packed = pa.concat_arrays([array.fill_null("")])  # drops what an offset hides
        lengths = pc.binary_length(packed).to_numpy(zero_copy_only=False)
        text = b"".join(packed.cast(pa.binary()).to_pylist()) if len(packed) else b""
        return hash_columns(
            {"valid": valid, "lengths": lengths, "text": np.frombuffer(text, np.uint8)}
        )
    if pa.types.is_struct(kind):
        parts = [hash_columns({"valid": valid})]
        parts += [_hash_array(array.field(i)) for i in range(kind.num_fields)]
        return hash_value(parts)
    return hash_value(array.to_pylist())


def merkle_root(leaves: Mapping[str, str]) -> str:
    """Root hash over named leaf hashes, in name order."""
    return hash_value({"merkle": dict(leaves)})
