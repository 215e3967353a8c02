import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cli.docs import PAGES
from receivables.quiet import SWITCHES

_ROOT = Path(__file__).parent.parent
_PROJECT = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
_PACKAGES = _PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
_TEXTS = [
    file
    for folder in (*_PACKAGES, "conf", "docs", "notebooks", "benchmarks", "tests", ".ci")
    for file in (_ROOT / folder).rglob("*")
    if file.suffix in {"", ".py", ".toml", ".md", ".html", ".css", ".js", ".svg", ".ipynb", ".json"} and file.is_file()
] + [_ROOT / name for name in ("README.md", "CHANGELOG.md", "Makefile", "pyproject.toml", "requirements.lock")]


def test_imports_flow_in_one_direction() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=_ROOT, timeout=120)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("package", _PACKAGES)
def test_a_package_offers_exactly_what_it_lists(package: str) -> None:
    module = importlib.import_module(package)
    listed = getattr(module, "__all__", [])
    offered = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and name != "annotations" and type(value).__name__ != "module"
    }
    assert len(set(listed)) == len(listed)
    assert set(listed) == offered


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_generated_page_is_committed_as_generated(page: str) -> None:
    assert (_ROOT / page).read_text(encoding="utf-8") == PAGES[page](), "run: otcrisk docs"


_LOCKS = {"requirements.lock": [], "requirements-test.lock": ["test"], "requirements-world.lock": ["world"],
          "requirements-supply.lock": ["supply"]}  # fmt: skip


def _pins(name: str) -> dict[str, str]:
    """What a lock pins, each with its text."""
    text = (_ROOT / name).read_text(encoding="utf-8")
    found = re.findall(r"^[a-z0-9].*(?:\n .*)*", text, re.M)
    return {re.split(r"[=\s]", pin)[0]: pin for pin in found}


@pytest.mark.parametrize("name", _LOCKS)
def test_a_lock_pins_every_dependency_with_hashes_and_names_no_registry(name: str) -> None:
    pins = _pins(name)
    assert pins
    for pin in pins.values():
        first, *hashes = [line.strip(" \\") for line in pin.splitlines()]
        assert re.fullmatch(r"[a-z0-9._-]+==\S+( ; .+)?", first)
        assert hashes
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in hashes)
    assert "//" not in "".join(pins.values())


@pytest.mark.parametrize("name", _LOCKS)
def test_a_lock_and_the_one_that_it_adds_to_hold_what_the_project_asks_for(name: str) -> None:
    pinned = _pins("requirements.lock") | _pins(name)
    extras = _PROJECT["project"]["optional-dependencies"]
    wanted = _PROJECT["project"]["dependencies"] + [line for extra in _LOCKS[name] for line in extras[extra]]
    names = {re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower() for requirement in wanted} - {"otc-risk"}
    assert names <= set(pinned)
    twice = set(_pins("requirements.lock")) & set(_pins(name)) if name != "requirements.lock" else set()
    assert twice == set()


_IMPORTED = {"python-dateutil": "dateutil", "scikit-learn": "sklearn", "nbclient": "nbclient", "httpx2": "httpx2",
             "pytest-timeout": "pytest_timeout", "pytest-xdist": "xdist", "import-linter": "importlinter",
             "ipykernel": "ipykernel"}  # fmt: skip
#: Installed where they are used only; their own make targets import them.
_ELSEWHERE = {"world", "supply"}


@pytest.mark.parametrize("extra", sorted(set(_PROJECT["project"]["optional-dependencies"]) - _ELSEWHERE))
def test_what_an_extra_brings_can_be_imported(extra: str) -> None:
    names = [re.split(r"[^A-Za-z0-9._-]", line)[0] for line in _PROJECT["project"]["optional-dependencies"][extra]]
    for name in set(names) - {"otc-risk", "pandas-stubs", "uv"}:
        assert importlib.import_module(_IMPORTED.get(name, name))


def test_each_dependency_states_its_reason_and_its_bounds() -> None:
    text = (_ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lines = re.findall(r'^  "([a-z][\w\[\]-]*>=[^"]*)",(.*)$', text, re.M)
    assert len(lines) > 20
    assert all("," in requirement and "# " in reason for requirement, reason in lines)


def test_no_text_names_the_place_where_it_was_written() -> None:
    traces = re.compile("|".join(["/wo" + "rk/", "/ro" + "ot/", "Cla" + "ude", r"simple/ind" + "ex"]))
    found = [f"{file.relative_to(_ROOT)}: {hit[0]}" for file in _TEXTS for hit in traces.finditer(_read(file))]
    assert found == []


def test_libraries_that_call_home_are_told_not_to() -> None:
    code = f"""
import os
for name in {sorted(SWITCHES)!r}:
    os.environ.pop(name, None)
from receivables.quiet import quiet
quiet()
import mlflow.telemetry.utils as mlflow_utils
from bentoml._internal.utils.analytics import usage_stats
print(mlflow_utils.is_telemetry_disabled(), usage_stats.do_not_track())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=_ROOT, timeout=120
    )
    assert done.stdout.split() == ["True", "True"]


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")
