"""Which files of a directory are taken: what is asked for, less what never belongs into an archive."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeAlias

import pathspec

from xnat_upload.errors import UnsafePathError, quoted

Patterns: TypeAlias = "str | Iterable[str]"

DEFAULT_IGNORE = (
    ".git/",
    ".datalad/",
    ".DS_Store",
    "._*",
    "Thumbs.db",
    "desktop.ini",
    "__pycache__/",
    ".ipynb_checkpoints/",
    "*~",
    ".*.sw[a-p]",
    ".#*",
    "\\#*#",
    "~$*",
    ".~lock.*#",
)
"""What tools leave beside the data: version control, file managers, Python, notebooks and editors' lock files."""

NOT_INCLUDED = "not in include"


@dataclass(frozen=True)
class LeftOut:
    """How many files of the directories that were named are left out by one rule.

    Parameters
    ----------
    rule : str
        The pattern, or "not in include".
    files : int
        How many.
    """

    rule: str
    files: int

    def __str__(self) -> str:
        return f"{self.files} by {self.rule!r}" if self.rule != NOT_INCLUDED else f"{self.files} {self.rule}"


def in_words(left_out: Sequence[LeftOut]) -> str:
    """End a sentence with how many files were left out; with nothing if none were."""
    files = sum(each.files for each in left_out)
    return f"; {files} left out" if files else ""


class Sieve:
    """Patterns with the rules of ``.gitignore``, and a count of what they keep out; for one staging.

    Parameters
    ----------
    include : patterns or None
        Only files that match; None for all.
    ignore : patterns
        What is left out of those.

    Raises
    ------
    UnsafePathError
        A pattern that is none.

    Examples
    --------
    >>> sieve = Sieve(include="*.nii", ignore=("old/",))
    >>> [sieve.takes(PurePosixPath(path)) for path in ("a.nii", "old/a.nii", "a.txt")]
    [True, False, False]
    >>> print(*sieve.left_out, sep=", ")
    1 by 'old/', 1 not in include
    """

    def __init__(self, *, include: Patterns | None, ignore: Patterns) -> None:
        self._include = None if include is None else _compiled(include, what="include")
        self._ignore = _compiled(ignore, what="ignore")
        self._counts: Counter[str] = Counter()

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What has been left out so far, most first."""
        return tuple(LeftOut(rule, files) for rule, files in self._counts.most_common())

    def takes(self, path: PurePosixPath) -> bool:
        """Say whether a file of a directory is taken, and count it if it is not."""
        rule = self._rule_against(path.as_posix())
        if rule is None and self._include is not None and not self._include.match_file(path.as_posix()):
            rule = NOT_INCLUDED
        if rule is not None:
            self._counts[rule] += 1
        return rule is None

    def enters(self, path: PurePosixPath, directory: Path) -> bool:
        """Say whether a directory is looked into; of one that is not, the files are counted and nothing is opened."""
        rule = self._rule_against(f"{path.as_posix()}/")
        if rule is not None:
            self._counts[rule] += sum(len(files) for _, _, files in os.walk(directory))
        return rule is None

    def _rule_against(self, path: str) -> str | None:
        result = self._ignore.check_file(path)
        return str(self._ignore.patterns[result.index].pattern) if result.include and result.index is not None else None


def _compiled(patterns: Patterns, *, what: str) -> pathspec.GitIgnoreSpec:
    lines: Sequence[str] = [patterns] if isinstance(patterns, str) else list(patterns)
    for line in lines:
        if not isinstance(line, str):
            raise UnsafePathError(f"{what} holds {quoted(line)}, which is no pattern. Give texts such as '*.nii.gz'.")
    try:
        return pathspec.GitIgnoreSpec.from_lines(lines)
    except ValueError as error:
        raise UnsafePathError(f"{what} holds a pattern that cannot be read: {error}.") from error
