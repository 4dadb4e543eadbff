"""Live: the sans-I/O session core and its thin shell.

Nothing lives here yet but the room itself: the paper session and the supervised runner come with
their own issues. May import ``engine``; never ``tasks`` or ``flows``.
"""

__all__: list[str] = []
