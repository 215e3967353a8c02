from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

_ROOT = Path(__file__).parent.parent
_NOTEBOOKS = sorted((_ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", _NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom_and_draws_a_picture(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    # "python3" is ipykernel's own; Jupyter starts it with the interpreter that runs this test
    NotebookClient(notebook, kernel_name="python3", timeout=240, resources={"metadata": {"path": str(_ROOT)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)


@pytest.mark.parametrize("path", _NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    assert all(not cell.outputs and cell.execution_count is None for cell in cells if cell.cell_type == "code")


def test_there_are_notebooks() -> None:
    assert len(_NOTEBOOKS) == 3
