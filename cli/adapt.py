"""`otcrisk adapt`: an ERP's document as a scoring request, or an answer as the ERP's document."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from receivables.adapters import from_answer, load_adapter, names_of, to_request
from receivables.errors import InputError


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("file", type=Path, help="the document as JSON")
    parser.add_argument("--adapter", required=True, metavar="NAME", help=f"one of {', '.join(names_of())}")
    parser.add_argument("--answer", action="store_true", help="the file is an answer of the service")


def run(args: argparse.Namespace) -> int:
    """Prints the other document."""
    adapter = load_adapter(args.adapter)
    made = (from_answer if args.answer else to_request)(adapter, _read(args.file))
    print(json.dumps(made, indent=2, ensure_ascii=False))
    return 0


def _read(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: expected a JSON document: {error}") from None
    if not isinstance(document, dict):
        raise InputError(f"{file}: expected a JSON object")
    return document
