"""What the truth of the four rules and the position make of a clock close: the decision.

Order of evaluation (play language, "Rule order"): exits before entries; entries only when flat,
where flat means after the exits of the same decision, so an exit and the opposite entry on one
close reverse the position; when both entries are true neither fires and the conflict is recorded.
Truth values are uint8: 0 false, 1 null (unknown), 2 true. Only true fires.

The same compiled :func:`decide` runs in the backtest's loop and in the live engine.
"""

from __future__ import annotations

from numba import njit

FALSE, NULL, TRUE = 0, 1, 2

ACTION_NONE = 0
ENTER_LONG = 1
ENTER_SHORT = 2
EXIT_LONG = 3
EXIT_SHORT = 4
REVERSE_TO_SHORT = 5
REVERSE_TO_LONG = 6
CONFLICT = 7
EXIT_LONG_CONFLICT = 8
EXIT_SHORT_CONFLICT = 9

#: Text name of each action code, by code.
ACTION_NAMES = (
    "none",
    "enter_long",
    "enter_short",
    "exit_long",
    "exit_short",
    "reverse_to_short",
    "reverse_to_long",
    "conflict",
    "exit_long_conflict",
    "exit_short_conflict",
)

#: The rule kinds (rows of RULE_KINDS) whose alternatives each action names, by action code.
ACTION_RULES = (
    (),
    ("enter_long",),
    ("enter_short",),
    ("exit_long",),
    ("exit_short",),
    ("exit_long", "enter_short"),
    ("exit_short", "enter_long"),
    ("enter_long", "enter_short"),
    ("exit_long", "enter_long", "enter_short"),
    ("exit_short", "enter_long", "enter_short"),
)


@njit(cache=True)
def decide(side: int, exit_long: int, exit_short: int, enter_long: int, enter_short: int) -> int:
    """Action code of one clock close for a position of ``side`` (-1 short, 0 flat, 1 long).

    A position that leaves and re-enters its own side on one close just leaves: the entry is for
    the bar on which the position is flat and its rule true again.
    """
    both = enter_long == 2 and enter_short == 2
    if side > 0:
        if exit_long != 2:
            return ACTION_NONE
        if both:
            return EXIT_LONG_CONFLICT
        return REVERSE_TO_SHORT if enter_short == 2 else EXIT_LONG
    if side < 0:
        if exit_short != 2:
            return ACTION_NONE
        if both:
            return EXIT_SHORT_CONFLICT
        return REVERSE_TO_LONG if enter_long == 2 else EXIT_SHORT
    if both:
        return CONFLICT
    if enter_long == 2:
        return ENTER_LONG
    if enter_short == 2:
        return ENTER_SHORT
    return ACTION_NONE
