"""A file is stored only when a listing has said so; everything short of that is named as what it is."""

from __future__ import annotations

import os
import zlib
from hashlib import md5
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from xnat_upload import Accession, ChangedFileError, FileOutcome, Plan, Resource, Scan, Status
from xnat_upload.local.file import Fingerprint, Identity, LocalFile, identity_of
from xnat_upload.local.root import Root
from xnat_upload.planning.step import Action, Step
from xnat_upload.planning.treatment import Treatment
from xnat_upload.transfer.file_records import FileRecords

RESOURCE = Resource(Scan(Accession("hub-1", "P1", "S1", "E1", "FAK1", "xnat:mrSessionData"), "4"), "NIFTI")
SENT = Fingerprint(3, "900150983cd24fb0d6963f7d28e17f72", 0x352441C2)


def step(name: str, action: Action = Action.SEND, *, known: Fingerprint | None = None) -> Step:
    file = LocalFile(name, Root(Path("/data"), Path("/nowhere")), name, name, 3, Identity(1, 2, 3, 3).packed())
    return Step(file, action, f"reason of {name}", known)


def records_of(*steps: Step) -> FileRecords:
    return FileRecords(
        Plan(
            resource=RESOURCE, scan_type=None, steps=steps, shipments=(), treatment=Treatment(exist_ok=True), listed={}
        )
    )


def outcome(records: FileRecords, name: str = "a") -> FileOutcome:
    (found,) = (each for each in records.outcomes(lambda each: f"https://xnat.example/{each}") if each.name == name)
    return found


@pytest.mark.parametrize(
    ("action", "status"),
    [
        (Action.SEND, Status.NOT_SENT),
        (Action.REPLACE, Status.NOT_SENT),
        (Action.SKIP, Status.SKIPPED),
        (Action.REFUSE, Status.FAILED),
    ],
)
def test_before_anything_is_sent_only_the_plan_is_known(action: Action, status: Status) -> None:
    found = outcome(records_of(step("a", action, known=SENT)))
    assert (found.status, found.reason, found.attempts, found.seconds) == (status, "reason of a", 0, 0.0)
    assert (found.md5, found.size_bytes, found.url) == (SENT.md5, 3, "https://xnat.example/a")
    assert found.destination == RESOURCE.destination


def test_outcomes_come_in_the_order_of_the_plan() -> None:
    records = records_of(step("b"), step("a", Action.SKIP), step("c"))
    assert [each.name for each in records.outcomes(str)] == ["b", "a", "c"]


def test_what_the_archive_took_awaits_a_listing_and_is_not_stored_yet() -> None:
    one, other = step("a"), step("b")
    records = records_of(one, other)
    records.sent([one, other], {"a": SENT, "b": SENT}, line_bytes={}, seconds=1.5)
    assert records.awaiting == {}
    records.answered([one])
    assert records.awaiting == {"a": SENT}
    assert not outcome(records).ok
    records.stored(["a"])
    assert records.awaiting == {}
    assert outcome(records).status is Status.STORED
    assert outcome(records).md5 == SENT.md5
    assert outcome(records, "b").status is Status.NOT_SENT


def test_attempts_and_seconds_add_up() -> None:
    one = step("a")
    records = records_of(one)
    for _ in range(3):
        records.sent([one], {"a": SENT}, line_bytes={}, seconds=0.5)
    assert (outcome(records).attempts, outcome(records).seconds) == (3, 1.5)


def test_a_replaced_file_says_why_it_was_replaced() -> None:
    one, other = step("a", Action.REPLACE), step("b")
    records = records_of(one, other)
    records.stored(["a", "b"])
    assert outcome(records).reason == "size and MD5 agree; before, reason of a"
    assert outcome(records, "b").reason == "size and MD5 agree"


def test_what_is_listed_otherwise_has_failed_and_may_be_sent_once_more() -> None:
    one = step("a")
    records = records_of(one)
    records.sent([one], {"a": SENT}, line_bytes={}, seconds=0)
    records.answered([one])
    records.missing(["a"])
    assert [each.file.name for each in records.wrong] == ["a"]
    assert records.awaiting == {}
    assert (outcome(records).status, outcome(records).reason) == (Status.FAILED, "the archive does not list it")
    records.sent([one], {"a": SENT}, line_bytes={}, seconds=0)
    assert not records.wrong
    assert records.awaiting == {}, "an old answer does not count for a new request"
    records.answered([one])
    records.stored(["a"])
    assert outcome(records).ok


def test_the_fingerprint_is_of_what_left_last() -> None:
    one = step("a", known=Fingerprint(3, "old", 0))
    records = records_of(one)
    records.sent([one], {}, line_bytes={}, seconds=0)
    assert outcome(records).md5 == "old"
    records.sent([one], {"a": SENT}, line_bytes={}, seconds=0)
    assert outcome(records).md5 == SENT.md5


def test_another_clients_file_is_a_conflict_and_a_failure() -> None:
    one, other = step("a"), step("b")
    records = records_of(one, other)
    records.conflict([one], "another client stored a different file")
    assert records.conflicts == ("a",)
    assert outcome(records).status is Status.FAILED
    assert outcome(records).reason == "another client stored a different file"


def test_when_the_upload_stops_what_left_has_failed_and_what_did_not_was_not_sent() -> None:
    sent, answered, waiting, skipped = step("sent"), step("answered"), step("waiting"), step("skipped", Action.SKIP)
    records = records_of(sent, answered, waiting, skipped)
    records.sent([sent, answered], {"answered": SENT}, line_bytes={}, seconds=0)
    records.answered([answered])
    records.leave_rest("the upload was interrupted")
    assert outcome(records, "sent").status is Status.FAILED
    assert outcome(records, "waiting").status is Status.NOT_SENT
    assert outcome(records, "waiting").reason == outcome(records, "sent").reason == "the upload was interrupted"
    assert outcome(records, "skipped").status is Status.SKIPPED
    assert records.awaiting == {"answered": SENT}, "it is still to be verified"
    records.leave_unverified("no answer")
    assert outcome(records, "answered").status is Status.FAILED
    assert outcome(records, "answered").reason == "the archive took it, but that could not be verified: no answer"


def test_unproven_is_its_own_ending() -> None:
    records = records_of(step("a"))
    records.unproven(["a"])
    assert outcome(records).status is Status.UNPROVEN
    assert outcome(records).ok


def test_a_fingerprint_that_is_wanted_and_not_known_is_read_from_the_file(tmp_path: Path) -> None:
    root = Path(os.path.realpath(tmp_path))
    (root / "a").write_bytes(b"abc")
    file = LocalFile("a", Root(root, root), "a", "a", 3, identity_of((root / "a").stat()).packed())
    one = Step(file, Action.SEND, "")
    records = records_of(one)
    assert records.fingerprint(one) == Fingerprint(3, md5(b"abc").hexdigest(), zlib.crc32(b"abc"))
    (root / "a").unlink()
    assert records.fingerprint(one).size_bytes == 3, "it is read once"
    with pytest.raises(ChangedFileError):
        records_of(one).fingerprint(one)


class AnyOrderOfEvents(RuleBasedStateMachine):
    """Whatever happens in whichever order, nothing is called stored that no listing has shown."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = [step("a"), step("b", Action.REPLACE), step("c")]
        self.records = records_of(*self.steps)
        self.shown: set[str] = set()

    @rule(number=st.integers(0, 2), whole=st.booleans())
    def send(self, number: int, whole: bool) -> None:
        one = self.steps[number]
        self.records.sent([one], {one.file.name: SENT} if whole else {}, line_bytes={}, seconds=0.1)
        self.shown.discard(one.file.name)
        if whole:
            self.records.answered([one])

    @rule()
    def list_all(self) -> None:
        self.shown.update(self.records.awaiting)
        self.records.stored(list(self.records.awaiting))

    @rule()
    def list_nothing(self) -> None:
        self.records.missing(list(self.records.awaiting))

    @rule()
    def stop(self) -> None:
        self.records.leave_rest("stopped")

    @rule()
    def lose_the_listing(self) -> None:
        self.records.leave_unverified("no answer")

    @rule(number=st.integers(0, 2))
    def fail(self, number: int) -> None:
        self.records.fail([self.steps[number]], "refused")
        self.shown.discard(self.steps[number].file.name)

    @invariant()
    def only_what_was_listed_is_stored(self) -> None:
        outcomes = self.records.outcomes(str)
        assert {each.name for each in outcomes if each.ok} == self.shown
        assert [each.name for each in outcomes] == ["a", "b", "c"]
        assert not set(self.records.awaiting) & self.shown
        assert all(each.attempts or each.status in (Status.NOT_SENT, Status.FAILED) for each in outcomes)


AnyOrderOfEvents.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
test_any_order_of_events = AnyOrderOfEvents.TestCase
