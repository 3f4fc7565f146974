"""The rows of a table of XNAT, read one after another while the answer arrives.

A listing of 200,000 files is 60 MiB of text, which as a whole would be 250 MiB of objects: only a row at a time is one.
"""

from __future__ import annotations

import codecs
import json
import re
from abc import ABC, abstractmethod
from typing import Any

_ROWS_BEGIN = re.compile(r'"Result"\s*:\s*\[')
_FIRST_ROW = re.compile(r"\s*(?=[{\]])")
_NEXT_ROW = re.compile(r"\s*(?:(?=\])|,\s*(?=\{))")
# What comes before the rows, or is one, or comes after them, is no longer.
_LONGEST_PART = 256 * 1024
_DECODER = json.JSONDecoder()


class TableRows(ABC):
    """Takes the blocks of ``{"ResultSet":{"Result":[{…},…]}}``, row by row."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._is_ascii = True
        self._before = self._text = ""
        self._row = _FIRST_ROW
        self._in_rows = False
        self._given_up = False

    @abstractmethod
    def take(self, row: Any) -> None:
        """Take one row; what is raised for one that is none ends the reading."""

    def update(self, block: bytes) -> None:
        """Read on."""
        if self._given_up:
            return
        self._is_ascii = self._is_ascii and block.isascii()
        self._text += self._decode(block)
        if not self._before:
            self._begin()
        if self._in_rows:
            self._read_rows()
        self._given_up = self._given_up or len(self._text) > _LONGEST_PART

    def is_whole(self, encoding: str) -> bool:
        """Say whether it was a table to its end, and every row was taken; else another reading must tell what it is.

        Parameters
        ----------
        encoding : str
            That of the answer, which is known only now; UTF-8 was assumed.
        """
        if self._given_up or not self._before or self._in_rows or not (self._is_ascii or encoding == "utf-8"):
            return False
        try:
            around = json.loads(self._before + self._text)
            return bool(around["ResultSet"]["Result"] == [])
        except (ValueError, KeyError, TypeError, RecursionError):
            return False

    def _begin(self) -> None:
        found = _ROWS_BEGIN.search(self._text)
        if found is not None:
            self._before, self._text = self._text[: found.end()], self._text[found.end() :]
            self._in_rows = True

    def _read_rows(self) -> None:
        position = 0
        try:
            while found := self._row.match(self._text, position):
                if self._text.startswith("]", found.end()):
                    self._in_rows, position = False, found.end()
                    break
                row, position = _DECODER.raw_decode(self._text, found.end())
                self.take(row)
                self._row = _NEXT_ROW
        except json.JSONDecodeError:
            pass  # the rest of the row is still to come
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self._given_up = True
        self._text = self._text[position:]
