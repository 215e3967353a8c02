"""From figures to one self-contained HTML file: every value escaped, no script, nothing fetched from anywhere."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from receivables.errors import UnavailableError
from reports import words

#: What a page may use, enforced by the browser: its own style sheet, known by hash, and nothing else.
_POLICY: Final = "default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    said = ("amount", "count", "day", "moment", "number", "parameters", "percent", "short_money", "spell")
    made.globals["is_number_column"] = words.is_number_column
    made.filters.update({name: getattr(words, name) for name in said})
    return made


def render(template: str, figures: Mapping[str, Any]) -> str:
    """The page as HTML text; raises jinja2.UndefinedError where the template names a figure that is not there."""
    style = source("style.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page = {"style": Markup(style), "policy": _POLICY.format(digest=digest)}  # noqa: S704  # our own file
    return render_template(template, {**figures, **page})


def render_template(template: str, figures: Mapping[str, Any]) -> str:
    """A page whose style sheet lies elsewhere, as HTML text; raises as `render`."""
    return _environment().get_template(template).render(**figures)


def source(name: str) -> str:
    """The text of a file among the templates."""
    environment = _environment()
    return environment.loader.get_source(environment, name)[0]  # type: ignore[union-attr]


def write(html: str, path: Path) -> Path:
    """Writes the page so that `path` holds either the whole of it or what it held before; returns the absolute path.

    Raises UnavailableError where the place cannot be written.
    """
    path = path.absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise UnavailableError(f"{path}: the report cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(html)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError as error:
        raise UnavailableError(f"{path}: the report cannot be written: {error.strerror}") from error
    finally:
        Path(name).unlink(missing_ok=True)
    return path


def file_name(text: str) -> str:
    """`text` as a safe part of a file name.

    >>> file_name("../../scr 1")
    'scr-1'
    """
    return re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-")[:80] or "report"
