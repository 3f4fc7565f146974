"""What XNAT can hold, find again and serve: IDs, labels, and the names of files."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from numbers import Integral
from typing import Any

from xnat_upload.errors import InvalidIdentifierError, quoted

# XNAT takes IDs from a path as they are sent, never decoded, so only these can be addressed (docs/xnat/requests.md,
# "IDs in a path are not decoded").
_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,255}")
_RESOURCE_LABEL = re.compile(r"[A-Za-z0-9_.-]{1,255}")

# Refused by the URL firewall in every encoding: such a file could be stored but never fetched (docs/xnat/requests.md,
# "What the firewall refuses").
_NEVER_SERVED = frozenset("%;\\")
# Left-to-right and right-to-left controls: they make a name look like another one.
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# "a.zip/b" and "a.zip!b" mean "the entry b inside the archive a.zip" when they are read (docs/xnat/writing-files.md,
# "Names in a URL").
_INSIDE_ARCHIVE = re.compile(r"\.(zip|jar|rar|ear|gar|mrb)[/!]", re.IGNORECASE)
# XNAT's own: its locks, under two names in two generations, and what is being uploaded. Some generations store files of
# such names and never list them, others take them without a word (docs/xnat/versions.md, "What 1.10.2 changes").
_LOCKS = ("lock-", ".~lock-")
_UNDER_WAY = ".xnat-tmp-upload-"
# A label with such a word of its own may be taken for an attack by XNAT's guard against SQL, and never be found again.
_LIKE_SQL = re.compile(r"\b(?:SELECT|INSERT|UPDATE|DELETE|DROP|ALTER|CREATE)\b")
# A file system's limit on one component of a path, and what stays well below a server's limit on a URL.
_COMPONENT_BYTES = 255
_NAME_BYTES = 1024


def check_hub_project_id(value: str) -> str:
    """Return the hub project's ID if it can be one: any text without control characters."""
    _check_text(value, what="hub project ID")
    if not value.strip() or _unprintable(value):
        raise InvalidIdentifierError(
            f"The hub project ID {quoted(value)} cannot be one: it must be text, not empty, without control characters."
        )
    return value


def is_identifier(value: str) -> bool:
    """Say whether XNAT can hold a text as an ID or label."""
    return _IDENTIFIER.fullmatch(value) is not None


def decimal_text(value: object) -> Any:
    """Give the decimal text of an integer, and anything else as it is: scan and accession IDs are often numbers.

    Examples
    --------
    >>> decimal_text(4), decimal_text("4")
    ('4', '4')
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        return value
    return str(int(value))


def check_identifier(value: str | None, *, what: str) -> str:
    """Return `value` if XNAT can hold it as an ID or label: 1 to 255 of A-Z a-z 0-9 _ -.

    See docs/xnat/requests.md, "IDs in a path are not decoded".
    """
    value = _check_text(value, what=what)
    if not is_identifier(value):
        raise InvalidIdentifierError(
            f"The {what} {quoted(value)} cannot be one: XNAT allows 1 to 255 letters A-Z a-z, digits, '_' and '-'."
        )
    return value


def check_scan_id(value: str) -> str:
    """Return the scan ID if XNAT can hold it and takes it for one scan only.

    See docs/xnat/scans-and-resources.md, "Finding the parents of a resource".
    """
    check_identifier(value, what="scan ID")
    if value == "ALL":
        raise InvalidIdentifierError("The scan ID 'ALL' means every scan to XNAT. Choose another scan ID.")
    return value


def check_resource_label(value: str) -> str:
    """Return the resource label if XNAT can hold it and find it again (docs/xnat/scans-and-resources.md, "Labels")."""
    _check_text(value, what="resource label")
    if not _RESOURCE_LABEL.fullmatch(value) or set(value) == {"."}:
        raise InvalidIdentifierError(
            f"The resource label {quoted(value)} cannot be one: XNAT finds again what consists of 1 to 255 letters "
            "A-Z a-z, digits, '_', '.' and '-'."
        )
    if value.isdigit():
        raise InvalidIdentifierError(
            f"The resource label {quoted(value)} is all digits, which XNAT takes for a resource's number. Add a letter."
        )
    word = _LIKE_SQL.search(value)
    if word is not None:
        raise InvalidIdentifierError(
            f"The resource label {quoted(value)} holds the word {word[0]}, which XNAT's guard against SQL may refuse "
            "to look up. Choose another label."
        )
    return value


def check_file_name(name: str) -> str:
    """Return a file's name in its resource if XNAT can store *and* serve it; '/' separates folders.

    Raises
    ------
    InvalidIdentifierError
        Empty or dotted components, control or direction characters, ``%``, ``;`` and ``\\``, more than 255 bytes a
        component or 1024 in all, or a name that XNAT keeps for itself (docs/xnat/writing-files.md, "Names in a URL" and
        "Archives").

    Examples
    --------
    >>> check_file_name("masks/é #+ &.nii.gz")
    'masks/é #+ &.nii.gz'
    >>> check_file_name("50%.dcm")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    xnat_upload.errors.InvalidIdentifierError: The file name '50%.dcm' holds '%', which XNAT could store but ...
    """
    fault = _fault_of(name)
    if fault:
        raise InvalidIdentifierError(f"The file name {quoted(name)} {fault}. Rename the file.")
    return name


def is_kept_by_xnat(name: str) -> bool:
    """Say whether a name is of XNAT's own locks or of what is being uploaded: nobody's file, though it may be listed.

    Examples
    --------
    >>> is_kept_by_xnat(".xnat-tmp-upload-12/seg.nii"), is_kept_by_xnat("a/lock-b.nii"), is_kept_by_xnat("lock.nii")
    (True, True, False)
    """
    components = name.split("/")
    return components[-1].startswith(_LOCKS) or any(each.startswith(_UNDER_WAY) for each in components)


def one_when_decoded(names: Iterable[str]) -> tuple[str, str] | None:
    """Give two names that are one where XNAT URL-decodes the name that it looks for, or None.

    See docs/xnat/versions.md, "What differs on 1.6.4".

    Examples
    --------
    >>> one_when_decoded(["a+b.nii", "c.nii", "a b.nii"])
    ('a+b.nii', 'a b.nii')
    """
    seen: dict[str, str] = {}
    for name in names:
        first = seen.setdefault(name.replace("+", " "), name)
        if first != name:
            return first, name
    return None


def other_form(name: str, others: Iterable[str]) -> str:
    """Tell another name that looks like this one to the eye: the same text in another Unicode form; empty if none does.

    Examples
    --------
    >>> print(other_form("\u00e9.nii", ["a.nii", "e\u0301.nii"]))
    written 'e\\u0301.nii' there and '\\xe9.nii' here, in two Unicode forms that look the same
    """
    form = unicodedata.normalize("NFC", name)
    same = (other for other in others if other != name and not other.isascii())
    found = next((other for other in same if unicodedata.normalize("NFC", other) == form), None)
    if found is None:
        return ""
    return f"written {found!a} there and {name!a} here, in two Unicode forms that look the same"


def _check_text(value: object, *, what: str) -> str:
    if value is None:
        raise InvalidIdentifierError(f"The {what} is missing. Give it as text, such as '12345'.")
    if not isinstance(value, str):
        raise InvalidIdentifierError(
            f"The {what} {quoted(value)} is of type {type(value).__name__}. Give it as text, such as '12345'."
        )
    return value


def _fault_of(name: str) -> str | None:
    components = name.split("/")
    never_served = sorted(_NEVER_SERVED & set(name))
    if any(component in ("", ".", "..") for component in components):
        return "has an empty, '.' or '..' component, which would leave its folder"
    if never_served:
        return f"holds {never_served[0]!r}, which XNAT could store but never serve"
    if _unprintable(name) or not _BIDI.isdisjoint(name):
        return "holds a character that no catalog can keep: a control, direction or half character"
    if len(name.encode()) > _NAME_BYTES or any(len(part.encode()) > _COMPONENT_BYTES for part in components):
        return f"is too long: {_COMPONENT_BYTES} bytes a component and {_NAME_BYTES} in all are allowed"
    if components[-1].endswith("_catalog.xml") or is_kept_by_xnat(name):
        return "is one that XNAT keeps for its own catalogs, locks and uploads under way"
    if _INSIDE_ARCHIVE.search(name):
        return "means an entry inside an archive to XNAT, because a folder's name ends like an archive's"
    return None


def _unprintable(text: str) -> bool:
    """Control, half (surrogate) and unassigned noncharacters, and line separators: XML and headers cannot hold them."""
    if text.isascii():
        return not text.isprintable()
    return any(
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or ord(character) & 0xFFFE == 0xFFFE
        for character in text
    )
