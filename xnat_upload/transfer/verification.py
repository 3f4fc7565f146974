"""What the archive lists after a transfer, held against what was sent. Nothing is asked here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from xnat_upload.archive.listing import Listing, StoredFile
from xnat_upload.local.file import Fingerprint


class Likeness(Enum):
    """How a stored file compares with a local one; the third answer is the honest one of an archive without MD5."""

    SAME = "same size and MD5"
    UNPROVEN = "same size, and the archive keeps no MD5"
    DIFFERENT = "different"
    MISSING = "not listed"


@dataclass(frozen=True)
class Verification:
    """The names that were sent, by what the archive says of them, and the names it lists beyond those.

    Parameters
    ----------
    same, unproven, altered, missing : tuple of str
        Each name that was sent, in exactly one of them.
    recorded : tuple of str
        Those of the unproven whose size is not that of the archive's disk but was recorded when they were written.
    extra : tuple of str
        Names that were neither sent nor there before: another client's, or something that went wrong.
    """

    same: tuple[str, ...] = ()
    unproven: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    recorded: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()


def compare(local: Fingerprint, stored: StoredFile | None) -> Likeness:
    """Compare what was sent with what is listed.

    Examples
    --------
    >>> sent = Fingerprint(3, "900150983cd24fb0d6963f7d28e17f72", 0x352441C2)
    >>> compare(sent, StoredFile(3, "")).name
    'UNPROVEN'
    """
    if stored is None:
        return Likeness.MISSING
    if stored.size_bytes != local.size_bytes:
        return Likeness.DIFFERENT
    if not stored.md5:
        return Likeness.UNPROVEN
    return Likeness.SAME if stored.md5.lower() == local.md5 else Likeness.DIFFERENT


def verify(sent: Mapping[str, Fingerprint], *, listed: Listing, listed_before: Listing) -> Verification:
    """Hold one listing against all that was sent."""
    names: dict[Likeness, list[str]] = {likeness: [] for likeness in Likeness}
    for name, fingerprint in sent.items():
        names[compare(fingerprint, listed.get(name))].append(name)
    return Verification(
        same=tuple(names[Likeness.SAME]),
        unproven=tuple(names[Likeness.UNPROVEN]),
        altered=tuple(names[Likeness.DIFFERENT]),
        missing=tuple(names[Likeness.MISSING]),
        recorded=tuple(name for name in names[Likeness.UNPROVEN] if not listed[name].on_disk),
        extra=tuple(name for name in listed if name not in sent and name not in listed_before),
    )
