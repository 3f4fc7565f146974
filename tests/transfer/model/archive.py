"""One resource of an archive, in which each request is a process that takes one step at a time.

The steps are those of ``docs/xnat/writing-files.md, "In which order things happen"``: what is read in-body streams to
its final path and is on the disk before it has an entry; a form is received whole before any file is touched; the
catalog is read at the beginning, compared and written at the end. Between any two steps another request may take its
own, the line may break, or the archive may break the request off. Contents are real bytes, so that what is listed and
what is promised are compared by their real MD5.

Two simplifications, each of statements that follow one another in XNAT without waiting for anything
(CatalogUtils 1758-1775): a name is found free, or its old file taken away, and the new one opened, in one step; and a
request that finds its catalog changed says so in the step in which it would have written.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from xnat_upload.archive.listing import StoredFile

READ, OPEN, BEGIN, FINISH, CHECKSUM, ENTER, OVER = range(7)
DONE = (
    "has read the catalog",
    "has opened {} and cut it to nothing",
    "has written a part of {}",
    "has written {} whole",
    "has taken the checksums",
    "has written the entries",
)
NOTHING, PART, WHOLE = range(3)
HALF = 2  # bytes of each file that count as a part of it


@dataclass(frozen=True)
class Face:
    """How one generation of XNAT does it.

    Parameters
    ----------
    compares : bool
        A writer that finds the catalog changed is refused; 1.6 writes what it has read, and loses entries.
    digests : bool
        Digests are taken and listed.
    sizes_on_disk : bool
        Listed sizes are those of the disk, as on 1.6, and not those that were recorded.
    refreshes : bool
        A refresh takes checksums, also where a write takes none; 1.6 lists none in any case.
    staged : bool
        Files are written aside and moved into place together with their entries, as from 1.10.2 on.
    """

    compares: bool = True
    digests: bool = True
    sizes_on_disk: bool = False
    refreshes: bool = True
    staged: bool = False


FACES = {
    "1.8": Face(),
    "1.8 without checksums": Face(digests=False),
    "1.6": Face(compares=False, digests=False, sizes_on_disk=True, refreshes=False),
    "1.10.2": Face(staged=True),
}


class Entry(NamedTuple):
    name: str
    size: int
    md5: str


class Request(NamedTuple):
    """One request, as far as it has come."""

    number: int
    sender: int
    form: bool
    extracts: bool
    overwrite: bool
    may_replace: bool
    files: tuple[tuple[str, bytes], ...]
    received: int = NOTHING
    connected: bool = True
    step: int = READ
    position: int = 0
    inode: int = -1
    stale: bool = False
    read: tuple[Entry, ...] = ()
    written: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    taken: tuple[Entry, ...] = ()
    failed: str = ""

    @property
    def file(self) -> tuple[str, bytes]:
        return self.files[self.position]


class Disk(NamedTuple):
    """What lies on the archive's disk: names, the bytes behind them, and the catalog."""

    names: tuple[tuple[str, int], ...] = ()
    inodes: tuple[tuple[int, bytes], ...] = ()
    entries: tuple[Entry, ...] = ()
    requests: tuple[Request, ...] = ()
    replaced: str = ""  # a name whose listed bytes were replaced by a client that was not to replace any

    def content(self, name: str) -> bytes | None:
        inode = dict(self.names).get(name)
        return None if inode is None else dict(self.inodes)[inode]

    def entry(self, name: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.name == name), None)


@cache
def md5_of(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def with_files(face: Face, **content: bytes) -> Disk:
    """A resource in which files lie with their entries."""
    disk = Disk()
    for name, data in content.items():
        disk = _put(disk, name, data)
        disk = disk._replace(entries=_entered(disk.entries, _entry(disk, name, face)))
    return disk


def with_leftover(disk: Disk, name: str, content: bytes) -> Disk:
    """Bytes under a name that has no entry."""
    return _put(disk, name, content)


def listing(disk: Disk, face: Face) -> dict[str, StoredFile]:
    found = {}
    for entry in disk.entries:
        content = disk.content(entry.name)
        size = (len(content) if content is not None else 0) if face.sizes_on_disk else entry.size
        found[entry.name] = stored_file(size, entry.md5, face)
    return found


def stored_file(size: int, md5: str, face: Face) -> StoredFile:
    return StoredFile(size, md5, on_disk=face.sizes_on_disk)


def refreshed(disk: Disk, face: Face) -> Disk:
    """Take all checksums anew; the catalog is written."""
    if not face.refreshes:
        return disk
    entries = tuple(
        entry if (content := disk.content(entry.name)) is None else entry._replace(md5=md5_of(content))
        for entry in disk.entries
    )
    return _outdate(disk._replace(entries=entries), but=-1)


def advanced(disk: Disk, request: Request, face: Face) -> tuple[str, Disk] | None:
    """Let one request take its next step, if it has what it needs for it; say what it did."""
    if request.step == OVER:
        return None
    said, disk, after = (_staged if face.staged else _streamed)(disk, request, face)
    if after is request:
        if request.connected:
            return None
        return "ends, because its line is broken", without(disk, request)
    return said, _tidied(_changed(disk, request, after))


def broken_off(disk: Disk, request: Request) -> Disk:
    """The archive gives a request up where it stands, its disk being full, and says so if anybody listens."""
    return _tidied(_changed(disk, request, request._replace(step=OVER, failed="broken off", inode=-1)))


def hung_up(disk: Disk, request: Request) -> Disk:
    """Nobody listens to a request any more; one that has begun goes on as far as its bytes reach."""
    return _tidied(_changed(disk, request, request._replace(connected=False)))


def abandoned(disk: Disk, sender: int, *, now: int) -> Disk:
    """A client is gone: its lines are broken, and its requests belong to nobody any more."""
    requests = tuple(
        each._replace(sender=now, connected=False) if each.sender == sender else each for each in disk.requests
    )
    return _tidied(disk._replace(requests=requests))


def without(disk: Disk, request: Request) -> Disk:
    return _tidied(disk._replace(requests=tuple(each for each in disk.requests if each is not request)))


def _streamed(disk: Disk, request: Request, face: Face) -> tuple[str, Disk, Request]:
    needs = WHOLE if request.form else PART
    if request.received < needs:
        return "", disk, request
    if request.step == READ:
        return DONE[READ], disk, request._replace(step=OPEN, read=disk.entries)
    if request.step in (OPEN, BEGIN, FINISH):
        name, content = request.file
        said = DONE[request.step].format(name)
        if request.step == OPEN:
            if dict(disk.names).get(name) is not None and not request.overwrite:
                after = request._replace(refused=(*request.refused, name))
                return f"finds {name} there and passes it over", disk, _next_file(after)
            disk, inode = _opened(disk, request, name)
            return said, disk, request._replace(step=BEGIN, inode=inode)
        if request.step == BEGIN:
            return said, _overlaid(disk, request.inode, 0, content[:HALF]), request._replace(step=FINISH)
        if request.position == len(request.files) - 1 and request.received < WHOLE:
            return "", disk, request
        disk = _overlaid(disk, request.inode, HALF, content[HALF:])
        return said, disk, _next_file(request._replace(written=(*request.written, name), inode=-1))
    if request.step == CHECKSUM:
        taken = tuple(_entry(disk, name, face, before=request.read) for name in request.written)
        return DONE[CHECKSUM], disk, request._replace(step=ENTER, taken=taken)
    if request.stale and face.compares:
        return "is refused: the catalog was changed", disk, request._replace(step=OVER, failed="conflict")
    entries = disk.entries if face.compares else request.read
    disk = disk._replace(entries=_entered(entries, *request.taken))
    return DONE[ENTER], _outdate(disk, but=request.number), request._replace(step=OVER)


def _staged(disk: Disk, request: Request, face: Face) -> tuple[str, Disk, Request]:
    if request.received < WHOLE:
        return "", disk, request
    if request.step == READ:
        return "has staged its files", disk, request._replace(step=ENTER)
    refused = () if request.overwrite else tuple(name for name, _ in request.files if disk.content(name) is not None)
    for name, content in request.files:
        if name not in refused:
            disk = _put(_noted(disk, request, name), name, content)
            disk = disk._replace(entries=_entered(disk.entries, _entry(disk, name, face)))
    return "has moved its files into place, with their entries", disk, request._replace(step=OVER, refused=refused)


def _next_file(request: Request) -> Request:
    last = request.position == len(request.files) - 1
    return request._replace(step=CHECKSUM) if last else request._replace(step=OPEN, position=request.position + 1)


def _opened(disk: Disk, request: Request, name: str) -> tuple[Disk, int]:
    """Open a name: an archive moves the old file to the history; a plain one that has no entry is cut in place."""
    disk = _noted(disk, request, name)
    inode = dict(disk.names).get(name)
    if inode is not None and not request.extracts and all(entry.name != name for entry in request.read):
        return disk._replace(inodes=tuple((each, b"" if each == inode else data) for each, data in disk.inodes)), inode
    new = 1 + max((each for each, _ in disk.inodes), default=-1)
    names = {**dict(disk.names), name: new}
    return disk._replace(names=tuple(sorted(names.items())), inodes=(*disk.inodes, (new, b""))), new


def _noted(disk: Disk, request: Request, name: str) -> Disk:
    """Note it where a client that must not replace goes over a listed file of other bytes, which it has not seen."""
    entry = disk.entry(name)
    if entry is None or request.may_replace or entry.md5 == md5_of(dict(request.files)[name]):
        return disk
    return disk._replace(replaced=name)


def _overlaid(disk: Disk, inode: int, offset: int, data: bytes) -> Disk:
    def over(old: bytes) -> bytes:
        return old[:offset].ljust(offset, b"\0") + data + old[offset + len(data) :]

    return disk._replace(inodes=tuple((each, over(old) if each == inode else old) for each, old in disk.inodes))


def _put(disk: Disk, name: str, content: bytes) -> Disk:
    new = 1 + max((each for each, _ in disk.inodes), default=-1)
    names = {**dict(disk.names), name: new}
    return disk._replace(names=tuple(sorted(names.items())), inodes=(*disk.inodes, (new, content)))


def _entry(disk: Disk, name: str, face: Face, *, before: tuple[Entry, ...] = ()) -> Entry:
    content = disk.content(name) or b""
    # Without checksums an overwritten file keeps the digest of the bytes it had before.
    kept = next((entry.md5 for entry in before if entry.name == name), "")
    return Entry(name, len(content), md5_of(content) if face.digests else kept)


def _entered(entries: tuple[Entry, ...], *new: Entry) -> tuple[Entry, ...]:
    return tuple(sorted({**{entry.name: entry for entry in entries}, **{entry.name: entry for entry in new}}.values()))


def _outdate(disk: Disk, *, but: int) -> Disk:
    """The catalog was written: whoever had read it before has read an old one."""
    return disk._replace(
        requests=tuple(
            each._replace(stale=True) if each.number != but and READ < each.step < OVER else each
            for each in disk.requests
        )
    )


def _changed(disk: Disk, request: Request, after: Request) -> Disk:
    """Put a request in its new state, keeping what others' steps have said of it."""
    return disk._replace(requests=tuple(after if each.number == request.number else each for each in disk.requests))


def _tidied(disk: Disk) -> Disk:
    """Forget what can have no effect any more, and number the rest alike, so that equal states are equal."""
    live = []
    for request in disk.requests:
        dead = request.received < (WHOLE if request.form else PART) and not request.connected
        if dead or (request.step == OVER and not request.connected):
            continue
        live.append(request)
    used = list(dict.fromkeys([*(inode for _, inode in disk.names), *(each.inode for each in live if each.inode >= 0)]))
    content = dict(disk.inodes)
    return disk._replace(
        names=tuple((name, used.index(inode)) for name, inode in disk.names),
        inodes=tuple((number, content[inode]) for number, inode in enumerate(used)),
        requests=tuple(each._replace(inode=used.index(each.inode)) if each.inode >= 0 else each for each in live),
    )
