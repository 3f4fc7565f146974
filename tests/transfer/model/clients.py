"""The real transfer as one process among others: asked what it does next, given what it has seen so far.

A client is deterministic: it does what it does because of the answers it got. So its state is the row of those answers,
and its next action is found by running it from its beginning, giving it the answers once more, and stopping it where it
asks for one that is not there yet. That needs no threads, and two paths on which a client has seen the same are one.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from tests.transfer.model.archive import md5_of
from xnat_upload import Accession, Resource, Scan, TransferSettings
from xnat_upload.archive.line import Line
from xnat_upload.archive.listing import Listing, StoredFile
from xnat_upload.archive.reading_back import ReadBack
from xnat_upload.errors import ServerError, ServerUnavailableError
from xnat_upload.local.file import LocalFile, fingerprint, identity_of
from xnat_upload.local.root import Root
from xnat_upload.planning.decide import make_plan
from xnat_upload.planning.step import Form, Shipment
from xnat_upload.planning.treatment import Treatment
from xnat_upload.transfer.sent_body import SentBody, SizedBody
from xnat_upload.transfer.writer import Writer

RESOURCE = Resource(Scan(Accession("hub-1", "P1", "S1", "E1", "FAK1", "xnat:mrSessionData"), "4"), "SEG")
LIMIT_BYTES = 100


@dataclass(frozen=True)
class Client:
    """Who uploads what, and how.

    Parameters
    ----------
    content : tuple of (str, bytes)
        The files.
    exist_ok : bool
        Whether it may replace.
    large : bool
        Each file travels alone, as it is, and not in a zip.
    attempts : int
        How often a request is sent at most.
    slow : bool
        Its line is known to be slow, so that all travels in forms.
    read_back : bool
        It reads back what was sent, where it finds no MD5.
    """

    content: tuple[tuple[str, bytes], ...]
    exist_ok: bool = False
    large: bool = False
    attempts: int = 3
    slow: bool = False
    read_back: bool = False


class Put(NamedTuple):
    """A request with files, to be sent."""

    form: bool
    extracts: bool
    overwrite: bool
    files: tuple[tuple[str, bytes], ...]

    def __str__(self) -> str:
        how = "a form" if self.form else "in-body, zip" if self.extracts else "in-body, as it is"
        names = ", ".join(name for name, _ in self.files)
        return f"{names} ({how}, {'over' if self.overwrite else 'not over'} what is there)"


class Ask(NamedTuple):
    """A question that is answered at once: "listing", "size", "bytes", or an order: "refresh", "pause"."""

    what: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.what} {self.name}".strip()


class Report(NamedTuple):
    """What the client has said at its end: the status of each file."""

    statuses: tuple[tuple[str, str], ...]


Action = Put | Ask | Report


def _slow_line() -> Line:
    line = Line()
    line.learn(files=1, file_bytes=10_000_000, seconds=10)
    return line


class Answered(NamedTuple):
    """What a client sees of a put: names that were refused, or what went wrong."""

    refused: tuple[str, ...] = ()
    wrong: str = ""  # "broken off" and "conflict" are said by the archive, "line" and "timeout" by nobody
    left: bool = True  # whether the body has left to its end, as far as the client knows


class Lost(Enum):
    """A question that got no answer."""

    LOST = "lost"


Listed = tuple[tuple[str, StoredFile], ...]
Observation = Answered | Listed | Lost | int | str | None


class _Wants(BaseException):
    """The client wants to do something of which it has not seen the end yet."""

    def __init__(self, action: Action) -> None:
        super().__init__(action)
        self.action = action


class _Store:
    """The store of a client that is run again: gives what has been seen, and stops where that ends."""

    def __init__(self, seen: tuple[Observation, ...]) -> None:
        self._seen = iter(seen)

    def next(self, action: Action) -> Observation:
        try:
            found = next(self._seen)
        except StopIteration:
            raise _Wants(action) from None
        if found is Lost.LOST:
            raise ServerUnavailableError("no answer to a question")
        return found

    @contextmanager
    def hold(self) -> Iterator[None]:
        yield

    def prepare(self) -> bool:
        return True

    def put(self, shipment: Shipment, body: SentBody, *, content_type: str, overwrite: bool) -> tuple[str, ...]:
        assert (content_type == "application/octet-stream") is (shipment.form is Form.PLAIN)
        files = tuple((step.file.name, b"".join(step.file.blocks())) for step in shipment.steps)
        put = Put(shipment.form is Form.ZIP_IN_FORM, shipment.form is not Form.PLAIN, overwrite, files)
        seen = self.next(put)
        assert isinstance(seen, Answered)
        if seen.left:
            assert isinstance(body, SizedBody)
            assert sum(map(len, body)) == len(body)
        if seen.wrong == "broken off":
            raise ServerError("the archive broke off", status=500)
        if seen.wrong == "conflict":
            raise ServerUnavailableError("Another thread or process modified it", status=500)
        if seen.wrong:
            raise ServerUnavailableError(seen.wrong, still_working=True)
        return seen.refused

    def listing(self) -> Listing:
        return dict(self.next(Ask("listing")))  # type: ignore[arg-type]

    def listing_for(self, names: Collection[str]) -> Listing:
        return self.listing()

    def served_bytes(self, name: str) -> int | None:
        return self.next(Ask("size", name))  # type: ignore[return-value]

    def served_md5(self, name: str, *, size_bytes: int) -> str | None:
        return self.next(Ask("bytes", name))  # type: ignore[return-value]

    def read_back(self, names: Collection[str], listed: Listing) -> ReadBack:
        files = {}
        for name in names:  # one after another, as in a zip
            md5 = self.served_md5(name, size_bytes=LIMIT_BYTES)
            if md5 is not None:
                files[name] = StoredFile(listed[name].size_bytes, md5)
        return ReadBack(files, "it is not served")

    def refresh_checksums(self) -> None:
        self.next(Ask("refresh"))

    def url(self, name: str) -> str:
        return name


class _Patience(threading.Event):
    """The event that a client waits on: each pause is an action, in which others may act."""

    def __init__(self, store: _Store) -> None:
        super().__init__()
        self._store = store

    def wait(self, timeout: float | None = None) -> bool:
        if timeout:
            self._store.next(Ask("pause"))
        return False


class Runner:
    """Runs clients again and again, and remembers what they did: a tree of what each has seen, with its next action."""

    def __init__(self, folder: Path, *, polls: int) -> None:
        self._folder = folder
        self._settle_seconds = 2.0**polls - 1
        self._files: dict[tuple[Client, str], LocalFile] = {}
        self._nodes: dict[tuple[object, object], int] = {}
        self._seen: list[tuple[Client, tuple[Observation, ...]]] = []
        self.actions: list[Action] = []

    def begin(self, client: Client) -> int:
        """Give the node of a client that has seen nothing yet."""
        return self._node((client, None), client, ())

    def after(self, node: int, observation: Observation) -> int:
        """Give the node of a client that has seen one thing more."""
        client, seen = self._seen[node]
        return self._node((node, observation), client, (*seen, observation))

    def client(self, node: int) -> Client:
        return self._seen[node][0]

    def last_listing(self, node: int) -> dict[str, StoredFile]:
        """Give what a client has seen last of the archive's listing."""
        for seen in reversed(self._seen[node][1]):
            if isinstance(seen, tuple) and not isinstance(seen, Answered):
                return dict(seen)
        return {}

    def _node(self, key: tuple[object, object], client: Client, seen: tuple[Observation, ...]) -> int:
        if key not in self._nodes:
            self._nodes[key] = len(self._seen)
            self._seen.append((client, seen))
            self.actions.append(self._run(client, seen))
        return self._nodes[key]

    def _run(self, client: Client, seen: tuple[Observation, ...]) -> Action:
        store = _Store(seen)
        settings = TransferSettings(
            attempts=client.attempts,
            pause_seconds=0,
            settle_seconds=self._settle_seconds,
            large_file_bytes=1 if client.large else LIMIT_BYTES,
            read_back=client.read_back,
        )
        try:
            listed = store.listing()
            files = [self._file(client, name, content) for name, content in client.content]
            plan = make_plan(
                RESOURCE,
                files,
                listed=listed,
                read=fingerprint,
                treatment=Treatment(exist_ok=client.exist_ok),
                new_scan_type=None,
                settings=settings,
            )
            if plan.refused:
                return Report(tuple((name, "failed") for name, _ in client.content))
            writer = Writer(
                plan,
                store,
                settings=settings,
                line=_slow_line() if client.slow else Line(),
                stop=_Patience(store),
                moved=lambda _: None,
                done=lambda _: None,
                resumed=False,
            )
            result = writer.carry_out()
        except _Wants as wanted:
            return wanted.action
        except ServerUnavailableError:
            return Report(tuple((name, "failed") for name, _ in client.content))
        return Report(tuple((outcome.name, outcome.status.value) for outcome in result.outcomes))

    def _file(self, client: Client, name: str, content: bytes) -> LocalFile:
        key = client, name
        if key not in self._files:
            path = self._folder / f"{len(self._files)}-{md5_of(content)}"
            path.write_bytes(content)
            root, identity = Root(self._folder, self._folder.resolve()), identity_of(path.stat()).packed()
            self._files[key] = LocalFile(name, root, path.name, path.name, len(content), identity)
        return self._files[key]
