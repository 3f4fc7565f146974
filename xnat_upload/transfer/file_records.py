"""What is known so far of each file of one plan, while it is carried out.

Written by one thread, the one writer of the resource. A file is *open* until it is settled; *answered* once the archive
has said that it took it, which proves nothing yet; and settled only by a listing, a refusal, or the end.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from xnat_upload.local.file import Fingerprint, fingerprint
from xnat_upload.places.destination import Destination
from xnat_upload.planning.plan import Plan
from xnat_upload.planning.step import Action, Step
from xnat_upload.report.outcome import FileOutcome, Status

_SETTLED_BY_PLAN = {Action.SKIP: Status.SKIPPED, Action.REFUSE: Status.FAILED}


@dataclass(slots=True)
class _Entry:
    step: Step
    status: Status | None
    reason: str
    fingerprint: Fingerprint | None
    left: bool = False
    left_bytes: bool = False
    may_have_entry: bool = False
    answered: bool = False
    attempts: int = 0
    seconds: float = 0.0
    line_bytes: int = 0


class FileRecords:
    """One line for each file of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._entries = {
            step.file.name: _Entry(step, _SETTLED_BY_PLAN.get(step.action), step.reason, step.fingerprint)
            for step in plan.steps
        }
        # What is true of few files, if of any.
        self._wrong: set[str] = set()
        self._mended: dict[str, str] = {}
        self._doubtful: set[str] = set()
        self._conflicts: set[str] = set()

    @property
    def awaiting(self) -> dict[str, Fingerprint]:
        """What the archive took and no listing has confirmed yet."""
        return {
            name: entry.fingerprint
            for name, entry in self._entries.items()
            if entry.answered and entry.status is None and entry.fingerprint is not None
        }

    @property
    def expected(self) -> dict[str, Fingerprint]:
        """What the archive took, and what it had already: all that a listing must show now."""
        return {
            name: entry.fingerprint
            for name, entry in self._entries.items()
            if entry.fingerprint is not None
            and (entry.status is Status.SKIPPED or (entry.answered and entry.status is None))
        }

    @property
    def wrong(self) -> tuple[Step, ...]:
        """Files that the archive took, and does not list as they were sent."""
        return tuple(entry.step for name, entry in self._entries.items() if name in self._wrong)

    @property
    def conflicts(self) -> tuple[str, ...]:
        """Names that another client has taken since the plan was made."""
        return tuple(name for name in self._entries if name in self._conflicts)

    def fingerprint(self, step: Step) -> Fingerprint:
        """Give the fingerprint of a file, reading it if it never left whole."""
        entry = self._entries[step.file.name]
        if entry.fingerprint is None:
            entry.fingerprint = fingerprint(step.file)
        return entry.fingerprint

    def sent(
        self,
        steps: Sequence[Step],
        fingerprints: Mapping[str, Fingerprint],
        *,
        line_bytes: Mapping[str, int],
        seconds: float,
        streamed: bool = False,
        refused: Collection[str] = (),
    ) -> None:
        """Enter one request: the files it carried, which are open again, and what really left of them.

        Parameters
        ----------
        fingerprints : mapping of str to Fingerprint
            Of the files that left to their last byte.
        line_bytes : mapping of str to int
            How many bytes stood for a file, where it was not its size.
        streamed : bool
            The archive reads the request while it writes, so that a part of it may lie on its disk.
        refused : collection of str
            Names that the archive said it passed over: nothing of the request lies under them.
        """
        whole = all(step.file.name in fingerprints for step in steps)
        for step in steps:
            entry = self._entries[step.file.name]
            self._wrong.discard(step.file.name)
            entry.status, entry.answered = None, False
            entry.attempts += 1
            entry.seconds = entry.seconds + seconds if entry.seconds else seconds  # one number for all, at first
            whole_bytes = step.file.size_bytes if step.file.name in fingerprints else 0
            travelled_bytes = line_bytes.get(step.file.name, whole_bytes)
            entry.line_bytes = entry.line_bytes + travelled_bytes if entry.line_bytes else travelled_bytes
            entry.left = step.file.name in fingerprints
            if step.file.name not in refused:
                # A single file may have left in part; of a batch only what was read to its end has begun to leave.
                entry.left_bytes |= (streamed and (entry.left or len(steps) == 1)) or whole
                entry.may_have_entry |= whole
            entry.fingerprint = fingerprints.get(step.file.name, entry.fingerprint)

    def begun_before(self) -> None:
        """An earlier attempt at all of it was lost with its process: whatever may be there may be ours."""
        for entry in self._entries.values():
            entry.left_bytes = entry.may_have_entry = True
            if entry.step.action is Action.REPLACE:
                self._doubtful.add(entry.step.file.name)

    def left_whole(self, steps: Iterable[Step]) -> bool:
        """Say whether the last request left to its last byte, so that the archive may go on without us."""
        return all(self._entries[step.file.name].left for step in steps)

    def may_have_left_bytes(self, step: Step) -> bool:
        """Say whether unlisted bytes under a name may be those of a request of this upload."""
        return self._entries[step.file.name].left_bytes

    def may_have_entry(self, step: Step) -> bool:
        """Say whether an entry may be that of a request of this upload: XNAT makes none for one that broke off."""
        return self._entries[step.file.name].may_have_entry

    def doubt(self, steps: Iterable[Step]) -> None:
        """A request that goes over what is there has left whole, and did not end with a success.

        It may have broken off half way over an old file, whose entry tells of the old bytes then. That an entry tells
        of ours proves no more: it may be that of an earlier request.
        """
        for step in steps:
            self._doubtful.add(step.file.name)

    @property
    def doubtful(self) -> bool:
        """Whether an entry may tell of other bytes than those on the archive's disk."""
        return bool(self._doubtful)

    def taken_anew(self) -> None:
        """The archive has taken its checksums anew."""
        self._doubtful.clear()

    def answered(self, steps: Iterable[Step]) -> None:
        """The archive took these, or lists them as they were sent: to be verified at the end."""
        for step in steps:
            self.fingerprint(step)
            self._entries[step.file.name].answered = True

    def stored(self, names: Iterable[str], *, proof: str = "size and MD5 agree") -> None:
        """A listing shows size and MD5 of these as they were sent, or as they were there before."""
        for name in names:
            entry = self._entries[name]
            if entry.status is Status.SKIPPED:
                continue
            reason = proof
            if entry.step.action is Action.REPLACE:
                reason += f"; before, {entry.step.reason}"
            if name in self._mended:
                reason += f"; sent once more, because {self._mended[name]}"
            self._settle(name, Status.STORED, reason)

    def unproven(self, names: Iterable[str], *, gap: str = "") -> None:
        """The sizes of these agree, in the listing and on the archive's disk, and there is no MD5.

        Parameters
        ----------
        gap : str
            Why reading back did not prove more, where it was tried.
        """
        reason = "the size agrees; this archive keeps no MD5"
        if gap:
            reason += f", and {gap}"
        for name in names:
            if self._entries[name].status is Status.SKIPPED:
                continue  # its bytes were proven before, and no request of this upload has touched it
            self._settle(name, Status.UNPROVEN, reason)

    def missing(self, names: Iterable[str]) -> None:
        """The archive took these, or had them, and does not list them: they may be sent once more."""
        self._found_wrong(names, "the archive does not list it")

    def altered(self, names: Iterable[str], *, may_replace: bool) -> None:
        """The archive lists these with other bytes: sent once more over them only if replacing was asked for."""
        for name in names:
            if may_replace:
                again = " again" if name in self._mended else ""
                self._found_wrong(
                    [name],
                    f"the archive{again} has other bytes than were sent: another client's, or altered on the way",
                )
            else:
                self._settle(
                    name,
                    Status.FAILED,
                    "the archive has other bytes than were sent: another client has replaced them, or they were "
                    "altered on the way. Nothing was replaced; exist_ok=True would",
                )

    def _found_wrong(self, names: Iterable[str], reason: str) -> None:
        for name in names:
            self._settle(name, Status.FAILED, reason)
            entry = self._entries[name]
            self._wrong.add(name)
            self._mended[name] = reason
            if entry.step.action is Action.SKIP:
                entry.step = replace(entry.step, action=Action.REPLACE, reason="stored already, and then not")

    def conflict(self, steps: Iterable[Step], reason: str) -> None:
        """Another client has taken these names."""
        for step in steps:
            self._settle(step.file.name, Status.FAILED, reason)
            self._conflicts.add(step.file.name)

    def fail(self, steps: Iterable[Step], reason: str) -> None:
        """These are not stored, and why."""
        for step in steps:
            self._settle(step.file.name, Status.FAILED, reason)

    def leave_rest(self, reason: str) -> None:
        """Nothing more is sent: what was never answered stays behind."""
        for name, entry in self._entries.items():
            if entry.status is None and not entry.answered:
                self._settle(name, Status.FAILED if entry.attempts else Status.NOT_SENT, reason)

    def leave_unverified(self, reason: str) -> None:
        """No listing could be had: what was answered may be stored, and must not be called so."""
        for name in self.awaiting:
            self._settle(name, Status.FAILED, f"the archive took it, but that could not be verified: {reason}")

    def outcomes(self, url: Callable[[str], str]) -> tuple[FileOutcome, ...]:
        """Give what is known of every file, in the order of the plan."""
        destination = self._plan.resource.destination  # made, and so checked, at each call
        return tuple(_outcome(entry, destination, url=url(name)) for name, entry in self._entries.items())

    def last_outcomes(self, url: Callable[[str], str]) -> tuple[FileOutcome, ...]:
        """Give them once and for all, and forget each file: with both, memory would never be fuller."""
        destination = self._plan.resource.destination
        names = list(self._entries)
        return tuple(_outcome(self._entries.pop(name), destination, url=url(name)) for name in names)

    def _settle(self, name: str, status: Status, reason: str) -> None:
        entry = self._entries[name]
        entry.status, entry.reason = status, reason
        self._wrong.discard(name)


def _outcome(entry: _Entry, destination: Destination, *, url: str) -> FileOutcome:
    file = entry.step.file
    return FileOutcome(
        destination=destination,
        name=file.name,
        path=file.path,
        url=url,
        size_bytes=file.size_bytes,
        md5=entry.fingerprint.md5 if entry.fingerprint else None,
        status=entry.status or Status.NOT_SENT,
        reason=entry.reason,
        attempts=entry.attempts,
        seconds=entry.seconds,
        bytes_on_the_line=entry.line_bytes,
    )
