"""A second simulated exchange, to hold against the compiled one.

Plain Python with ``int`` and ``Fraction``, written from the exchange's requirement page alone and
for clarity alone: each rule is a small function whose docstring quotes the sentence it implements,
and a choice made where the page leaves one open is marked ``Choice:``. Nothing of
the project is imported by it. The one door is :func:`tests.oracle.exchange.run`: a scenario in, a
list of events out. Beside it stands what holds the compiled exchange against it: random scenarios
(``python -m tests.oracle``) and mutations (``python -m tests.oracle.mutations``).
"""
