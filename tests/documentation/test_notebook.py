"""The page on notebooks, run in a kernel: what it says of errors and of a stopped cell is what is shown there."""

from __future__ import annotations

import re
from typing import Any

import nbclient
import nbformat
import pytest

from tests.documented import DOCS


@pytest.fixture(scope="module")
def cells() -> list[Any]:
    """The code cells of the page after they have been run; only those that say so may fail."""
    notebook = nbformat.read(DOCS / "how-to" / "notebook.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=60).execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def errors(cells: list[Any]) -> list[str]:
    tracebacks = [
        "\n".join(output.traceback) for cell in cells for output in cell.outputs if output.output_type == "error"
    ]
    return [re.sub("\x1b\\[[0-9;]*m", "", each) for each in tracebacks]


def test_each_error_of_the_page_is_one_sentence_and_the_report(cells: list[Any]) -> None:
    conflict, stopped, unchanged = errors(cells)
    assert len(conflict.splitlines()) == len(unchanged.splitlines()) == 3
    assert len(stopped.splitlines()) == 9
    assert stopped.startswith("UploadInterrupted: ")
    assert "%tb" in conflict


def test_a_stopped_cell_that_is_run_again_unchanged_is_told_what_to_write(cells: list[Any]) -> None:
    _, stopped, unchanged = errors(cells)
    assert re.search("^stored .*slice-1.nii", stopped, re.MULTILINE)
    assert re.search("^not sent .*slice-3.nii", stopped, re.MULTILINE)
    assert unchanged.startswith("AlreadyExistsError: 'slice-1.nii'")
    assert "exist_ok='same'" in unchanged


def test_with_same_it_finishes(cells: list[Any]) -> None:
    [finished] = [cell for cell in cells if 'exist_ok="same"' in cell.source]
    [report] = [output.data["text/plain"] for output in finished.outputs if output.output_type == "execute_result"]
    assert "2 stored, 1 skipped" in report


def test_progress_is_a_widget_without_a_warning(cells: list[Any]) -> None:
    outputs = [output for cell in cells for output in cell.outputs]
    assert any("application/vnd.jupyter.widget-view+json" in output.get("data", {}) for output in outputs)
    assert not [output for output in outputs if "IProgress" in output.get("text", "")]
