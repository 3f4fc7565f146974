"""Columns of manifests and reports: their names, what a cell may hold, and many texts in little memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

RESULT_COLUMNS = ("name", "url", "size_bytes", "md5", "status", "reason", "attempts", "seconds")
"""What the report of a cohort adds to the columns of its manifest."""


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
