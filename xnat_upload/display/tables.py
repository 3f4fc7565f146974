"""Tables for a terminal, and numbers as a person writes them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from xnat_upload.errors import printable

# Longer lists are cut: what went wrong comes first, and the whole is in the exports.
LONGEST_TABLE = 40
_MOST_WRONG = 200
_NAMES_IN_A_SENTENCE = 3


def readable_bytes(size_bytes: float) -> str:
    """Write a number of bytes as a person would.

    Examples
    --------
    >>> readable_bytes(0), readable_bytes(2048), readable_bytes(3_500_000)
    ('0 bytes', '2.0 KiB', '3.3 MiB')
    """
    if size_bytes < 1024:
        return f"{size_bytes:.0f} bytes"
    for unit in ("KiB", "MiB", "GiB"):
        size_bytes /= 1024
        if size_bytes < 1024:
            return f"{size_bytes:.1f} {unit}"
    return f"{size_bytes / 1024:.1f} TiB"


def first_of(names: Sequence[str]) -> str:
    """Name a few files in a sentence, and count the others.

    Examples
    --------
    >>> first_of(["a.nii", "b.nii", "c.nii", "d.nii"])
    "'a.nii', 'b.nii', 'c.nii' and 1 more"
    """
    shown = ", ".join(repr(name) for name in names[:_NAMES_IN_A_SENTENCE])
    more = len(names) - _NAMES_IN_A_SENTENCE
    return f"{shown} and {more} more" if more > 0 else shown


def shown_first(wrong: Sequence[int], total: int, *, longest: int = LONGEST_TABLE) -> list[int]:
    """Choose which rows of a long table are shown: those that went wrong, then the first of the others.

    Parameters
    ----------
    wrong : sequence of int
        The rows that went wrong.
    total : int
        How many rows there are.
    longest : int
        A table up to this length is shown whole, in its order.

    Examples
    --------
    >>> shown_first([4], 5, longest=3)
    [4, 0, 1]
    """
    if total <= longest:
        return list(range(total))
    chosen = list(wrong[:_MOST_WRONG])
    known = set(wrong)
    for row in range(total):
        if len(chosen) >= longest:
            break
        if row not in known:
            chosen.append(row)
    return chosen


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[int] = ()) -> list[str]:
    """Align cells in columns as they stand on a terminal, where some characters are two columns wide and some none.

    Columns in `right` are aligned to the right.

    Examples
    --------
    >>> print("\\n".join(aligned(("size", "file"), [("9", "a"), ("12345", "b")], right={0})))
     size  file
        9  a
    12345  b
    """
    import tabulate  # with its tables of how wide characters are; no program needs them before it shows something

    # As a row of its own, since a heading beside rows would get two more spaces.
    table = [tuple(printable(cell) for cell in row) for row in (header, *rows)]
    alignments = ["right" if column in right else "left" for column in range(len(header))]
    shown: str = tabulate.tabulate(
        table, tablefmt="plain", disable_numparse=True, preserve_whitespace=True, colalign=alignments
    )
    return shown.splitlines()
