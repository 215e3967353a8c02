"""What a server does not load."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import sys
from serving.lean import without_scipy
assert without_scipy() and not without_scipy()
from models.law_loops import days_above
import numpy as np
assert days_above(np.ones((1, 3)), np.array([0.5])).tolist() == [3]
assert not [name for name in sys.modules if name.startswith("scipy.linalg")]
import scipy.linalg.cython_blas
"""


def test_compiled_loops_run_without_scipy_which_can_still_be_loaded() -> None:
    subprocess.run([sys.executable, "-c", _PROGRAM], check=True)
