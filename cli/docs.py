"""`otcrisk docs`: writes the pages and the module that are generated from tables and configuration files."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cli.output import emit, say
from receivables.config import conf_dir

_ROOT = Path(__file__).resolve().parent.parent


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("--out", type=Path, default=_ROOT, help="folder (default that of the packages)")


def run(args: argparse.Namespace) -> int:
    """Writes every file whose text changed."""
    changed = []
    for name, page in PAGES.items():
        file, text = args.out / name, page()
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
            changed.append(str(file))
    say("\n".join(f"wrote {file}" for file in changed) or "every file is up to date", args)
    emit({"written": changed}, args)
    return 0


def compiled_module() -> str:
    """The feature table as straight-line code."""
    from features.compiler import source
    from features.table import OWN

    return source(OWN)


def features_page() -> str:
    """The feature table."""
    from features import docs

    return docs.features_page()


def ledger_page() -> str:
    """The canonical tables, which are also the files of the mapping `generic`."""
    from receivables.schema import TABLES

    parts = [_LEDGER_INTRODUCTION]
    for table in TABLES:
        rows = [
            f"| `{c.name}` | {c.kind} | {_REQUIRED[c.nullable]} | {c.meaning}{_values(c.values)} |"
            for c in table.columns
        ]
        key = ", ".join(f"`{name}`" for name in table.key)
        head = ["| column | kind | | meaning |", "|---|---|---|---|"]
        parts.append("\n".join([f"## {table.name}", "", f"One row: {table.meaning}. Key: {key}.", "", *head, *rows]))
    return "\n\n".join(parts) + "\n"


def configuration_page() -> str:
    """Every file in conf/ with its comments, and the environment variables."""
    folder = conf_dir()
    files = sorted(folder.glob("*.toml")) + sorted(folder.glob("*/*.toml"))
    blocks = [
        f"## conf/{file.relative_to(folder)}\n\n```toml\n{file.read_text(encoding='utf-8').rstrip()}\n```"
        for file in files
    ]
    return "\n\n".join([_CONFIGURATION_INTRODUCTION, *blocks]) + "\n"


def _values(values: tuple[str, ...]) -> str:
    return f": {', '.join(values)}" if values else ""


_REQUIRED = {False: "required", True: "may be empty"}

_LEDGER_INTRODUCTION = """\
# The canonical ledger

Generated from `receivables/schema.py` by `otcrisk docs`.

Every importer ends in these tables. Kinds: *id* text that is never read as a number; *text*; *date* a calendar day;
*moment* an instant in UTC; *money* whole minor units of the row's currency; *whole* a whole number; *currency* an ISO
4217 code; *rate* an exact decimal.

Each fact has its business date and `known_at`, the moment the seller knew it. As of a moment, only facts with
`known_at` at or before it are seen. A source that holds dates only knows a fact at the midnight that ends its day."""

_CONFIGURATION_INTRODUCTION = """\
# Configuration

Generated from the files in `conf/` by `otcrisk docs`.

Code holds definitions, `conf/*.toml` what a site changes. An unknown key is an error that names the file and the key,
and every problem of a file is listed at once (exit code 4). The policy file's hash goes into every decision.

| environment variable | meaning | default |
|---|---|---|
| `OTCRISK_HOME` | state: tracking database, artefacts, champion, decisions, reports | `./var` |
| `OTCRISK_CONF` | folder of the files below | `conf/` beside the packages |
| `OTCRISK_SIGNING_KEY` | private key that signs champions | `OTCRISK_HOME/keys/signing_key.pem`, made on first use |
| `OTCRISK_TRUSTED_KEYS` | public keys to trust | `trusted_keys.pem` in `OTCRISK_CONF`, else in `OTCRISK_HOME/keys` |
| `OTCRISK_PERSONAL_MASTER` | master key of the keys of personal data | `personal_keys.master` beside the decision log |
| `OTCRISK_KEY` | key of the person who runs `otcrisk changes` or `otcrisk promote` | none |
| `OTCRISK_SHIP_TO` | database to which the decision log is copied | none: it is not |
| `OTCRISK_NODE` | name of this node in that copy | made once, kept in the file `node` beside the decision log |"""

#: File and what makes its text.
PAGES: Final[dict[str, Callable[[], str]]] = {
    "docs/configuration.md": configuration_page,
    "docs/features.md": features_page,
    "docs/ledger.md": ledger_page,
    "features/compiled.py": compiled_module,
}
