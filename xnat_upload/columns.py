"""Columns of manifests and reports: their names, what a cell may hold, and many texts in little memory."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from typing import Any

RESULT_COLUMNS = ("name", "url", "size_bytes", "md5", "status", "reason", "attempts", "seconds")
"""What the report of a cohort adds to the columns of its manifest."""

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


class PackedText:
    """Texts one after another in one piece of memory: a million names take their letters, and eight bytes each.

    Examples
    --------
    >>> names = PackedText()
    >>> names.append("a.nii")
    >>> names.append("é.nii")
    >>> names[1], len(names)
    ('é.nii', 2)
    """

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ends = array("Q", [0])

    def append(self, text: str) -> None:
        """Add one text; half characters, which names of files may hold, are kept."""
        self._bytes += text.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, row: int) -> str:
        return self._bytes[self._ends[row] : self._ends[row + 1]].decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        return (self[row] for row in range(len(self)))


class RepeatedText:
    """Texts of which few are different: each is kept once, and a row takes four bytes.

    Examples
    --------
    >>> reasons = RepeatedText(3, "not sent")
    >>> reasons[1] = "size and MD5 agree"
    >>> list(reasons)
    ['not sent', 'size and MD5 agree', 'not sent']
    """

    def __init__(self, rows: int, text: str) -> None:
        self._codes = array("I", bytes(4 * rows))
        self._texts = [text]
        self._known = {text: 0}

    def __setitem__(self, row: int, text: str) -> None:
        code = self._known.setdefault(text, len(self._texts))
        if code == len(self._texts):
            self._texts.append(text)
        self._codes[row] = code

    def __getitem__(self, row: int) -> str:
        return self._texts[self._codes[row]]

    def __iter__(self) -> Iterator[str]:
        return (self._texts[code] for code in self._codes)
