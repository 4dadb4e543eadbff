"""What the truth of the four rules and the position make of a clock close: the decision.

Order of evaluation (play language, "Rule order"): exits before entries; entries only when flat,
where flat means after the exits of the same decision, so an exit and the opposite entry on one
close reverse the position; when both entries are true neither fires and the conflict is recorded.
Truth values are uint8: 0 false, 1 null (unknown), 2 true. Only true fires.

The same compiled :func:`decide` runs in the backtest's loop and in the live engine.
"""

from __future__ import annotations

from engine.jit import njit

FALSE, NULL, TRUE = 0, 1, 2

#: An action is a set of bits: what leaves, what enters, whether two entries cancelled each other.
ACTION_NONE = 0
EXIT_LONG = 1
EXIT_SHORT = 2
ENTER_LONG = 4
ENTER_SHORT = 8
CONFLICT = 16

_NAMED_BITS = (
    (EXIT_LONG, "exit_long"),
    (EXIT_SHORT, "exit_short"),
    (ENTER_LONG, "enter_long"),
    (ENTER_SHORT, "enter_short"),
)


def action_name(action: int) -> str:
    """Text of an action: ``none``, ``enter_long``, ``exit_long+enter_short``, ``conflict`` ..."""
    parts = [name for bit, name in _NAMED_BITS if action & bit]
    if action & CONFLICT:
        parts.append("conflict")
    return "+".join(parts) or "none"


def action_rules(action: int) -> tuple[str, ...]:
    """The rule kinds that made an action, exits first; both entries for a conflict."""
    conflict = ENTER_LONG | ENTER_SHORT if action & CONFLICT else 0
    return tuple(name for bit, name in _NAMED_BITS if (action | conflict) & bit)


@njit(cache=True)
def decide(side: int, exit_long: int, exit_short: int, enter_long: int, enter_short: int) -> int:
    """Action of one clock close for a position of ``side`` (-1 short, 0 flat, 1 long).

    Flat means after the exits of the same decision: with ``exit_long`` true a long may reverse,
    or leave and enter its own side anew, on this very close.
    """
    action = 0
    if side > 0:
        if exit_long != 2:
            return 0
        action = 1
    elif side < 0:
        if exit_short != 2:
            return 0
        action = 2
    if enter_long == 2 and enter_short == 2:
        return action | 16
    if enter_long == 2:
        return action | 4
    if enter_short == 2:
        return action | 8
    return action
