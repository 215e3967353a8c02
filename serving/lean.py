"""What a server need not load: scipy, which numba looks for before it compiles or loads its first loop.

It is for products of matrices inside compiled loops. There are none here; scipy would cost every worker 15 MB and its
start a sixth of a second.
"""

from __future__ import annotations

import sys
from typing import Final

_ARRAYS: Final = "numba.np.arraymath"
_BLAS: Final = "scipy.linalg.cython_blas"


def without_scipy() -> bool:
    """Whether numba goes without scipy from now on; false where either of them is loaded already."""
    if _ARRAYS in sys.modules or _BLAS in sys.modules:
        return False
    # the import system takes a null for a package that is not installed
    sys.modules[_BLAS] = None  # type: ignore[assignment]
    try:
        import numba.np.arraymath  # noqa: F401
    finally:
        del sys.modules[_BLAS]
    return True
