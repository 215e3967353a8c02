"""No package of ours reads a format that runs code when it is read; the rules are those of .ci/unpickling.yaml."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

_ROOT: Final = Path(__file__).parent.parent
_PACKAGES: Final = ("receivables", "features", "models", "training", "serving", "monitoring", "reports", "cli")
_RULES: Final = _ROOT / ".ci" / "unpickling.yaml"


def patterns() -> list[re.Pattern[str]]:
    """The rules as patterns of a call's full name, with the keyword that makes it dangerous where there is one."""
    made = []
    for line in re.findall(r"- pattern: (.+)$", _RULES.read_text(encoding="utf-8"), re.M):
        name, _, rest = line.partition("(")
        keyword = re.search(r"\w+=\w+", rest)
        text = re.escape(name).replace(r"\$FLAVOUR", r"[\w.]+") + (rf"\(.*{keyword[0]}.*" if keyword else r"\(.*")
        made.append(re.compile(text))
    return made


def calls(source: str) -> Iterator[tuple[int, str]]:
    """Line and full name of every call, aliases of imports resolved, with its keywords."""
    tree = ast.parse(source)
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for found in node.names:
                names[found.asname or found.name.partition(".")[0]] = (
                    found.name if found.asname else found.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            names |= {found.asname or found.name: f"{node.module}.{found.name}" for found in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            first, dot, rest = ast.unparse(node.func).partition(".")
            keywords = ", ".join(f"{word.arg}={ast.unparse(word.value)}" for word in node.keywords)
            yield node.lineno, f"{names.get(first, first)}{dot}{rest}({keywords})"


def dangerous(source: str) -> list[tuple[int, str]]:
    known = patterns()
    return [(line, call) for line, call in calls(source) if any(rule.fullmatch(call) for rule in known)]


@pytest.mark.parametrize("package", _PACKAGES)
def test_nothing_that_is_read_can_run(package: str) -> None:
    found = [
        f"{file.relative_to(_ROOT)}:{line}: {call}"
        for file in (_ROOT / package).rglob("*.py")
        for line, call in dangerous(file.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle\npickle.load(f)",
        "import pickle as p\np.loads(b)",
        "from joblib import load\nload('m')",
        "from joblib import load as read\nread('m')",
        "import mlflow\nmlflow.pyfunc.load_model('m')",
        "import mlflow.lightgbm\nmlflow.lightgbm.load_model('m')",
        "from mlflow import lightgbm\nlightgbm.load_model('m')",
        "import skops.io as sio\nsio.load('m')",
        "import torch\ntorch.load('m')",
        "import yaml\nyaml.load(text, Loader=yaml.Loader)",
        "import numpy as np\nnp.load('m', allow_pickle=True)",
        "import pandas as pd\npd.read_pickle('m')",
        "import bentoml\nbentoml.sklearn.load_model('m')",
    ],
)
def test_the_rules_find_it_under_any_name(source: str) -> None:
    assert len(dangerous(source)) == 1


@pytest.mark.parametrize(
    "source", ["import json\njson.load(f)", "import numpy as np\nnp.load('m', allow_pickle=False)"]
)
def test_the_rules_leave_plain_formats_alone(source: str) -> None:
    assert dangerous(source) == []
