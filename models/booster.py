"""LightGBM's own predictions through its C library alone.

The Python package would import scikit-learn and scipy, a second and 80 MB in every serving process. Training, which
needs it anyway, is in `models.boosting`.
"""

from __future__ import annotations

import ctypes
import importlib.util
import weakref
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from models.numbers import Floats
from receivables.errors import ArtefactError

# constants of the library's C header
_FLOAT64: Final = 1
_ROW_MAJOR: Final = 1
_RAW_SCORE: Final = 1
_CONTRIBUTIONS: Final = 3


class Booster:
    """A model that LightGBM has read from `text`; raises ArtefactError where it cannot. Safe for threads."""

    def __init__(self, text: str) -> None:
        handle, rounds = ctypes.c_void_p(), ctypes.c_int()
        _check(_library().LGBM_BoosterLoadModelFromString(text.encode(), ctypes.byref(rounds), ctypes.byref(handle)))
        self._handle = handle
        weakref.finalize(self, _library().LGBM_BoosterFree, handle)

    def margin(self, rows: Floats, *, threads: int = 1) -> Floats:
        """(n,) log-odds of C-contiguous rows (n, columns)."""
        return self._predict(rows, _RAW_SCORE, 1, threads)[:, 0]

    def contributions(self, rows: Floats, *, threads: int = 1) -> Floats:
        """(n, columns + 1) SHAP values, the log-odds of the average row in the last column."""
        return self._predict(rows, _CONTRIBUTIONS, rows.shape[1] + 1, threads)

    def _predict(self, rows: Floats, kind: int, width: int, threads: int) -> Floats:
        made, length = np.empty((len(rows), width)), ctypes.c_int64()
        _check(
            _library().LGBM_BoosterPredictForMat(
                self._handle,
                rows.ctypes.data_as(ctypes.c_void_p),
                ctypes.c_int(_FLOAT64),
                ctypes.c_int32(len(rows)),
                ctypes.c_int32(rows.shape[1]),
                ctypes.c_int(_ROW_MAJOR),
                ctypes.c_int(kind),
                ctypes.c_int(0),
                ctypes.c_int(-1),
                f"num_threads={threads} verbosity=-1".encode(),
                ctypes.byref(length),
                made.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
            )
        )
        return made


@cache
def _library() -> ctypes.CDLL:
    found = importlib.util.find_spec("lightgbm")
    if found is None or found.origin is None:
        raise ArtefactError("the lightgbm package is not installed; install the project with its dependencies")
    library = ctypes.CDLL(str(next(Path(found.origin).parent.rglob("lib_lightgbm.*"))))
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    return library


def _check(status: int) -> None:
    if status:
        raise ArtefactError(f"LightGBM: {_library().LGBM_GetLastError().decode()}")
