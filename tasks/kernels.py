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
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

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


class _NoLinearAlgebra(MetaPathFinder):
    """Tells numba that SciPy has no linear algebra, as it does when SciPy is not installed.

    numba asks for it once, when the first kernel is compiled or loaded; no kernel here uses it, and
    its import costs a third of a second and 15 MB. Everybody else finds it.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        asking = sys.modules.get("numba.np.arraymath")
        if name == "scipy.linalg" and asking is not None and not hasattr(asking, "_HAVE_BLAS"):
            raise ImportError("kernels use no linear algebra")
        return None


def use_kernel_cache() -> None:
    """Keep this process's kernels there, unless its environment names a folder or the project's
    cannot be written (numba then keeps them where it would)."""
    if "numba" in sys.modules:
        return
    if not any(isinstance(finder, _NoLinearAlgebra) for finder in sys.meta_path):
        sys.meta_path.insert(0, _NoLinearAlgebra())
    if _VARIABLE not in os.environ and os.access(ROOT / "engine", os.W_OK):
        os.environ[_VARIABLE] = str(kernel_cache())


def forget_other_kernels() -> None:
    """Remove the kernels of sources that have changed since."""
    current = kernel_cache()
    for folder in current.parent.glob("kernels-*"):
        if folder != current:
            shutil.rmtree(folder)
