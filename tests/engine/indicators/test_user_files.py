"""Files of user-defined indicators that must not be used: each refused with code, line and words.

Every case is the good file ``GAP`` with something in it replaced; see its text for the lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.errors import IndicatorSourceError
from engine.indicators import INDICATORS, IndicatorSpec
from engine.indicators.user import declared_indicators, prove
from engine.play.own_indicators import IndicatorSource, UserIndicator
from engine.play.project import TAKEN
from tests.engine.projects import GAP

EFFICIENCY = Path(__file__).parents[3] / "plays" / "custom" / "efficiency.py"
SECOND_LINE = "kernel\n"


@dataclass(frozen=True)
class Case:
    """``old`` in the good file becomes ``new``; refused with ``code`` at ``line``, in ``words``."""

    title: str
    old: str
    new: str
    code: str
    line: int
    words: str


def inserted(title: str, line: str, code: str, words: str) -> Case:
    """``line`` stands as the second line of the file."""
    return Case(title, SECOND_LINE, SECOND_LINE + line + "\n", code, 2, words)


def used(text: str) -> None:
    """Load the file and prove what it declares, as a play that calls it does."""
    source = IndicatorSource("gap.py", "here/gap.py", text)
    for own in declared_indicators([source], TAKEN).values():
        prove(own, own.spec.resolve({}))


SOURCE, DECLARATION, FAILED = "INDICATOR_SOURCE", "INDICATOR_DECLARATION", "INDICATOR_FAILED"
TAKEN_CODE, KERNEL, UNSOUND = "INDICATOR_NAME_TAKEN", "INDICATOR_KERNEL", "INDICATOR_UNSOUND"

READING = (
    inserted("no python", "x = = 1", "INDICATOR_FILE", "no Python"),
    Case("a null byte", "kernel\n", "kernel\n\0", "INDICATOR_FILE", 1, "no Python"),
    inserted("a clock", "import time", SOURCE, "imports time"),
    inserted("a date", "from datetime import datetime", SOURCE, "imports datetime"),
    inserted("randomness", "import random", SOURCE, "imports random"),
    inserted("the environment", "import os.path", SOURCE, "imports os.path"),
    inserted("a neighbour", "import helpers", SOURCE, "may import __future__, decimal, engine"),
    inserted("a neighbour from", "from helpers import f", SOURCE, "imports helpers"),
    inserted("a relative neighbour", "from . import helpers", SOURCE, "neighbouring file"),
    inserted("numba itself", "from numba import njit", SOURCE, "from engine.indicators import"),
    inserted("numba through us", "from engine.indicators.volume import njit", SOURCE, "njit"),
    inserted("another part of us", "from engine.kernel import kernel", SOURCE, "engine.kernel"),
    inserted("everything", "from math import *", SOURCE, "name what it uses"),
    inserted("numpy's randomness", "from numpy.random import rand", SOURCE, "numpy.random"),
    inserted("numpy's files", "import numpy as n; n.loadtxt('a')", SOURCE, "n.loadtxt"),
    inserted("numpy's files from", "from numpy import load", SOURCE, "numpy.load"),
    inserted("a file", "TEXT = open('a').read()", SOURCE, "open may not be used"),
    inserted("evaluation", "X = eval('1')", SOURCE, "eval may not be used"),
    inserted("a hidden import", "os = __import__('os')", SOURCE, "__import__ may not"),
    inserted("printing", "print('loaded')", SOURCE, "print may not be used"),
    inserted("leaving", "raise SystemExit", SOURCE, "SystemExit may not be used"),
    inserted("hash", "X = hash('a')", SOURCE, "calls hash() (D2)"),
    inserted("processor's bits", "import math; X = math.exp(1.0)", SOURCE, "math.exp"),
    inserted(
        "our table",
        "from engine.indicators import INDICATORS; INDICATORS['ema'] = 1",
        SOURCE,
        "changes INDICATORS, which it imports",
    ),
    inserted(
        "our helpers",
        "import engine.indicators.windows as w; w.mean = 1",
        SOURCE,
        "changes w, which it imports",
    ),
    inserted("a reduction", "import numpy as np; X = np.sum([1.0])", SOURCE, "(D3)"),
    inserted("an excuse", "X = hash('a')  # deterministic: really", SOURCE, "calls hash() (D2)"),
    Case("a power", "FACTOR * (", "FACTOR ** (", SOURCE, 9, "(D6)"),
    Case("state outside", "    for i in", "    global A\n    for i in", SOURCE, 8, "changes A"),
)

DECLARING = (
    inserted("raised at once", "X = 1 // 0", FAILED, "ZeroDivisionError"),
    inserted("raised in a helper", "def f(): [][1]\nf()", FAILED, "IndexError"),
    inserted("an unknown name of ours", "from engine.indicators import nothing", FAILED, "nothing"),
    Case("no declarations", "SPECS =", "INDICATORS =", DECLARATION, 1, "SPECS = (Indicator"),
    Case("none declared", "SPECS =", "SPECS = ()\nX =", DECLARATION, 1, "declares no indicators"),
    Case("something else", "SPECS = (", "SPECS = (7,", DECLARATION, 14, "holds a int"),
    Case("a field missing", "        inputs=", "        # inputs=", FAILED, 15, "'inputs'"),
    Case("a field too many", "inputs=", "length=3, inputs=", FAILED, 15, "'length'"),
    Case("no name", '"gap"', '"a gap"', DECLARATION, 15, "name is letters"),
    Case("no summary", '"How far the open lies above the last close."', '" "',
         DECLARATION, 15, "summary is one line"),
    Case("an unknown input", '"open", ', '"opens", ', DECLARATION, 15, "unknown input 'opens'"),
    Case("a source and more", '"open", ', '"source", ', DECLARATION, 15, "unknown input 'source'"),
    Case("inputs no tuple", '("open", "close")', '"open"', DECLARATION, 15, "tuple of names"),
    Case("params no tuple", "params=()", "params=3", DECLARATION, 15, "tuple of ParamSpec"),
    Case("no outputs", '(OutputSpec("value"),)', "()", DECLARATION, 15, "tuple of OutputSpec"),
    Case("an only output's name", '"value"', '"gap"', DECLARATION, 15, "called value"),
    Case("an enum without words", 'OutputSpec("value")', 'OutputSpec("value", Type.ENUM)',
         DECLARATION, 15, "an ENUM has members"),
    Case("a type that is none", 'OutputSpec("value")', 'OutputSpec("value", "int")',
         DECLARATION, 15, "type is one of <Type.FLOAT"),
    Case("not decorated", "@kernel\n", "\n", DECLARATION, 15, "decorated with kernel"),
    Case("too few arguments", ", hi, i0", ", hi", DECLARATION, 15, "takes p, s, F"),
    Case("no function", "=lambda p: 2", "=2", DECLARATION, 15, "state_size is a function"),
    Case("a built-in's name", '"gap"', '"ema"', TAKEN_CODE, 15, "it is a built-in indicator"),
    Case("a structure's name", '"gap"', '"swing"', TAKEN_CODE, 15, "it is a structure"),
    Case("a function's name", '"gap"', '"cross_above"', TAKEN_CODE, 15, "it is a function"),
    Case("a price's name", '"gap"', '"close"', TAKEN_CODE, 15, "it is a word of the language"),
    Case("a size below nothing", "p: 2,", "p: -2,", DECLARATION, 24, "state_size of gap gave -2"),
    Case("half a cell", "p: 2,", "p: 2.0,", DECLARATION, 24, "state_size of gap gave 2.0"),
    Case("an endless state", "p: 2,", "p: 2**40,", DECLARATION, 6, "over 16777216"),
    Case("a count that raises", "p: 1,", "p: p[3],", FAILED, 25, "first_valid of gap raised Ind"),
)  # fmt: skip

COMPUTING = (
    Case("an unknown name", "= FACTOR * (", "= FACTER * (", KERNEL, 9, "'FACTER' is not defined"),
    Case("a text", "s[1])", 's[1]) + "a"', KERNEL, 9, "does not compile"),
    Case("a raise", "    for i in", "    raise ValueError('no')\n    for i in", FAILED, 8,
         "ValueError: no"),
    Case("a cell that is not there", "= 1.0, F[ins[1]", "= 1.0, s[7] + F[ins[1]", FAILED, 6,
         "IndexError"),
    Case("the next bar", "F[ins[0], i] -", "F[ins[0], min(i + 1, hi - 1)] -", UNSOUND, 6, "bars"),
    Case("the last bar given", "F[ins[0], i] -", "F[ins[0], hi - 1] -", UNSOUND, 6, "bars"),
    Case("a fresh start a chunk", "    for i in", "    s[0] = 0.0\n    for i in", UNSOUND, 6,
         "when the bars come in pieces (bar 1)"),
    Case("writing an input", "s[0], s[1] =", "F[ins[0], i] = 1.0; s[0], s[1] =", UNSOUND, 6,
         "writes to what is not an output"),
    Case("writing before", "s[0], s[1] =", "F[outs[0], lo - 1] = 1.0; s[0], s[1] =", UNSOUND, 6,
         "writes to what is not an output"),
    Case("writing parameters", "(p, s, F", "(s, p, F", FAILED, 6, "IndexError"),
    Case("a cell left out", "F[outs[0], i] = gap if", "if i > lo: F[outs[0], i] = gap if", UNSOUND,
         6, "unwritten"),
    Case("an infinity", "gap - gap == 0.0", "gap == gap", UNSOUND, 6, "where the bars are inf"),
    Case("half an int", 'OutputSpec("value")', 'OutputSpec("value", Type.INT)', UNSOUND, 6,
         "in value, of type int"),
    Case("no truth", 'OutputSpec("value")', 'OutputSpec("value", Type.BOOL)', UNSOUND, 6,
         "in value, of type bool"),
    Case("ready too early", "first_valid=lambda p: 1", "first_valid=lambda p: 0", UNSOUND, 6,
         "begins at bar 1 with value, where first_valid says 0"),
    Case("ready too late", "first_valid=lambda p: 1", "first_valid=lambda p: 2", UNSOUND, 6,
         "begins at bar 1 with value, where first_valid says 2"),
    Case("never ready", "s[0] > 0.0", "s[0] > 9.0", UNSOUND, 6, "begins nowhere"),
    Case("no warm-up", "p, w: 2", "p, w: 1", UNSOUND, 6, "warmup_bars says 1"),
    Case("no end of history", "F[ins[1], i]\n", "F[ins[1], i] + s[1]\n", UNSOUND, 6,
         "declare history_dependent=True"),
)  # fmt: skip

CASES = (*READING, *DECLARING, *COMPUTING)


def test_the_good_file_is_good():
    used(GAP)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_a_bad_file_is_refused_with_its_line(case: Case):
    assert GAP.count(case.old) >= 1
    text = GAP.replace(case.old, case.new, 1).replace("kernel\n", "kernel, Type\n", 1)
    with pytest.raises(IndicatorSourceError) as caught:
        used(text)
    error = caught.value
    assert (error.code, error.line) == (case.code, case.line), str(error)
    assert case.words in str(error)
    assert error.where == f"here/gap.py, line {case.line}"
    assert "\n" not in str(error)


def test_every_declaration_is_checked_before_one_is_given():
    """The second file is wrong: nothing of the first can be had."""
    good = IndicatorSource("a.py", "a.py", GAP)
    bad = IndicatorSource("b.py", "b.py", GAP.replace('"gap"', '"rsi"'))
    with pytest.raises(IndicatorSourceError, match="the name rsi is taken"):
        declared_indicators([good, bad], TAKEN)


def test_two_files_of_a_project_share_no_name():
    sources = [IndicatorSource(name, name, GAP) for name in ("a.py", "b.py")]
    with pytest.raises(IndicatorSourceError, match=r"an indicator of a\.py"):
        declared_indicators(sources, TAKEN)


def test_one_file_declares_a_name_once():
    twice = GAP + "SPECS = (*SPECS, *SPECS)\n"
    with pytest.raises(IndicatorSourceError, match="declared twice"):
        declared_indicators([IndicatorSource("a.py", "a.py", twice)], TAKEN)


def test_a_state_that_is_too_small_for_our_own_helpers_is_found():
    """They are compiled without bounds: the cells around the state tell."""
    text = EFFICIENCY.read_text(encoding="utf-8")
    short = text.replace("CHANGE_CELLS + int(", "CHANGE_CELLS - 3 + int(")
    assert short != text
    with pytest.raises(IndicatorSourceError, match="writes beyond its state"):
        used(short)


def test_a_declared_dependence_on_history_is_accepted():
    summed = GAP.replace("F[ins[1], i]\n", "F[ins[1], i] + s[1]\n")
    used(summed.replace("params=(),", "params=(), history_dependent=True,"))


def test_parameters_of_a_play_are_proved_too():
    """Sound with its default, not with 3: the proof is of what a play asks for."""
    text = (
        GAP.replace("params=(),", "params=(length_param(1),),")
        .replace("SPECS =", "from engine.indicators.spec import length_param\nSPECS =")
        .replace("F[ins[0], i] -", "F[ins[0], min(i + int(p[0]) - 1, hi - 1)] -")
    )
    (own,) = declared_indicators([IndicatorSource("a.py", "a.py", text)], TAKEN).values()
    prove(own, (1.0,))
    with pytest.raises(IndicatorSourceError, match=r"the kernel of gap\(length=3\) "):
        prove(own, (3.0,))


@pytest.mark.parametrize("spec", INDICATORS.values(), ids=INDICATORS.keys())
def test_the_proof_finds_nothing_wrong_with_what_is_right(spec: IndicatorSpec):
    """Built-in indicators keep the same rules, so each must pass as a user's."""
    source = IndicatorSource("x.py", "x.py", "")
    prove(UserIndicator(spec.name, source.sha256, source, spec, 1), spec.resolve({}))
