"""Cells of CSV files that people open in a spreadsheet, where text that begins like a formula is run."""

from __future__ import annotations

from typing import Final

#: What makes a spreadsheet take text for a formula (OWASP, CSV injection).
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def guarded(text: str) -> str:
    """The text with an apostrophe before it where a spreadsheet would run it, or where it has one already.

    >>> guarded("=HYPERLINK(1)"), guarded("12.50"), bare(guarded("'=1"))
    ("'=HYPERLINK(1)", '12.50', "'=1")
    """
    return f"'{text}" if text.lstrip("'").startswith(FORMULA) else text


def bare(text: str) -> str:
    """What was `guarded`."""
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(FORMULA) else text
