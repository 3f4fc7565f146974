"""What is done with one file, and which files travel together in one request."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from xnat_upload.local.file import Fingerprint
from xnat_upload.local.source import AnyFile


class Action(str, Enum):
    """What is done with one file."""

    SEND = "send"
    """Its name is free in the resource."""
    REPLACE = "replace"
    """Its name holds other bytes, and the caller wants them replaced."""
    SKIP = "skip"
    """Its bytes are stored under its name already."""
    REFUSE = "refuse"
    """Its name is taken; nothing of the plan is sent."""

    def __str__(self) -> str:
        return self.value


class Form(str, Enum):
    """How files travel in one request."""

    ZIP = "zip"
    """A zip that the archive extracts while it arrives."""
    ZIP_IN_FORM = "zip in a form"
    """A zip that the archive receives whole before it touches a file, so that a broken line leaves the old files."""
    PLAIN = "plain"
    """The bytes of one file."""

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Step:
    """What is done with one file, and why.

    Parameters
    ----------
    file : LocalFile, MemoryFile or OpenedFile
        The file, with its ``name`` in the resource, its ``path`` (None for bytes and file objects) and ``size_bytes``.
    action : Action
        What is done with it.
    reason : str
        Why, in a few words.
    fingerprint : Fingerprint, optional
        Its MD5, if the file had to be read for that.
    """

    file: AnyFile
    action: Action
    reason: str
    fingerprint: Fingerprint | None = None


@dataclass(frozen=True)
class Shipment:
    """The files that travel in one request.

    Parameters
    ----------
    steps : tuple of Step
        What is done with each of them.
    form : Form
        How they travel.
    reason : str
        Why in this form.
    """

    steps: tuple[Step, ...]
    form: Form
    reason: str

    @property
    def size_bytes(self) -> int:
        """Bytes of the files, without what the form adds."""
        return sum(step.file.size_bytes for step in self.steps)
