"""``python -m flows.cli``: the same as ``lockstep``."""

import sys

from flows.cli import main

sys.exit(main())
