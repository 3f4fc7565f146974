"""The header of a DICOM file as rows: tag, tag within a sequence, VR, value, name."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator
from html import escape
from pathlib import Path
from typing import Any

from xnat_upload.sandbox.store.dicom import MISSING_EXTRA, WARNINGS, NotDicomError, PydicomMissingError

MAX_VALUE_LENGTH = 255
Row = tuple[str, str, str, str, str]


def tag_of(field: str) -> int:
    """Read a tag: a keyword such as ``PatientName``, or eight hexadecimal digits."""
    try:
        from pydicom.datadict import tag_for_keyword
    except ModuleNotFoundError as error:
        raise PydicomMissingError(MISSING_EXTRA) from error
    tag = tag_for_keyword(field)
    if tag is not None:
        return int(tag)
    try:
        return int(field, 16)
    except ValueError:
        raise ValueError(f"not a valid DICOM attribute tag: {field}") from None


def header_rows(path: Path, tags: Collection[int]) -> list[Row]:
    """Give the elements of a header, or those of `tags`, without the pixels."""
    try:
        import pydicom
        from pydicom.errors import InvalidDicomError
    except ModuleNotFoundError as error:
        raise PydicomMissingError(MISSING_EXTRA) from error
    try:
        # Filters of warnings are of the whole process, hence the lock.
        with WARNINGS, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(path, stop_before_pixels=True)
            elements = [*dataset.file_meta, *dataset]
            return [row for one in elements if not tags or int(one.tag) in tags for row in _rows(one)]
    except (InvalidDicomError, OSError, ValueError, KeyError, NotImplementedError, AttributeError) as error:
        raise NotDicomError(f"unable to read DICOM object {path.name}") from error


def _rows(element: Any) -> Iterator[Row]:
    if element.VR != "SQ":
        yield _row(element)
        return
    for item in element.value:
        yield (_tag(element), _tag(element), "SQ", "", escape(element.name))
        for inner in item:
            yield (_tag(element), *_row(inner)[:1], *_row(inner)[2:])


def _row(element: Any) -> Row:
    return (_tag(element), "", element.VR, _value(element), escape(element.name))


def _tag(element: Any) -> str:
    return f"({element.tag.group:04X},{element.tag.element:04X})"


def _value(element: Any) -> str:
    value = element.value
    if value is None or element.VR == "SQ":
        return ""
    if isinstance(value, bytes):
        text = "\\".join(f"{byte:02X}" for byte in value[:MAX_VALUE_LENGTH])
    elif isinstance(value, str) or not hasattr(value, "__iter__"):
        text = str(value)
    else:
        text = "\\".join(str(one) for one in value)
    return escape(text[:MAX_VALUE_LENGTH])
