"""Projects of indicators written for a test: small files, and plays that call them."""

from __future__ import annotations

from pathlib import Path

#: An indicator with a state of its own: from the last close to the open.
GAP = """\
from engine.indicators import IndicatorSpec, OutputSpec, kernel

FACTOR, NAN = 1.0, float("nan")


@kernel
def gap_kernel(p, s, F, ins, outs, lo, hi, i0):
    for i in range(lo, hi):
        gap = FACTOR * (F[ins[0], i] - s[1])
        F[outs[0], i] = gap if s[0] > 0.0 and gap - gap == 0.0 else NAN
        s[0], s[1] = 1.0, F[ins[1], i]


SPECS = (
    IndicatorSpec(
        name="gap",
        summary="How far the open lies above the last close.",
        formula="FACTOR * (open - close[1])",
        source="this project",
        inputs=("open", "close"),
        params=(),
        outputs=(OutputSpec("value"),),
        kernel=gap_kernel,
        state_size=lambda p: 2,
        first_valid=lambda p: 1,
        warmup_bars=lambda p, w: 2,
    ),
)
"""

PLAY = """\
version: 1
name: gaps
market: BTCUSDT
clock: 1h
rules:
  enter_long: gap() < -0.01
  exit_long: gap() > 0.01
risk: { size: { qty: 1 }, stop: none }
"""


def project(folder: Path, play: str = PLAY, **files: str) -> Path:
    """A folder with a project of ``files`` (names without ``.py``) and a play; the play's path."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    named = ", ".join(f"{name}.py" for name in files)
    (folder / "project.yml").write_text(f"version: 1\nindicators: [{named}]\n", encoding="utf-8")
    path = folder / "play.yml"
    path.write_text(play, encoding="utf-8")
    return path
