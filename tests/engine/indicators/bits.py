"""Print a digest of indicators' outputs and state; run in processes that differ.

The indicators named as arguments, or all.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable

from engine.indicators import INDICATORS
from tests.engine.indicators.driving import advance, defaults, market

BARS = 260


def digests(names: Iterable[str] = INDICATORS) -> dict[str, str]:
    """Indicator -> SHA-256 over its outputs and state, defaults and one long window, in chunks."""
    columns = market(BARS, 12)
    columns["close"][100] = float("nan")
    found = {}
    for name in names:
        spec = INDICATORS[name]
        digest = hashlib.sha256()
        variants = [defaults(spec)]
        if any(param.name == "length" for param in spec.params):
            variants.append(defaults(spec, length=77))
        for params in variants:
            for array in advance(spec, params, columns, cuts=(3, 150)):
                digest.update(array.tobytes())
        found[name] = digest.hexdigest()
    return found


if __name__ == "__main__":
    sys.stdout.write(
        "".join(
            f"{name} {digest}\n" for name, digest in digests(sys.argv[1:] or INDICATORS).items()
        )
    )
