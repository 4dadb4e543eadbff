"""Where compiled kernels are kept: a folder named by the sources they were compiled from.

numba's own cache looks at the file of the function it compiled, not at the functions that one
calls, so after a change elsewhere it would run old code. Here any change of a source begins a new
folder. Must be called before numba is first imported.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Folders whose sources hold kernels.
_ROOMS = ("engine", "tasks")
_VARIABLE = "NUMBA_CACHE_DIR"


def kernel_cache() -> Path:
    """The folder for kernels of the sources as they are now."""
    digest = hashlib.sha256()
    for room in _ROOMS:
        for source in sorted((ROOT / room).rglob("*.py")):
            digest.update(source.relative_to(ROOT).as_posix().encode() + b"\0")
            digest.update(source.read_bytes())
    return ROOT / "engine" / "__pycache__" / f"kernels-{digest.hexdigest()[:16]}"


def use_kernel_cache() -> None:
    """Keep this process's kernels there, unless its environment names a folder or the project's
    cannot be written (numba then keeps them where it would)."""
    if _VARIABLE in os.environ or "numba" in sys.modules:
        return
    if os.access(ROOT / "engine", os.W_OK):
        os.environ[_VARIABLE] = str(kernel_cache())


def forget_other_kernels() -> None:
    """Remove the kernels of sources that have changed since."""
    current = kernel_cache()
    for folder in current.parent.glob("kernels-*"):
        if folder != current:
            shutil.rmtree(folder)
