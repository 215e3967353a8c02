import json
import subprocess
import sys
from pathlib import Path

import pytest

from cli.main import VERBS, main

_HEAVY = {"numpy", "pandas", "lightgbm", "sklearn", "mlflow", "bentoml", "evidently", "shap", "sqlalchemy", "pydantic"}
_SHOW_MODULES = """
import sys
from cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert end.code == 0, end.code
print(" ".join({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""
_ROOT = Path(__file__).parent.parent.parent


def _help(*words: str) -> tuple[str, set[str]]:
    command = [sys.executable, "-c", _SHOW_MODULES, *words, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=_ROOT, timeout=60)
    return done.stdout, set(done.stderr.split())


def test_help_names_every_verb_and_exit_code_and_imports_nothing_heavy() -> None:
    text, modules = _help()
    assert all(f"    {verb} " in text for verb, _, _ in VERBS)
    assert all(f"  {code} " in text for code in range(11))
    assert modules & _HEAVY == set()


@pytest.mark.parametrize("verb", [verb for verb, _, _ in VERBS])
def test_each_verb_explains_itself_without_importing_anything_heavy(verb: str) -> None:
    text, modules = _help(verb)
    assert "--json" in text
    assert modules & _HEAVY == set()


def test_an_unknown_verb_ends_with_code_2_and_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["forecast"])
    assert "simulate" in capsys.readouterr().err


def test_an_error_is_said_in_words_and_ends_with_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(
        ["drift", "--ledger", "x", "--reference", "2026-02-30:2026-03-01", "--current", "2026-01-01:2026-01-31"]
    )
    said = capsys.readouterr()
    assert code == 3
    assert said.err == "otcrisk drift: expected a day as YYYY-MM-DD, got '2026-02-30'\n"
    assert said.out == ""


def test_an_error_under_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--reference", "2026-03-01:2026-01-01", "--current", "2026-01-01:2026-01-31", "--json"]
    assert main(["drift", "--ledger", "x", *words]) == 3
    error = json.loads(capsys.readouterr().out)["error"]
    assert error == {"code": "INPUT", "message": "the span '2026-03-01:2026-01-01' ends before it starts"}
