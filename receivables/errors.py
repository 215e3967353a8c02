"""The one error tree, and the exit code that each branch ends the command with.

    OtcRiskError                     1
    ├── InputError                   3   what was given cannot be read: file, column, date, amount
    │   ├── MappingError             3   a mapping names a column or table that is not there
    │   ├── EmptyInputError          3   nothing to work on
    │   └── TooLargeError            3   input beyond the configured size, refused before it is read
    ├── ConfigError                  4   a file in conf/ is wrong; every problem is listed
    ├── UnavailableError             5   a database or service cannot be reached
    ├── ArtefactError                6   a model folder is damaged, incomplete or of another feature set
    ├── ConflictError                1   an id was used before for something else
    ├── NotEnoughDataError           7   too few matured outcomes to learn or to judge
    └── NotFoundError                8   no such decision, customer, invoice or model
        └── ErasedError              8   it was there, and its personal data was erased

A message says what was expected, what was got, where, and what to do next.
"""

from __future__ import annotations


class OtcRiskError(Exception):
    """Root of every error that we raise on purpose."""

    exit_code = 1
    code = "ERROR"


class InputError(OtcRiskError):
    """What was given cannot be read as what it should be."""

    exit_code = 3
    code = "INPUT"


class MappingError(InputError):
    """A mapping and the file it is applied to do not fit."""

    code = "MAPPING"


class EmptyInputError(InputError):
    """There is nothing to work on."""

    code = "EMPTY"


class TooLargeError(InputError):
    """The input is beyond the configured size and was not read."""

    code = "TOO_LARGE"


class ConfigError(OtcRiskError):
    """A configuration file is wrong; the message lists every problem."""

    exit_code = 4
    code = "CONFIG"


class UnavailableError(OtcRiskError):
    """A database or service cannot be reached."""

    exit_code = 5
    code = "UNAVAILABLE"


class ArtefactError(OtcRiskError):
    """A model folder is damaged, incomplete, or made for another feature set."""

    exit_code = 6
    code = "ARTEFACT"


class ConflictError(OtcRiskError):
    """An id that must be used once was used before for something else."""

    code = "CONFLICT"


class NotEnoughDataError(OtcRiskError):
    """Too few matured outcomes to learn from or to judge by."""

    exit_code = 7
    code = "NOT_ENOUGH_DATA"


class NotFoundError(OtcRiskError):
    """The thing asked for by its id does not exist."""

    exit_code = 8
    code = "NOT_FOUND"


class ErasedError(NotFoundError):
    """What was asked for was about a natural person, and the key of its data was destroyed."""

    code = "ERASED"
