"""Side-by-side measurements against peers: ``make bench`` prints one table.

Every figure is a ratio of two things measured in one run, in alternation, on the same data, because
the machines are noisy. ``data.py`` makes the bars, ``workers.py`` and the files beside it run one
engine each in a process of its own (peers in an environment of theirs, ``requirements.lock``),
``rows.py`` measures, ``__main__.py`` prints. Nothing here is imported by the project.
"""
