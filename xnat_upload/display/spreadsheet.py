"""Cells of CSV files that no spreadsheet takes for formulas."""

from __future__ import annotations

import re
from typing import Any

# A spreadsheet takes a cell that starts so for a formula, and file names come from others. An apostrophe before it
# makes it text; since one more is put before those that are there, every cell can be read back as it was.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def harmless(cell: Any) -> Any:
    """Write a cell so that no spreadsheet takes it for a formula.

    Examples
    --------
    >>> harmless("-mask.nii"), as_it_was("'-mask.nii"), harmless("mask.nii")
    ("'-mask.nii", '-mask.nii', 'mask.nii')
    """
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def as_it_was(cell: str) -> str:
    """Read a cell that `harmless` wrote."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
